-- What intake asks and writes when a batch holds calls, social items or readings; mail runs none of it.

-- name: lock_keys
-- Every key of the calls and items that some keys name: two workers may know one of them by different keys, and neither
-- must write what was told without what the other adds. The activities themselves are their cases' affair.
SELECT key FROM activity_key
WHERE activity_id IN (SELECT activity_id FROM activity_key WHERE key = ANY(%(keys)s::text[]))
ORDER BY key FOR UPDATE;

-- name: activities
-- The calls and items that these keys name, with whose they are. An answer that left from here was told by nobody: it
-- says what it says.
SELECT k.key, activity.id, k.message_id, activity.case_id, activity.kind,
    coalesce(activity.told, jsonb_build_array(jsonb_build_object('at', activity.at, 'text', activity.body))),
    contact.id, contact.external_id, contact.name, account.id, account.external_id, account.name,
    activity.delivery IS NOT NULL
FROM activity_key AS k JOIN activity ON activity.id = k.activity_id
LEFT JOIN contact ON contact.id = activity.contact_id
LEFT JOIN account ON account.id = contact.account_id
WHERE k.key = ANY(%(keys)s::text[]) ORDER BY activity.id;

-- name: callers
-- What is known of these numbers, locked in their order, since two calls with one number may be told at once.
SELECT number, answered_at, call_back, called_at FROM caller
WHERE number = ANY(%(numbers)s::text[]) ORDER BY number FOR UPDATE;

-- name: conversations
SELECT key, case_id FROM conversation WHERE key = ANY(%(keys)s::text[]);

-- name: alarms
SELECT alarm.device, alarm.name, active, severity, text, raised_at, changed_at, cleared_at, case_id
FROM alarm JOIN unnest(%(devices)s::text[], %(names)s::text[]) AS wanted (device, name) USING (device, name);

-- name: states
SELECT state.device, state.name, value, at, received_at
FROM device_state AS state
JOIN unnest(%(devices)s::text[], %(names)s::text[]) AS wanted (device, name) USING (device, name);

-- name: active_cases
-- The active cases of these contacts, the oldest few of each: whoever asks wants to know whether there is only one.
SELECT wanted.id, found.id
FROM unnest(%(contacts)s::uuid[]) AS wanted (id) CROSS JOIN LATERAL (
    SELECT id FROM cases WHERE contact_id = wanted.id AND state = 'active' ORDER BY number LIMIT %(most)s
) AS found;

-- name: write_activities
-- Calls and items as they stand now; those that were there are locked by their keys since they were read. Somebody may
-- have moved one to another case meanwhile: there it stays.
INSERT INTO activity (id, case_id, kind, direction, state, result, subject, body, sender, recipient, agent, contact_id,
    at, started_at, answered_at, ended_at, duration_s, billable_s, earlier, hidden, told, defects, queue)
SELECT id, case_id, kind, direction, state, result, subject, body, sender, recipient, agent, contact_id,
    at, started_at, answered_at, ended_at, duration_s, billable_s, earlier, hidden, told, defects, queue
FROM json_to_recordset(%(rows)s::json) AS r (id uuid, case_id uuid, kind text, direction text, state text, result text,
    subject text, body text, sender text, recipient text, agent text, contact_id uuid, at timestamptz,
    started_at timestamptz, answered_at timestamptz, ended_at timestamptz, duration_s int, billable_s int,
    earlier text[], hidden boolean, told jsonb, defects text[], queue text)
ON CONFLICT (id) DO UPDATE SET
    case_id = coalesce(activity.case_id, excluded.case_id), direction = excluded.direction, state = excluded.state,
    result = excluded.result,
    subject = excluded.subject, body = excluded.body, sender = excluded.sender,
    recipient = coalesce(excluded.recipient, activity.recipient), agent = coalesce(excluded.agent, activity.agent),
    contact_id = excluded.contact_id, at = excluded.at, started_at = excluded.started_at,
    answered_at = excluded.answered_at, ended_at = excluded.ended_at, duration_s = excluded.duration_s,
    billable_s = excluded.billable_s, earlier = excluded.earlier, hidden = excluded.hidden, told = excluded.told,
    defects = excluded.defects;

-- name: write_about
INSERT INTO activity_key (key, activity_id, message_id)
SELECT key, activity_id, message_id
FROM json_to_recordset(%(rows)s::json) AS r (key text, activity_id uuid, message_id uuid) ORDER BY key COLLATE "C"
ON CONFLICT (key) DO UPDATE SET activity_id = excluded.activity_id, message_id = excluded.message_id;

-- name: close_activities
UPDATE activity SET state = 'closed' WHERE id = ANY(%(ids)s::uuid[]);

-- name: write_callers
INSERT INTO caller (number, answered_at, call_back, called_at)
SELECT number, answered_at, call_back, called_at
FROM json_to_recordset(%(rows)s::json) AS r (number text, answered_at timestamptz, call_back uuid,
    called_at timestamptz)
ORDER BY number COLLATE "C"
ON CONFLICT (number) DO UPDATE SET answered_at = excluded.answered_at, call_back = excluded.call_back,
    called_at = excluded.called_at;

-- name: write_conversations
INSERT INTO conversation (key, case_id)
SELECT key, case_id FROM json_to_recordset(%(rows)s::json) AS r (key text, case_id uuid) ORDER BY key COLLATE "C"
ON CONFLICT (key) DO UPDATE SET case_id = excluded.case_id;

-- name: write_alarms
INSERT INTO alarm (device, name, active, severity, text, raised_at, changed_at, cleared_at, case_id)
SELECT device, name, active, severity, text, raised_at, changed_at, cleared_at, case_id
FROM json_to_recordset(%(rows)s::json) AS r (device text, name text, active boolean, severity text, text text,
    raised_at timestamptz, changed_at timestamptz, cleared_at timestamptz, case_id uuid)
ORDER BY device COLLATE "C", name COLLATE "C"
ON CONFLICT (device, name) DO UPDATE SET
    active = excluded.active, severity = excluded.severity, text = excluded.text, raised_at = excluded.raised_at,
    changed_at = excluded.changed_at, cleared_at = excluded.cleared_at, case_id = excluded.case_id;

-- name: write_states
-- Keeps the newest value of each name; one that is older than what is there changes nothing.
INSERT INTO device_state AS s (device, name, value, at, received_at)
SELECT device, name, value, at, received_at
FROM json_to_recordset(%(rows)s::json) AS r (device text, name text, value jsonb, at timestamptz,
    received_at timestamptz)
ORDER BY device COLLATE "C", name COLLATE "C"
ON CONFLICT (device, name) DO UPDATE SET value = excluded.value, at = excluded.at, received_at = excluded.received_at
WHERE s.at <= excluded.at;
