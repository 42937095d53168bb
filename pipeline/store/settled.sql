-- What became of everything, asked once when all is quiet.

-- name: missing
-- Those source ids that no message and no dead letter has.
SELECT asked.id FROM unnest(%(ids)s::text[]) AS asked (id)
WHERE NOT EXISTS (SELECT FROM message WHERE message.source_id = asked.id)
    AND NOT EXISTS (SELECT FROM dead_letter WHERE jsonb_build_array('ce_id', asked.id) <@ dead_letter.headers);

-- name: unpublished
SELECT count(*) FROM outbox;

-- name: newest_cases
SELECT cases.number, cases.origin, cases.title, cases.queue, coalesce(contact.name, '') AS contact,
    (SELECT count(*) FROM activity WHERE activity.case_id = cases.id) AS messages
FROM (SELECT * FROM cases ORDER BY number DESC LIMIT %(limit)s) AS cases
LEFT JOIN contact ON contact.id = cases.contact_id
ORDER BY cases.number DESC;
