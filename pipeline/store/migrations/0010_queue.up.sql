-- Queues: what waits in them, who is there to take it, and rules that could not be asked.

-- A case, a call to be returned, a task or a quarantined mail, while it is open; a case's is written under its lock.
CREATE TABLE queue_item (
    kind text NOT NULL CHECK (kind IN ('case', 'call back', 'task', 'quarantined')),
    ref uuid NOT NULL,
    queue text NOT NULL,
    rank smallint NOT NULL,
    since timestamptz NOT NULL,
    owner uuid REFERENCES agent,
    given timestamptz,
    units integer NOT NULL,
    assign text CHECK (assign IN ('round_robin', 'least_active', 'highest_capacity')),
    skills jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (kind, ref)
) WITH (fillfactor = 80);
CREATE INDEX queue_item_waiting ON queue_item (queue, rank DESC, since, ref) WHERE owner IS NULL;
CREATE INDEX queue_item_owned ON queue_item (owner) WHERE owner IS NOT NULL;

INSERT INTO queue_item (kind, ref, queue, rank, since, owner, given, units)
SELECT 'case', id, queue, array_position(ARRAY['low', 'normal', 'high', 'urgent'], priority) - 1, opened_at, owner_id,
    CASE WHEN owner_id IS NOT NULL THEN opened_at END, 10
FROM cases WHERE state = 'active';

-- What agents say of themselves (who says nothing is available), and when they were given something last.
CREATE TABLE agent_state (
    agent_id uuid PRIMARY KEY REFERENCES agent,
    presence text CHECK (presence IN ('available', 'busy', 'away', 'offline')),
    since timestamptz,
    last_given timestamptz
) WITH (fillfactor = 50);

-- Rules that failed on a message: they count as no match. How often that was, and why it was last.
CREATE TABLE rule_failure (
    rule text PRIMARY KEY,
    count bigint NOT NULL,
    reason text NOT NULL
) WITH (fillfactor = 50);
