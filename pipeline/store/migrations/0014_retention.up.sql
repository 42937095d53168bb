-- When each lock of a conversation was first taken, so that old ones can be taken away: rows are only locks.
ALTER TABLE thread_id ADD COLUMN at timestamptz NOT NULL DEFAULT now();
CREATE INDEX thread_id_at ON thread_id USING brin (at);
