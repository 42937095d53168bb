-- Answers that leave by a platform, and what became of everything that leaves.

-- How far an activity that leaves has come, and why; by which id its platform knows it.
ALTER TABLE activity
    ADD COLUMN delivery text CHECK (delivery IN ('queued', 'sent', 'delivered', 'failed')),
    ADD COLUMN delivery_reason text,
    ADD COLUMN delivered_at timestamptz,
    ADD COLUMN platform_id text;

-- An answer to an item of a platform; `id` is its activity. Within a `lane`, a conversation, each waits for the one
-- before; `handed_at` says when it was last queued to be sent. While `unsure`, a try was begun of which nobody knows
-- what came. `places` are the keys under which it may come back to us as an item of our own page, `words` is what it
-- says, as far as that is compared.
CREATE TABLE reply (
    id uuid PRIMARY KEY,
    ord bigint GENERATED ALWAYS AS IDENTITY,
    case_id uuid NOT NULL,
    source text NOT NULL,
    platform text NOT NULL,
    kind text NOT NULL,
    lane text COLLATE "C" NOT NULL,
    item text NOT NULL,
    conversation text,
    recipient text NOT NULL,
    handle text,
    visibility text,
    body text NOT NULL,
    asked_at timestamptz NOT NULL,
    places text[] NOT NULL,
    words text NOT NULL,
    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'delivered', 'failed')),
    attempts integer NOT NULL DEFAULT 0,
    unsure boolean NOT NULL DEFAULT false,
    begun_at timestamptz,
    due timestamptz NOT NULL,
    handed_at timestamptz,
    platform_id text,
    reason text,
    created_at timestamptz NOT NULL,
    sent_at timestamptz
) WITH (fillfactor = 70);
CREATE INDEX reply_queued ON reply (lane, ord) WHERE state = 'queued';
CREATE INDEX reply_begun ON reply (source, begun_at) WHERE begun_at IS NOT NULL;
CREATE INDEX reply_lost ON reply (ord) WHERE state = 'failed' AND unsure;
CREATE INDEX reply_places ON reply USING gin (places) WITH (fastupdate = off);

-- Until when an account of ours rests, because its platform asked for it.
CREATE TABLE reply_rest (
    source text PRIMARY KEY,
    until timestamptz NOT NULL,
    reason text NOT NULL
) WITH (fillfactor = 50);

-- Up to when all that we said in a conversation has reached the other end, as its platform told.
CREATE TABLE reply_receipt (
    place text COLLATE "C" PRIMARY KEY,
    until timestamptz NOT NULL
) WITH (fillfactor = 50);

-- What else a device is to know of a command.
ALTER TABLE device_command ADD COLUMN arguments jsonb NOT NULL DEFAULT '{}';
