-- What agents do: what they ordered, activities with times and marks, merges that can be undone.

-- `adjusts` when it corrects the billable time of its case; `consumed_at` is the mark of the entitlement, `billed_at`
-- that of the customer's bill.
ALTER TABLE activity
    ADD COLUMN due_at timestamptz,
    ADD COLUMN remind_at timestamptz,
    ADD COLUMN adjusts boolean NOT NULL DEFAULT false,
    ADD COLUMN consumed_at timestamptz,
    ADD COLUMN billed_at timestamptz;
CREATE INDEX message_activity ON message (activity_id) WHERE activity_id IS NOT NULL;
CREATE INDEX cases_parent ON cases (parent) WHERE parent IS NOT NULL;
CREATE INDEX cases_merged ON cases (merged_into) WHERE merged_into IS NOT NULL;

-- What came with a merged case, and how it stood before; there as long as it is merged.
CREATE TABLE case_merge (
    merged uuid PRIMARY KEY REFERENCES cases,
    survivor uuid NOT NULL REFERENCES cases,
    at timestamptz NOT NULL,
    record jsonb NOT NULL
);
CREATE INDEX case_merge_survivor ON case_merge (survivor, at);

-- Who ordered what: the journal of the past is written from it.
CREATE TABLE deed (
    id uuid PRIMARY KEY,
    case_id uuid NOT NULL,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    actor_id text,
    verb text NOT NULL,
    data jsonb NOT NULL,
    activity_id uuid
);
CREATE INDEX deed_case ON deed (case_id);
CREATE INDEX deed_at ON deed (at);
CREATE INDEX message_received ON message (received_at);
