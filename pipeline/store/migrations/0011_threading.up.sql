-- What leaves by mail; a row is written in the transaction that decided on it, and sent after.

-- A Message-ID says what the mail is about, so that the same mail is not written twice; an own id finds our mail again
-- when it comes back to us, and an answer to it.
CREATE TABLE outbound (
    ord bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    case_id uuid,
    sender text NOT NULL,
    recipient text COLLATE "C" NOT NULL,
    subject text NOT NULL,
    template text NOT NULL,
    message_id text COLLATE "C" NOT NULL UNIQUE,
    in_reply_to text,
    headers jsonb NOT NULL,
    body text NOT NULL,
    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'failed', 'bounced')),
    created_at timestamptz NOT NULL
);
CREATE INDEX outbound_queued ON outbound (ord) WHERE state = 'queued';
CREATE INDEX outbound_recipient ON outbound (recipient, created_at);
CREATE INDEX outbound_case ON outbound (case_id) WHERE case_id IS NOT NULL;

-- Between whom and to which mailbox a mail went that only mentions an id; people by a digest of their address.
ALTER TABLE thread_link
    ADD COLUMN mailbox text,
    ADD COLUMN people text[] NOT NULL DEFAULT '{}';

-- The last like mails of a sender, so that a storm of them is known.
CREATE TABLE mail_like (
    key text COLLATE "C" PRIMARY KEY,
    arrivals jsonb NOT NULL,
    at timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX mail_like_at ON mail_like (at);

-- References in subjects that no key of ours signed, by sender.
CREATE TABLE reference_miss (
    sender text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX reference_miss_sender ON reference_miss (sender, at);

-- First messages of addresses that were not known, by what they say.
CREATE TABLE newcomer (
    key text COLLATE "C" NOT NULL,
    channel text NOT NULL,
    address text NOT NULL,
    at timestamptz NOT NULL,
    case_id uuid
);
CREATE INDEX newcomer_key ON newcomer (key, at);
CREATE INDEX newcomer_channel ON newcomer (channel, at);

-- Other mailboxes whose people see a case, since its mail went to them too.
CREATE TABLE case_watch (
    case_id uuid NOT NULL,
    mailbox text NOT NULL,
    queue text NOT NULL,
    PRIMARY KEY (case_id, mailbox)
);

-- Since when an address cannot be reached, and what the mail system said.
ALTER TABLE identity
    ADD COLUMN bounced_at timestamptz,
    ADD COLUMN bounce text;
