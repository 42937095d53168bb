-- Calls and items are locked by all their keys.
CREATE INDEX activity_key_activity ON activity_key (activity_id);
