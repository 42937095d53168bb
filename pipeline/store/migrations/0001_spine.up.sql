-- The spine: the offset ledger, customers, cases, messages, events.

-- How far each partition is settled; `next` is the fence: whoever holds the row may take the record that equals it.
-- `next - first = settled + gaps` is the first of the two sums of accounted intake.
CREATE TABLE offset_ledger (
    topic text NOT NULL,
    partition integer NOT NULL,
    cluster_id text NOT NULL,
    epoch integer NOT NULL DEFAULT 0,
    first bigint NOT NULL,
    next bigint NOT NULL,
    settled bigint NOT NULL DEFAULT 0,
    gaps bigint NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    resumed_at bigint NOT NULL DEFAULT 0,
    stopped_reason text,
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50);

-- Offsets that do not exist; those of an earlier epoch were of a log that is no more.
CREATE TABLE ledger_gap (
    topic text NOT NULL,
    partition integer NOT NULL,
    epoch integer NOT NULL,
    expected bigint NOT NULL,
    found bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition, epoch, expected)
);

-- Messages by outcome for each source and hour; split by partition so that two workers never wait for each other.
CREATE TABLE intake_count (
    topic text NOT NULL,
    partition integer NOT NULL,
    source text NOT NULL,
    hour timestamptz NOT NULL,
    received bigint NOT NULL DEFAULT 0,
    opened bigint NOT NULL DEFAULT 0,
    appended bigint NOT NULL DEFAULT 0,
    recorded bigint NOT NULL DEFAULT 0,
    duplicate bigint NOT NULL DEFAULT 0,
    suppressed bigint NOT NULL DEFAULT 0,
    quarantined bigint NOT NULL DEFAULT 0,
    dead bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (topic, partition, source, hour)
) WITH (fillfactor = 50);

CREATE TABLE account (
    id uuid PRIMARY KEY,
    external_id text UNIQUE,
    name text NOT NULL
);

CREATE TABLE account_domain (
    domain text PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES account
);

CREATE TABLE contact (
    id uuid PRIMARY KEY,
    external_id text UNIQUE,
    name text NOT NULL,
    account_id uuid REFERENCES account,
    created_at timestamptz NOT NULL
);

-- What a sender is known by; it points to one contact or one account and says where it came from.
CREATE TABLE identity (
    kind text NOT NULL,
    value text COLLATE "C" NOT NULL,
    contact_id uuid REFERENCES contact,
    account_id uuid REFERENCES account,
    origin text NOT NULL,
    PRIMARY KEY (kind, value),
    CHECK ((contact_id IS NULL) <> (account_id IS NULL))
);

CREATE SEQUENCE case_number START 1001;

CREATE TABLE cases (
    id uuid PRIMARY KEY,
    number bigint NOT NULL UNIQUE,
    title text NOT NULL,
    state text NOT NULL CHECK (state IN ('active', 'resolved', 'cancelled')),
    status text NOT NULL,
    priority text NOT NULL CHECK (priority IN ('low', 'normal', 'high', 'urgent')),
    origin text NOT NULL,
    queue text NOT NULL,
    owner_id uuid,
    contact_id uuid REFERENCES contact,
    account_id uuid REFERENCES account,
    opened_at timestamptz NOT NULL,
    resolved_at timestamptz,
    follow_up_of uuid REFERENCES cases,
    linked_to uuid REFERENCES cases,
    merged_into uuid REFERENCES cases,
    flags text[] NOT NULL DEFAULT '{}',
    revision bigint NOT NULL,
    event_seq bigint NOT NULL
) WITH (fillfactor = 80);

CREATE TABLE case_participant (
    case_id uuid NOT NULL,
    address text COLLATE "C" NOT NULL,
    PRIMARY KEY (case_id, address)
);

