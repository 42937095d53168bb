-- Commands to devices, as their sender takes them from the table.

-- name: lock
-- One active sender: the lock lives and dies with this connection.
SELECT pg_try_advisory_lock(1668246893);

-- name: waiting
-- Those that are not over, the oldest first; what was sent before its sender ended is sent again under the same id.
SELECT id, device, name, source, expires_at FROM device_command
WHERE state IN ('queued', 'sent') ORDER BY created_at, id LIMIT %(limit)s;

-- name: changed
WITH moved AS (
    UPDATE device_command SET
        state = %(state)s, reason = %(reason)s,
        sent_at = CASE WHEN %(state)s = 'sent' THEN %(at)s ELSE sent_at END,
        ended_at = CASE WHEN %(state)s IN ('acknowledged', 'failed') THEN %(at)s END
    WHERE id = %(id)s AND state IN ('queued', 'sent')
    RETURNING activity_id
)
UPDATE activity SET result = %(says)s FROM moved WHERE activity.id = moved.activity_id;
