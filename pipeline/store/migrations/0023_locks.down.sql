-- Calls and items are found by their keys alone.
DROP INDEX activity_key_activity;
