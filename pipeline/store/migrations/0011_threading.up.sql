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
