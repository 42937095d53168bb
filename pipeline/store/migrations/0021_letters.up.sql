-- What becomes of mail on its way out, and to whom none is sent.

-- `data` are the values that templates ask for beside subject and text; `activity_id` is the answer that the mail
-- carries. A row is `sending` while its mail is under way: one that a sender died over is sent again, with the same
-- Message-ID, and `unsure` counts how often that may have doubled it. `handed_at` is when it was last its turn. What is not worth sending any more is `dropped`.
ALTER TABLE outbound
    ADD COLUMN data jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN activity_id uuid,
    ADD COLUMN due_at timestamptz NOT NULL DEFAULT to_timestamp(0),
    ADD COLUMN attempts integer NOT NULL DEFAULT 0,
    ADD COLUMN unsure integer NOT NULL DEFAULT 0,
    ADD COLUMN first_at timestamptz,
    ADD COLUMN handed_at timestamptz,
    ADD COLUMN sent_at timestamptz,
    ADD COLUMN reason text,
    DROP CONSTRAINT outbound_state_check,
    ADD CONSTRAINT outbound_state_check
        CHECK (state IN ('queued', 'sending', 'sent', 'failed', 'bounced', 'dropped'));
DROP INDEX outbound_queued;
CREATE INDEX outbound_queued ON outbound (due_at, ord) WHERE state = 'queued';
CREATE INDEX outbound_sending ON outbound (ord) WHERE state = 'sending';
CREATE INDEX outbound_handed ON outbound (handed_at) WHERE handed_at IS NOT NULL;

-- Addresses that get no mail: by hand, because mail came back, or because they asked not to get it.
CREATE TABLE suppression (
    address text COLLATE "C" PRIMARY KEY,
    source text NOT NULL CHECK (source IN ('hand', 'bounce', 'unsubscribed')),
    reason text NOT NULL,
    at timestamptz NOT NULL
);
INSERT INTO suppression (address, source, reason, at)
SELECT value, 'bounce', coalesce(bounce, 'it came back'), bounced_at FROM identity
WHERE kind = 'email' AND bounced_at IS NOT NULL;
