-- Mail that leaves, as people look at it and send it anew.

-- name: list
SELECT outbound.id, outbound.state, outbound.template, outbound.recipient, outbound.subject, cases.number,
    outbound.created_at, outbound.sent_at, outbound.attempts, outbound.unsure, outbound.reason, outbound.message_id
FROM outbound LEFT JOIN cases ON cases.id = outbound.case_id
WHERE outbound.state = ANY(%(states)s::text[])
ORDER BY outbound.ord DESC LIMIT %(limit)s;

-- name: find
SELECT id FROM outbound WHERE id::text LIKE %(prefix)s || '%%' ORDER BY ord DESC LIMIT 2;

-- name: failed_since
SELECT id FROM outbound WHERE state = 'failed' AND created_at >= %(since)s ORDER BY ord;

-- name: again
-- Sends them anew, as if they had never been tried; with the same Message-IDs.
UPDATE outbound SET state = 'queued', attempts = 0, first_at = NULL, due_at = to_timestamp(0), reason = NULL
WHERE id = ANY(%(ids)s::uuid[]) AND state IN ('failed', 'dropped', 'bounced')
RETURNING id;
