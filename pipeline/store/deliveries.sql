-- How far activities have come that leave the desk.

-- name: leaving
SELECT id, case_id, delivery, delivery_reason, platform_id FROM activity WHERE id = ANY(%(ids)s::uuid[]);

-- name: lock_leaving
-- The same, locked; comes after their cases.
SELECT id, case_id, delivery, delivery_reason, platform_id FROM activity WHERE id = ANY(%(ids)s::uuid[])
ORDER BY id FOR UPDATE;

-- name: write_deliveries
UPDATE activity SET delivery = r.state, delivery_reason = r.reason,
    delivered_at = coalesce(activity.delivered_at, r.at),
    platform_id = coalesce(activity.platform_id, r.platform_id)
FROM json_to_recordset(%(rows)s::json) AS r (activity uuid, state text, reason text, at timestamptz, platform_id text)
WHERE activity.id = r.activity;
