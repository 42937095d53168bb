-- What intake and casework ask and write about entitlements.

-- name: entitlements
-- The entitlements of these customers that run at some time from `since` on, and those that cases have already; locked,
-- so that what is left of them is what is left until the end of the transaction. A contact that was merged into another
-- is that other one.
SELECT external_id, account_id,
    array(SELECT coalesce(survivor_id, id) FROM contact WHERE id = ANY(contacts)), device, products, state, starts_at, ends_at, is_default, sla, used, used_by,
    exhausted_at IS NOT NULL, allotment, total, channels, only_listed, decrement_on, restrict
FROM entitlement
WHERE external_id = ANY(%(names)s::text[])
    OR (state = 'active' AND account_id IS NOT NULL AND account_id = ANY(%(accounts)s::uuid[])
        AND (ends_at IS NULL OR ends_at > %(since)s))
    OR (state = 'active' AND account_id IS NULL AND cardinality(contacts) > 0 AND contacts && array(
            SELECT id FROM contact WHERE id = ANY(%(contacts)s::uuid[]) OR survivor_id = ANY(%(contacts)s::uuid[]))
        AND (ends_at IS NULL OR ends_at > %(since)s))
    OR (state = 'active' AND device IS NOT NULL AND device = ANY(%(devices)s::text[])
        AND (ends_at IS NULL OR ends_at > %(since)s))
ORDER BY external_id COLLATE "C" FOR UPDATE;

-- name: lines
-- What these cases drew and gave back so far; they are locked.
SELECT case_id, entitlement, transition, turn, units, channel, activity_id
FROM entitlement_ledger WHERE case_id = ANY(%(cases)s::uuid[]) ORDER BY ord;

-- name: work
-- The billable work of these cases; an item on a platform is of the platform that its case came by. A resolution says
-- what all of it amounted to.
SELECT activity.case_id, activity.id, CASE activity.kind WHEN 'social' THEN cases.origin ELSE activity.kind END,
    activity.billable_s, activity.adjusts
FROM activity JOIN cases ON cases.id = activity.case_id
WHERE activity.case_id = ANY(%(cases)s::uuid[]) AND activity.state = 'closed' AND activity.billable_s <> 0
    AND activity.kind <> 'resolution'
ORDER BY activity.at, activity.id;

-- name: write_lines
-- Adds lines to the ledger, and to the sums of their entitlements what of them is new: a line that is there already,
-- because its transition was told before, adds nothing.
WITH written AS (
    INSERT INTO entitlement_ledger (case_id, entitlement, transition, turn, activity_id, channel, units, at)
    SELECT case_id, entitlement, transition, turn, activity_id, channel, units, at
    FROM json_to_recordset(%(rows)s::json) AS r (case_id uuid, entitlement text, transition text, turn int,
        activity_id uuid, channel text, units bigint, at timestamptz)
    ON CONFLICT (case_id, entitlement, transition, turn, activity_id) DO NOTHING
    RETURNING entitlement, channel, units
), by_channel AS (
    SELECT entitlement, channel, sum(units) AS units FROM written GROUP BY entitlement, channel
), added AS (
    SELECT entitlement, sum(units) AS units,
        coalesce(jsonb_object_agg(channel, units) FILTER (WHERE channel IS NOT NULL), '{}') AS channels
    FROM by_channel GROUP BY entitlement
)
UPDATE entitlement SET
    used = used + added.units,
    used_by = used_by || coalesce((
        SELECT jsonb_object_agg(key, value::bigint + coalesce((used_by ->> key)::bigint, 0))
        FROM jsonb_each_text(added.channels)), '{}')
FROM added WHERE external_id = added.entitlement;

-- name: write_exhausted
UPDATE entitlement SET exhausted_at = r.at
FROM unnest(%(names)s::text[], %(moments)s::timestamptz[]) AS r (external_id, at)
WHERE entitlement.external_id = r.external_id AND exhausted_at IS NULL;
