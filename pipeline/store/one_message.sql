-- One settled message as it was received.

-- name: one_message
SELECT message.source_id, message.channel, message.source, message.received_at, message.content_type, message.facts,
    raw_message.raw, message.dataref, cases.number
FROM message
LEFT JOIN raw_message ON raw_message.message_id = message.id
LEFT JOIN cases ON cases.id = message.case_id
WHERE message.source_id = ANY(%(names)s::text[]) OR message.id::text LIKE %(beginning)s
ORDER BY message.received_at DESC, message.id DESC
LIMIT 1;
