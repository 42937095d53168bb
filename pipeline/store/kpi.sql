-- What was promised on cases.

-- name: read_kpis
SELECT id, case_id, number, kpi, sla, key, value, warn_at, fail_at, warned_at, breached_at, succeeded_at, ended_at,
    ended_by, stretches
FROM kpi WHERE case_id = ANY(%(cases)s::uuid[]) ORDER BY case_id, number;

-- name: entitled_slas
-- The SLA that comes with each of these entitlements, of those that have one.
SELECT external_id, sla FROM entitlement WHERE external_id = ANY(%(entitlements)s::text[]) AND sla IS NOT NULL;

-- name: write_kpis
UPDATE kpi
SET sla = r.sla, key = r.key, state = r.state, warn_at = r.warn_at, fail_at = r.fail_at, warned_at = r.warned_at,
    breached_at = r.breached_at, succeeded_at = r.succeeded_at, ended_at = r.ended_at, ended_by = r.ended_by,
    stretches = r.stretches
FROM json_to_recordset(%(rows)s::json) AS r (id uuid, sla text, key text, state text, warn_at timestamptz,
    fail_at timestamptz, warned_at timestamptz, breached_at timestamptz, succeeded_at timestamptz, ended_at timestamptz,
    ended_by text, stretches jsonb)
WHERE kpi.id = r.id;

-- name: promised_on
-- A case by its number, with what was promised on it; a row without an instance when nothing was.
SELECT now(), kpi.id, case_id, kpi.number, kpi, kpi.sla, key, value, warn_at, fail_at, warned_at, breached_at,
    succeeded_at, ended_at, ended_by, stretches
FROM cases LEFT JOIN kpi ON kpi.case_id = cases.id WHERE cases.number = %(number)s ORDER BY kpi.number;

-- name: look_again
-- Lets the timers of open promises fire now whose key is none of these, so that they are reckoned anew.
UPDATE timer SET at = now(), due = now()
FROM kpi
WHERE kpi.ended_at IS NULL AND kpi.key <> ALL(%(keys)s::text[])
    AND timer.kind IN ('sla.warn', 'sla.fail') AND timer.key = kpi.id::text AND timer.at > now();
