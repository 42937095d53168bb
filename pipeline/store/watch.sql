-- What rules on readings ask and write; who asks has claimed the devices.

-- name: watched
SELECT watch.device, watch.source, watch.heard_at, watch.watched
FROM device_watch AS watch WHERE watch.device = ANY(%(devices)s::text[]);

-- name: alarms
SELECT device, rule, source, state, holding, level, severity, text, since, due, late, raised_at, changed_at, cleared_at,
    flaps, group_key, case_id, noted, folded
FROM rule_alarm WHERE device = ANY(%(devices)s::text[]);

-- name: windows
SELECT name, begins, ends, devices, products, gateways, accounts FROM maintenance WHERE ends > %(since)s;

-- name: make_groups
INSERT INTO alarm_group (rule, key)
SELECT rule, key FROM unnest(%(rules)s::text[], %(keys)s::text[]) AS wanted (rule, key)
ORDER BY rule COLLATE "C", key COLLATE "C"
ON CONFLICT DO NOTHING;

-- name: lock_groups
-- Two workers that raise alarms of one group count them one after the other.
SELECT g.rule, g.key, g.case_id
FROM alarm_group AS g JOIN unnest(%(rules)s::text[], %(keys)s::text[]) AS wanted (rule, key) USING (rule, key)
ORDER BY g.rule, g.key
FOR UPDATE OF g;

-- name: members
-- Of a gateway with very many devices the latest are enough to count.
SELECT wanted.rule, wanted.key, member.device, member.raised_at, member.case_id
FROM unnest(%(rules)s::text[], %(keys)s::text[]) AS wanted (rule, key) CROSS JOIN LATERAL (
    SELECT device, raised_at, case_id FROM rule_alarm
    WHERE rule = wanted.rule AND group_key = wanted.key AND state = 'active' AND raised_at >= %(since)s
    ORDER BY raised_at DESC LIMIT 1000
) AS member;

-- name: touched
-- The cases of these on which a person did something: an agent, or a customer.
SELECT wanted.id FROM unnest(%(cases)s::uuid[]) AS wanted (id)
WHERE EXISTS (
        SELECT FROM event WHERE event.key = wanted.id::text AND data -> 'actor' ->> 'kind' IN ('agent', 'customer')
    ) OR EXISTS (
        SELECT FROM activity
        WHERE activity.case_id = wanted.id AND (agent IS NOT NULL OR kind NOT IN ('iot', 'resolution'))
    );

-- name: write_watched
INSERT INTO device_watch (device, source, heard_at, watched)
SELECT device, source, heard_at, watched
FROM json_to_recordset(%(rows)s::json) AS r (device text, source text, heard_at timestamptz, watched text[])
ORDER BY device COLLATE "C"
ON CONFLICT (device) DO UPDATE SET
    source = excluded.source, heard_at = excluded.heard_at, watched = excluded.watched;

-- name: write_alarms
INSERT INTO rule_alarm (device, rule, source, state, holding, level, severity, text, since, due, late, raised_at,
    changed_at, cleared_at, flaps, group_key, case_id, noted, folded)
SELECT device, rule, source, state, holding, level, severity, text, since, due, late, raised_at, changed_at, cleared_at,
    flaps, group_key, case_id, noted, folded
FROM json_to_recordset(%(rows)s::json) AS r (device text, rule text, source text, state text, holding jsonb, level int,
    severity text, text text, since timestamptz, due timestamptz, late boolean, raised_at timestamptz,
    changed_at timestamptz, cleared_at timestamptz, flaps int, group_key text, case_id uuid,
    noted int, folded uuid)
ORDER BY device COLLATE "C", rule COLLATE "C"
ON CONFLICT (device, rule) DO UPDATE SET
    source = excluded.source, state = excluded.state, holding = excluded.holding, level = excluded.level,
    severity = excluded.severity, text = excluded.text, since = excluded.since, due = excluded.due,
    late = excluded.late, raised_at = excluded.raised_at, changed_at = excluded.changed_at,
    cleared_at = excluded.cleared_at, flaps = excluded.flaps, group_key = excluded.group_key,
    case_id = excluded.case_id, noted = excluded.noted, folded = excluded.folded;

-- name: forget_alarms
DELETE FROM rule_alarm USING unnest(%(devices)s::text[], %(rules)s::text[]) AS gone (device, rule)
WHERE rule_alarm.device = gone.device AND rule_alarm.rule = gone.rule;

-- name: retell
-- What an activity says that stands for many moves of an alarm.
UPDATE activity SET subject = r.subject, body = r.body
FROM json_to_recordset(%(rows)s::json) AS r (id uuid, subject text, body text)
WHERE activity.id = r.id;

-- name: write_groups
UPDATE alarm_group SET case_id = r.case_id
FROM json_to_recordset(%(rows)s::json) AS r (rule text, key text, case_id uuid)
WHERE alarm_group.rule = r.rule AND alarm_group.key = r.key;

-- name: write_commands
INSERT INTO device_command (id, device, name, source, rule, case_id, activity_id, state, created_at, expires_at,
    arguments)
SELECT id, device, name, source, rule, case_id, activity_id, state, created_at, expires_at, arguments
FROM json_to_recordset(%(rows)s::json) AS r (id uuid, device text, name text, source text, rule text, case_id uuid,
    activity_id uuid, state text, created_at timestamptz, expires_at timestamptz, arguments jsonb);
