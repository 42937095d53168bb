-- Alarms that rules raise on readings, whether devices are heard, maintenance, and commands to devices.

-- A device that was ever heard, if a rule is about silence: when last, by which feed, and which rules watch it.
CREATE TABLE device_watch (
    device text COLLATE "C" PRIMARY KEY,
    source text NOT NULL,
    heard_at timestamptz NOT NULL,
    watched text[] NOT NULL
) WITH (fillfactor = 50);

-- What a rule knows of a device: pending, active, or how it was cleared last. One row each, so one alarm each.
CREATE TABLE rule_alarm (
    device text COLLATE "C" NOT NULL,
    rule text COLLATE "C" NOT NULL,
    source text NOT NULL,
    state text NOT NULL CHECK (state IN ('pending', 'active', 'cleared')),
    holding jsonb NOT NULL,
    level integer,
    severity text,
    text text NOT NULL,
    since timestamptz,
    due timestamptz,
    late boolean NOT NULL,
    raised_at timestamptz,
    changed_at timestamptz NOT NULL,
    cleared_at timestamptz,
    flaps integer NOT NULL,
    group_key text,
    case_id uuid,
    PRIMARY KEY (device, rule)
) WITH (fillfactor = 80);
CREATE INDEX rule_alarm_group ON rule_alarm (rule, group_key, raised_at) WHERE group_key IS NOT NULL;

-- Alarms of many devices at once: the row is the lock under which they are counted.
CREATE TABLE alarm_group (
    rule text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    case_id uuid,
    PRIMARY KEY (rule, key)
);

-- Times in which devices raise nothing; about all of them where none is named.
CREATE TABLE maintenance (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    begins timestamptz NOT NULL,
    ends timestamptz NOT NULL,
    devices text[] NOT NULL,
    products text[] NOT NULL,
    gateways text[] NOT NULL,
    accounts text[] NOT NULL,
    CHECK (begins <= ends)
);
CREATE INDEX maintenance_ends ON maintenance (ends);

-- Commands to devices, followed until the device has answered. What is not sent until `expires_at` is sent no more.
CREATE TABLE device_command (
    id uuid PRIMARY KEY,
    device text NOT NULL,
    name text NOT NULL,
    source text NOT NULL,
    rule text NOT NULL,
    case_id uuid,
    activity_id uuid,
    state text NOT NULL CHECK (state IN ('queued', 'sent', 'acknowledged', 'failed')),
    reason text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    sent_at timestamptz,
    ended_at timestamptz
);
CREATE INDEX device_command_open ON device_command (created_at, id) WHERE state IN ('queued', 'sent');
