-- How far each source was read that is asked rather than told: a mailbox, a file, a feed.
CREATE TABLE bookmark (
    source text PRIMARY KEY,
    place jsonb NOT NULL,
    updated_at timestamptz NOT NULL
) WITH (fillfactor = 50);
