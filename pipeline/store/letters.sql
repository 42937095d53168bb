-- Mail on its way out: whose turn it is, what is known for wording it, what became of it.

-- name: take_turn
-- Only one process at a time says whose turn it is, so that limits hold.
SELECT pg_try_advisory_xact_lock(hashtext('casestream.mail.turn'));

-- name: due
-- What waits and is due, and what nobody has cared for any more since it was its turn.
(SELECT id, recipient FROM outbound WHERE state = 'queued' AND due_at <= %(now)s ORDER BY due_at, ord LIMIT %(limit)s)
UNION ALL
(SELECT id, recipient FROM outbound WHERE state = 'sending' AND handed_at <= %(forgotten)s ORDER BY ord LIMIT %(limit)s);

-- name: handed
-- To how many of each domain it was the turn lately.
SELECT lower(split_part(recipient, '@', -1)), count(*) FROM outbound
WHERE handed_at > %(since)s GROUP BY 1;

-- name: hand_over
-- It is their turn; if nobody does it, it is again after a while.
UPDATE outbound SET handed_at = %(now)s, due_at = %(again)s WHERE id = ANY(%(ids)s::uuid[]);

-- name: put_off
UPDATE outbound SET due_at = r.at
FROM unnest(%(ids)s::uuid[], %(ats)s::timestamptz[]) AS r (id, at)
WHERE outbound.id = r.id AND state = 'queued';

-- name: hold
-- False while another process, which lives, is sending it.
SELECT pg_try_advisory_lock(hashtext('casestream.mail'), hashtext(%(id)s::text));

-- name: let_go
SELECT pg_advisory_unlock_all();

-- name: begin
-- From here on nobody knows whether it left, until somebody says so.
UPDATE outbound
SET state = 'sending', attempts = attempts + 1, first_at = coalesce(first_at, %(now)s),
    unsure = unsure + (state = 'sending')::integer
WHERE id = %(id)s AND state IN ('queued', 'sending')
RETURNING id, case_id, sender, recipient, subject, template, message_id, in_reply_to, headers, body, created_at, data,
    activity_id, attempts, unsure, first_at;

-- name: facts
-- What is known of the case, of who gets the mail and who wrote it.
SELECT cases.number, cases.title, cases.status, cases.priority, contact.name, contact.fields ->> 'language',
    (SELECT agent.name FROM activity JOIN agent ON agent.external_id = activity.agent
     WHERE activity.id = %(activity_id)s)
FROM cases LEFT JOIN contact ON contact.id = cases.contact_id
WHERE cases.id = %(case_id)s;

-- name: answered
-- The message that it answers, else the first of its case: from whom, when, its text, the beginning of its bytes.
SELECT coalesce(contact.name, activity.sender), activity.at, activity.body, message.received_at,
    substring(raw_message.raw from 1 for 16384), message.source_id = %(in_reply_to)s
FROM message
LEFT JOIN activity ON activity.id = message.activity_id
LEFT JOIN contact ON contact.id = activity.contact_id
LEFT JOIN raw_message ON raw_message.message_id = message.id
WHERE message.case_id = %(case_id)s AND (%(in_reply_to)s::text IS NULL OR message.source_id = %(in_reply_to)s)
ORDER BY message.received_at LIMIT 1;

-- name: conversation
-- The ids of what that address and we wrote to each other about the case, in the order of time.
SELECT id FROM (
    SELECT message.source_id AS id, message.received_at AS at
    FROM message JOIN activity ON activity.id = message.activity_id
    WHERE message.case_id = %(case_id)s AND message.channel = 'email' AND activity.sender = %(recipient)s
        AND message.source_id LIKE '<%%'
    UNION ALL
    SELECT message_id, created_at FROM outbound
    WHERE case_id = %(case_id)s AND recipient = %(recipient)s AND state IN ('sent', 'bounced')
) AS said
WHERE at <= %(created_at)s
ORDER BY at LIMIT 500;

-- name: acknowledged
-- When that address was really told that its messages came, lately.
SELECT sent_at FROM outbound
WHERE recipient = %(recipient)s AND template = 'acknowledgement' AND sent_at > %(since)s AND id <> %(id)s
ORDER BY sent_at;

-- name: suppressed
SELECT source, reason, at FROM suppression WHERE address = lower(%(recipient)s) ORDER BY source;

-- name: became
-- Nothing when someone has said already what became of it; a bounce may be faster than this. Its days begin with its
-- first try that was one.
UPDATE outbound
SET state = %(state)s, reason = %(reason)s, sent_at = CASE WHEN %(state)s = 'sent' THEN %(at)s::timestamptz END,
    due_at = coalesce(%(due_at)s::timestamptz, due_at), unsure = unsure + %(unsure)s, attempts = attempts - %(untried)s,
    first_at = CASE WHEN attempts > %(untried)s THEN first_at END
WHERE id = %(id)s AND state = 'sending'
RETURNING id;

-- name: became_bounced
UPDATE outbound SET sent_at = %(at)s::timestamptz WHERE id = %(id)s AND state = 'bounced' AND sent_at IS NULL
RETURNING id;

-- name: suppress
INSERT INTO suppression (address, source, reason, at) VALUES (lower(%(address)s), %(source)s, %(reason)s, %(at)s)
ON CONFLICT (address, source) DO UPDATE SET reason = excluded.reason, at = excluded.at;

-- name: mark_bounced
UPDATE identity SET bounced_at = %(at)s, bounce = %(reason)s WHERE kind = 'email' AND value = lower(%(address)s);

-- name: list_suppressed
SELECT address, source, reason, at FROM suppression
WHERE %(address)s::text IS NULL OR address = lower(%(address)s) ORDER BY at, address, source;

-- name: unsuppress
-- Writing to it is allowed again; it is taken to be reachable until mail comes back again.
WITH gone AS (DELETE FROM suppression WHERE address = lower(%(address)s) RETURNING address),
    cleared AS (UPDATE identity SET bounced_at = NULL, bounce = NULL WHERE kind = 'email' AND value = lower(%(address)s))
SELECT address FROM gone;
