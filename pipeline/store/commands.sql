-- Commands to devices, as their sender takes them from the table.

-- name: lock
-- One active sender: the lock lives and dies with this connection.
SELECT pg_try_advisory_lock(1668246893);

-- name: waiting
-- Those that are not over, the oldest first; what was sent before its sender ended is sent again under the same id.
SELECT id, device, name, source, expires_at, arguments, case_id, activity_id FROM device_command
WHERE state IN ('queued', 'sent') ORDER BY created_at, id LIMIT %(limit)s;

-- name: changed
UPDATE device_command SET
    state = %(state)s, reason = %(reason)s,
    sent_at = CASE WHEN %(state)s = 'sent' THEN %(at)s ELSE sent_at END,
    ended_at = CASE WHEN %(state)s IN ('acknowledged', 'failed') THEN %(at)s END
WHERE id = %(id)s AND state IN ('queued', 'sent') AND state <> %(state)s
RETURNING activity_id;

-- name: says
UPDATE activity SET result = %(says)s WHERE id = %(activity)s;

-- name: feed_of_case
-- By which feed the device of a case was heard last, as far as its case tells.
SELECT cases.id, told.source FROM cases CROSS JOIN LATERAL (
    SELECT message.source FROM activity JOIN message ON message.activity_id = activity.id
    WHERE activity.case_id = cases.id AND message.channel = 'iot' ORDER BY message.received_at DESC LIMIT 1
) AS told
WHERE cases.id = ANY(%(ids)s::uuid[]);
