-- How many moves of an alarm its case was told one by one, and the activity that all later ones are folded into.
ALTER TABLE rule_alarm ADD COLUMN noted integer NOT NULL DEFAULT 0, ADD COLUMN folded uuid;
