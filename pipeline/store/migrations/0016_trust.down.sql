-- Every move of an alarm is an activity again.
ALTER TABLE rule_alarm DROP COLUMN noted, DROP COLUMN folded;