CREATE TABLE activity (
    id uuid PRIMARY KEY,
    case_id uuid NOT NULL,
    kind text NOT NULL,
    direction text NOT NULL,
    state text NOT NULL,
    subject text NOT NULL,
    body text NOT NULL,
    sender text,
    contact_id uuid,
    at timestamptz NOT NULL
);
CREATE INDEX activity_case ON activity (case_id, at);
ALTER TABLE activity ALTER COLUMN body SET STORAGE EXTERNAL;  -- compressing costs more time than it saves space

-- Every message that was settled, with its outcome and its raw bytes (or where they lie).
CREATE TABLE message (
    id uuid PRIMARY KEY,
    channel text NOT NULL,
    source text NOT NULL,
    source_id text NOT NULL,
    dedupe_key text COLLATE "C",
    outcome text NOT NULL,
    reason text NOT NULL,
    matched_by text,
    case_id uuid,
    contact_id uuid,
    activity_id uuid,
    received_at timestamptz NOT NULL,
    flags text[] NOT NULL DEFAULT '{}',
    defects text[] NOT NULL DEFAULT '{}',
    body text,
    content_type text NOT NULL,
    facts jsonb NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    log_offset bigint NOT NULL,
    dataref text
);
CREATE UNIQUE INDEX message_dedupe ON message (dedupe_key) WHERE dedupe_key IS NOT NULL;
CREATE INDEX message_case ON message (case_id);

CREATE TABLE raw_message (
    message_id uuid PRIMARY KEY,
    raw bytea NOT NULL
);
ALTER TABLE raw_message ALTER COLUMN raw SET STORAGE EXTERNAL;

CREATE TABLE blob_ref (
    digest text NOT NULL,
    owner uuid NOT NULL,
    PRIMARY KEY (digest, owner)
);

-- Every id of a conversation that was ever seen; its row is the lock that makes one conversation one case.
CREATE TABLE thread_id (
    id text COLLATE "C" PRIMARY KEY
);

-- Which case an id belongs to: as a stored mail's own id, or because a stored mail only mentioned it.
CREATE TABLE thread_link (
    id text COLLATE "C" NOT NULL,
    case_id uuid NOT NULL,
    own boolean NOT NULL,
    contact_id uuid,
    UNIQUE NULLS NOT DISTINCT (id, case_id, own, contact_id)
);

CREATE TABLE dead_letter (
    id uuid PRIMARY KEY,
    topic text NOT NULL,
    partition integer NOT NULL,
    epoch integer NOT NULL,
    log_offset bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('unreadable', 'unexpected')),
    reason text NOT NULL,
    place text NOT NULL,
    sender text NOT NULL,
    source text NOT NULL,
    hour timestamptz NOT NULL,
    count bigint NOT NULL,
    key bytea,
    headers jsonb NOT NULL,
    raw bytea,
    state text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'retried', 'dropped')),
    at timestamptz NOT NULL,
    UNIQUE (topic, partition, epoch, log_offset)
);

-- What happened, append-only; `key` is the case's id, or the source of what has no case.
CREATE TABLE event (
    id uuid NOT NULL,
    key text NOT NULL,
    seq bigint NOT NULL,
    type text NOT NULL,
    subject text,
    data json NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE TABLE event_other PARTITION OF event DEFAULT;
CREATE INDEX event_key ON event (key, seq);

-- The sequence of keys that are no case.
CREATE TABLE event_sequence (
    key text PRIMARY KEY,
    seq bigint NOT NULL
) WITH (fillfactor = 50);

-- The dense number the relay gives an event before publishing it.
CREATE TABLE event_position (
    pos bigint PRIMARY KEY,
    event_id uuid NOT NULL UNIQUE,
    at timestamptz NOT NULL
);

-- The last number given; one row.
CREATE TABLE relay_state (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    pos bigint NOT NULL
) WITH (fillfactor = 50);
INSERT INTO relay_state (pos) VALUES (0);

-- Events that Kafka has not confirmed yet, in the order of settlement per key.
CREATE TABLE outbox (
    ord bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL,
    at timestamptz NOT NULL
) WITH (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 0);
