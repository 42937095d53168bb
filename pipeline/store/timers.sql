-- Timers: arming and firing, in the order of locks after cases.

-- name: begin_firing
-- One transaction fires at a time; the next may as soon as this one ends, however it ends.
SELECT clock_timestamp(), pg_try_advisory_xact_lock(4921857);

-- name: due_timers
SELECT kind, key, at, case_id, waits_for, data FROM timer
WHERE due <= %(now)s
    AND at <= CASE waits_for WHEN 'messages' THEN %(messages)s WHEN 'devices' THEN %(devices)s ELSE %(now)s END
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
SELECT clock_timestamp(), min(due) FROM timer;

-- name: postpone
UPDATE timer SET due = %(until)s, failures = failures + 1
FROM unnest(%(kinds)s::text[], %(keys)s::text[]) AS wanted (kind, key)
WHERE timer.kind = wanted.kind AND timer.key = wanted.key;

-- name: arm
INSERT INTO timer (kind, key, at, due, case_id, waits_for, data)
SELECT kind, key, at, at, case_id, waits_for, data
FROM json_to_recordset(%(rows)s::json) AS r (kind text, key text, at timestamptz, case_id uuid, waits_for text,
    data jsonb)
ORDER BY kind COLLATE "C", key COLLATE "C"
ON CONFLICT (kind, key) DO UPDATE SET
    at = excluded.at, due = excluded.due, failures = 0, case_id = excluded.case_id, waits_for = excluded.waits_for,
    data = excluded.data;

-- name: disarm
DELETE FROM timer USING unnest(%(kinds)s::text[], %(keys)s::text[]) AS gone (kind, key)
WHERE timer.kind = gone.kind AND timer.key = gone.key;
