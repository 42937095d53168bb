-- Calls whose end nobody told, and callers who are to be called back.

-- `defects` is what is wrong with an activity as a whole; what has no case, and is something to do, waits in a `queue`.
ALTER TABLE activity
    ADD COLUMN defects text[] NOT NULL DEFAULT '{}',
    ADD COLUMN queue text;

-- Numbers at the customers' end: when a call with each was last answered, and the call-back (an activity) that waits
-- for the last call in vain.
CREATE TABLE caller (
    number text COLLATE "C" PRIMARY KEY,
    answered_at timestamptz,
    call_back uuid,
    called_at timestamptz
) WITH (fillfactor = 50);
