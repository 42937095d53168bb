-- What intake asks and writes for mail, beside what it does for every message.

-- name: sent
-- Mails of ours that these ids name.
SELECT message_id, case_id, recipient, template FROM outbound WHERE message_id = ANY(%(ids)s::text[]);

-- name: answers
-- Which of these mails somebody of ours sent on a case; its link, or its activity, may have moved since.
SELECT link.id, link.case_id, coalesce(activity.recipient, '')
FROM thread_link AS link
JOIN message ON message.case_id = link.case_id AND message.source_id = link.id
JOIN activity ON activity.id = message.activity_id
WHERE link.id = ANY(%(ids)s::text[]) AND link.own AND activity.kind = 'email' AND activity.direction = 'out'
UNION
SELECT link.id, link.case_id, coalesce(activity.recipient, '')
FROM thread_link AS link
JOIN activity ON activity.case_id = link.case_id
JOIN message ON message.activity_id = activity.id AND message.source_id = link.id
WHERE link.id = ANY(%(ids)s::text[]) AND link.own AND activity.kind = 'email' AND activity.direction = 'out';

-- name: likes
-- Locks them, so that two workers count one after the other.
SELECT key, arrivals FROM mail_like WHERE key = ANY(%(keys)s::text[]) ORDER BY key FOR UPDATE;

-- name: acknowledged
-- When these addresses were acknowledged to since a time.
SELECT recipient, created_at FROM outbound
WHERE recipient = ANY(%(addresses)s::text[]) AND template = 'acknowledgement' AND created_at > %(since)s
ORDER BY created_at;

-- name: bounced
SELECT value FROM identity WHERE kind = 'email' AND value = ANY(%(addresses)s::text[]) AND bounced_at IS NOT NULL;

-- name: misses
SELECT sender, at FROM reference_miss WHERE sender = ANY(%(senders)s::text[]) AND at > %(since)s ORDER BY at;

-- name: form_newcomers
SELECT at FROM newcomer WHERE channel = 'web' AND at > %(since)s ORDER BY at LIMIT 1000;

-- name: newcomers
-- Who else sent one of these texts first, since a time; of very many the first ones.
SELECT n.key, n.channel, n.address, n.at, n.case_id
FROM unnest(%(keys)s::text[]) AS wanted (key) CROSS JOIN LATERAL (
    SELECT * FROM newcomer WHERE newcomer.key = wanted.key AND at > %(since)s ORDER BY at LIMIT 200
) AS n
ORDER BY n.key, n.at;

-- name: touched
-- When people of ours last did something on these cases.
SELECT case_id, max(at) FROM activity
WHERE case_id = ANY(%(ids)s::uuid[]) AND (direction = 'out' OR kind IN ('note', 'task', 'resolution', 'appointment'))
GROUP BY case_id;

-- name: reach
-- Where these agents and their managers get mail.
SELECT agent.id, agent.external_id,
    (SELECT min(value) FROM identity WHERE agent_id = agent.id AND kind = 'email'),
    manager.external_id,
    (SELECT min(value) FROM identity WHERE agent_id = manager.id AND kind = 'email')
FROM agent LEFT JOIN agent AS manager ON manager.id = agent.manager_id
WHERE agent.id = ANY(%(ids)s::uuid[]);

-- name: write_likes
INSERT INTO mail_like (key, arrivals, at)
SELECT key, arrivals, at FROM json_to_recordset(%(rows)s::json) AS r (key text, arrivals jsonb, at timestamptz)
ORDER BY key COLLATE "C"
ON CONFLICT (key) DO UPDATE SET arrivals = excluded.arrivals, at = excluded.at;

-- name: write_misses
INSERT INTO reference_miss (sender, at)
SELECT sender, at FROM json_to_recordset(%(rows)s::json) AS r (sender text, at timestamptz);

-- name: write_newcomers
INSERT INTO newcomer (key, channel, address, at, case_id)
SELECT key, channel, address, at, case_id
FROM json_to_recordset(%(rows)s::json) AS r (key text, channel text, address text, at timestamptz, case_id uuid);

-- name: wrote_to
-- To which of these addresses a customer's mail of ours went on these cases.
SELECT case_id, lower(recipient) FROM outbound
WHERE case_id = ANY(%(ids)s::uuid[]) AND lower(recipient) = ANY(%(addresses)s::text[])
    AND template = ANY(%(templates)s::text[]);

-- name: write_bounced
-- Marks addresses that cannot be reached, in the order in which identities are locked.
UPDATE identity SET bounced_at = r.at, bounce = r.status
FROM (
    SELECT value, at, status
    FROM json_to_recordset(%(rows)s::json) AS b (address text, at timestamptz, status text)
    JOIN identity ON kind = 'email' AND value = b.address
    ORDER BY value COLLATE "C" FOR UPDATE OF identity
) AS r
WHERE identity.kind = 'email' AND identity.value = r.value;

-- name: write_returned
-- The mail came back; so the answer that it carried did not arrive.
WITH returned AS (
    UPDATE outbound SET state = 'bounced' WHERE message_id = ANY(%(ids)s::text[]) RETURNING activity_id
)
UPDATE activity SET delivery = 'failed', delivery_reason = 'the mail came back'
FROM returned WHERE activity.id = returned.activity_id;

-- name: write_suppressed
-- No more mail goes there; what else keeps it back stays.
INSERT INTO suppression (address, source, reason, at)
SELECT address, 'bounce', status, at
FROM json_to_recordset(%(rows)s::json) AS r (address text, at timestamptz, status text) ORDER BY address COLLATE "C"
ON CONFLICT (address, source) DO UPDATE SET reason = excluded.reason, at = excluded.at;

-- name: write_watches
INSERT INTO case_watch (case_id, mailbox, queue)
SELECT case_id, mailbox, queue FROM json_to_recordset(%(rows)s::json) AS r (case_id uuid, mailbox text, queue text)
ON CONFLICT DO NOTHING;
