-- The current state of every case, for those who want no history: published when something happened on it.

-- Which case an event is of, beside its number, so that who walks the numbers need not read the events.
ALTER TABLE event_position ADD COLUMN case_id uuid;

-- Up to which event the states of the cases are published; one row.
CREATE TABLE case_state (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    pos bigint NOT NULL
) WITH (fillfactor = 50);
INSERT INTO case_state (pos) SELECT pos FROM relay_state;

-- Cases whose state is to be published though no event tells of them: those there were before, and those that are gone.
CREATE TABLE case_state_due (
    ord bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id uuid NOT NULL
);
INSERT INTO case_state_due (case_id) SELECT id FROM cases;

-- Whoever deletes a case, and in whatever way: its last state is that it is no more.
CREATE FUNCTION case_is_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO case_state_due (case_id) SELECT id FROM gone;
    RETURN NULL;
END
$$;
CREATE TRIGGER case_is_gone AFTER DELETE ON cases REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION case_is_gone();
