-- Calls, social items and alarms: activities that several messages tell of, and what devices said last.

-- A call or item that opened no case is an activity all the same; `told` is what each message said of it, from which
-- all else follows, so that the order in which they came does not matter. `result` is how a call stands.
ALTER TABLE activity
    ALTER COLUMN case_id DROP NOT NULL,
    ADD COLUMN result text,
    ADD COLUMN recipient text,
    ADD COLUMN agent text,
    ADD COLUMN started_at timestamptz,
    ADD COLUMN answered_at timestamptz,
    ADD COLUMN ended_at timestamptz,
    ADD COLUMN duration_s integer,
    ADD COLUMN billable_s integer,
    ADD COLUMN earlier text[],
    ADD COLUMN hidden boolean NOT NULL DEFAULT false,
    ADD COLUMN told jsonb;

-- Calls in progress: few at any time, and looked for when someone forgot to hang up.
CREATE INDEX activity_open ON activity (started_at) WHERE state = 'open';

-- The call or item that messages tell of, by each key under which they may name it.
CREATE TABLE activity_key (
    key text COLLATE "C" PRIMARY KEY,
    activity_id uuid NOT NULL,
    message_id uuid NOT NULL
);

-- The case that a conversation had last: a pair that exchanges direct messages, an author under a post.
CREATE TABLE conversation (
    key text COLLATE "C" PRIMARY KEY,
    case_id uuid NOT NULL
);

CREATE TABLE alarm (
    device text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    active boolean NOT NULL,
    severity text,
    text text NOT NULL,
    raised_at timestamptz,
    changed_at timestamptz NOT NULL,
    cleared_at timestamptz,
    case_id uuid,
    PRIMARY KEY (device, name)
) WITH (fillfactor = 80);

-- The last value of each name; what is older is dropped.
CREATE TABLE device_state (
    device text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    value jsonb,
    at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (device, name)
) WITH (fillfactor = 50);

ALTER TABLE cases ADD COLUMN device text;
CREATE INDEX cases_active_contact ON cases (contact_id) WHERE state = 'active';

-- A record of many readings may hold several that cannot be read, each a letter of its own.
ALTER TABLE dead_letter ADD COLUMN item integer NOT NULL DEFAULT 0;
ALTER TABLE dead_letter DROP CONSTRAINT dead_letter_topic_partition_epoch_log_offset_key;
ALTER TABLE dead_letter ADD UNIQUE (topic, partition, epoch, log_offset, item);
