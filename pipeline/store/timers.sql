-- Timers: arming and firing, in the order of locks after cases.

-- name: begin_firing
-- One transaction fires at a time; the next may as soon as this one ends, however it ends.
SELECT clock_timestamp(), pg_try_advisory_xact_lock(4921857);

-- name: due_timers
-- The first ones of each kind of waiting, found by the end to which what it waits for is settled. What failed is due later
-- than at its time, and looked for by itself.
SELECT kind, key, at, case_id, waits_for, data FROM (
    (SELECT kind, key, at, case_id, waits_for, data, due FROM timer
    WHERE set_aside IS NULL AND waits_for IS NULL AND due <= %(now)s
    ORDER BY due, kind, key LIMIT %(limit)s)
    UNION
    (SELECT kind, key, at, case_id, waits_for, data, due FROM timer
    WHERE set_aside IS NULL AND waits_for = 'messages' AND due <= least(%(now)s, %(messages)s)
    ORDER BY due, kind, key LIMIT %(limit)s)
    UNION
    (SELECT kind, key, at, case_id, waits_for, data, due FROM timer
    WHERE set_aside IS NULL AND waits_for = 'devices' AND due <= least(%(now)s, %(devices)s)
    ORDER BY due, kind, key LIMIT %(limit)s)
    UNION
    (SELECT kind, key, at, case_id, waits_for, data, due FROM timer
    WHERE failures > 0 AND set_aside IS NULL AND due <= %(now)s
        AND at <= CASE waits_for WHEN 'messages' THEN %(messages)s WHEN 'devices' THEN %(devices)s ELSE %(now)s END
    ORDER BY due, kind, key LIMIT %(limit)s)
) AS due
ORDER BY due, kind, key
LIMIT %(limit)s;

-- name: still_there
-- Those still there at the same time. They are not locked: mostly whoever moves one has its case locked, or what it is
-- about claimed; one that is armed anew meanwhile stays, since only what was read is taken away.
SELECT timer.kind, timer.key, timer.at
FROM timer JOIN unnest(%(kinds)s::text[], %(keys)s::text[], %(ats)s::timestamptz[]) AS wanted (kind, key, at)
    USING (kind, key, at);

-- name: fired
DELETE FROM timer USING unnest(%(kinds)s::text[], %(keys)s::text[], %(ats)s::timestamptz[]) AS gone (kind, key, at)
WHERE timer.kind = gone.kind AND timer.key = gone.key AND timer.at = gone.at;

-- name: next_timer
-- Of each kind of waiting the first one.
SELECT clock_timestamp(), least(
    (SELECT min(due) FROM timer WHERE set_aside IS NULL AND waits_for IS NULL),
    (SELECT min(due) FROM timer WHERE set_aside IS NULL AND waits_for = 'messages'),
    (SELECT min(due) FROM timer WHERE set_aside IS NULL AND waits_for = 'devices')
);

-- name: put_off
-- Each failure in a row doubles the time until it is tried again; after so many it is set aside.
UPDATE timer SET
    due = %(now)s + %(after)s * power(2, failures),
    failures = failures + 1,
    reason = r.reason,
    set_aside = CASE WHEN failures + 1 >= %(most)s THEN %(now)s END
FROM unnest(%(kinds)s::text[], %(keys)s::text[], %(reasons)s::text[]) AS r (kind, key, reason)
WHERE timer.kind = r.kind AND timer.key = r.key
RETURNING timer.kind, timer.key, set_aside IS NOT NULL;

-- name: failing
-- What failed, what is set aside first.
SELECT timer.kind, timer.key, timer.at, timer.failures, timer.reason, timer.due, timer.set_aside, cases.number
FROM timer LEFT JOIN cases ON cases.id = timer.case_id
WHERE failures > 0
ORDER BY set_aside NULLS LAST, due, kind, key;

-- name: try_again
UPDATE timer SET due = now(), failures = 0, set_aside = NULL
WHERE failures > 0 AND (%(key)s::text IS NULL OR key = %(key)s)
RETURNING kind, key;

-- name: arm
INSERT INTO timer (kind, key, at, due, case_id, waits_for, data)
SELECT kind, key, at, at, case_id, waits_for, data
FROM json_to_recordset(%(rows)s::json) AS r (kind text, key text, at timestamptz, case_id uuid, waits_for text,
    data jsonb)
ORDER BY kind COLLATE "C", key COLLATE "C"
ON CONFLICT (kind, key) DO UPDATE SET
    at = excluded.at, due = excluded.due, failures = 0, reason = NULL, set_aside = NULL, case_id = excluded.case_id, waits_for = excluded.waits_for,
    data = excluded.data;

-- name: disarm
DELETE FROM timer USING unnest(%(kinds)s::text[], %(keys)s::text[]) AS gone (kind, key)
WHERE timer.kind = gone.kind AND timer.key = gone.key;
