DROP TRIGGER case_is_gone ON cases;
DROP FUNCTION case_is_gone;
DROP TABLE case_state_due, case_state;
ALTER TABLE event_position DROP COLUMN case_id;
