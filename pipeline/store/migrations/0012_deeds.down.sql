-- Forgets what agents ordered, and what came with merged cases, which stay merged.
DROP INDEX message_received;
DROP TABLE deed;
DROP TABLE case_merge;
DROP INDEX cases_merged, cases_parent, message_activity;
ALTER TABLE activity DROP COLUMN due_at, DROP COLUMN remind_at, DROP COLUMN adjusts, DROP COLUMN consumed_at,
    DROP COLUMN billed_at;
