-- Messages that were put aside until a person judges them.

-- name: list
-- Those that wait, by the queue that they wait in and by age; with `dropped` those that nobody is asked about any more.
-- Of each so much of its bytes as tells who wrote it and about what; a large one's lie elsewhere, and are not looked at.
SELECT message.id, message.channel, message.source, message.source_id, message.reason, message.received_at,
    item.queue, agent.external_id, message.content_type, message.facts, substring(raw_message.raw FOR 65536),
    NULL, message.topic,
    message.partition, message.log_offset, message.dedupe_key, message.outcome
FROM message
LEFT JOIN queue_item AS item ON item.kind = 'quarantined' AND item.ref = message.id
LEFT JOIN agent ON agent.id = item.owner
LEFT JOIN raw_message ON raw_message.message_id = message.id
WHERE message.outcome = 'quarantined' AND (item.ref IS NULL) = %(dropped)s
ORDER BY item.queue, message.received_at, message.id
LIMIT %(most)s;

-- name: count
SELECT count(*) FROM message
LEFT JOIN queue_item AS item ON item.kind = 'quarantined' AND item.ref = message.id
WHERE message.outcome = 'quarantined' AND (item.ref IS NULL) = %(dropped)s;

-- name: find
-- The messages whose id begins so, quarantined or not; two are enough to know that it is ambiguous.
SELECT id FROM message WHERE starts_with(id::text, %(prefix)s) ORDER BY id LIMIT 2;

-- name: one
SELECT message.id, message.channel, message.source, message.source_id, message.reason, message.received_at,
    item.queue, agent.external_id, message.content_type, message.facts, raw_message.raw, message.dataref, message.topic,
    message.partition, message.log_offset, message.dedupe_key, message.outcome
FROM message
LEFT JOIN queue_item AS item ON item.kind = 'quarantined' AND item.ref = message.id
LEFT JOIN agent ON agent.id = item.owner
LEFT JOIN raw_message ON raw_message.message_id = message.id
WHERE message.id = %(id)s;

-- name: lock
-- Of two who release a message one waits here, and finds that it was done.
SELECT id FROM message WHERE id = %(id)s FOR UPDATE;

-- name: forget_activity
-- What an item was kept as that came to no case: it is told of anew.
DELETE FROM activity USING message
WHERE message.id = %(id)s AND activity.id = message.activity_id AND activity.case_id IS NULL;

-- name: forget_keys
DELETE FROM activity_key WHERE message_id = %(id)s;

-- name: forget_raw
DELETE FROM raw_message WHERE message_id = %(id)s;

-- name: forget
DELETE FROM message WHERE id = %(id)s;
