-- Forgets who is to be called back.
DROP TABLE caller;
DELETE FROM activity WHERE kind = 'call back';
ALTER TABLE activity DROP COLUMN defects, DROP COLUMN queue;
