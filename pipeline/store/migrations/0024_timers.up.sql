-- What could not be fired again and again is set aside, with the reason, until a person lets it be tried again. What waits
-- for messages or devices is found by how far these are settled, so that what waits is not looked through each time.
ALTER TABLE timer ADD COLUMN reason text, ADD COLUMN set_aside timestamptz;
DROP INDEX timer_due;
CREATE INDEX timer_due ON timer (waits_for, due, kind, key) WHERE set_aside IS NULL;
CREATE INDEX timer_failed ON timer (due) WHERE failures > 0;
