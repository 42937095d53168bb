-- What fails is tried again for ever.
DROP INDEX timer_due, timer_failed;
CREATE INDEX timer_due ON timer (due, kind, key);
ALTER TABLE timer DROP COLUMN reason, DROP COLUMN set_aside;
