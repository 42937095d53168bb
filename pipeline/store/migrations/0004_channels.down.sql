-- Forgets calls, social items and alarms as such; activities without a case go, and all but one letter of a record.
DELETE FROM activity WHERE case_id IS NULL;
ALTER TABLE activity
    ALTER COLUMN case_id SET NOT NULL,
    DROP COLUMN result, DROP COLUMN recipient, DROP COLUMN agent, DROP COLUMN started_at, DROP COLUMN answered_at,
    DROP COLUMN ended_at, DROP COLUMN duration_s, DROP COLUMN billable_s, DROP COLUMN earlier, DROP COLUMN hidden,
    DROP COLUMN told;
DROP TABLE activity_key, conversation, alarm, device_state;
DROP INDEX cases_active_contact;
ALTER TABLE cases DROP COLUMN device;
DELETE FROM dead_letter WHERE item > 0;
ALTER TABLE dead_letter DROP COLUMN item;
ALTER TABLE dead_letter ADD UNIQUE (topic, partition, epoch, log_offset);
