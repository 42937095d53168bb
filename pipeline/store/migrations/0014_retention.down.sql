-- Locks of conversations stay for ever again.
ALTER TABLE thread_id DROP COLUMN at;
