-- Queues with a hundred thousand items: what is picked or given is found by an index, whatever else waits.

-- What an item asks of whoever gets it, in a form that an index bears: items of one queue with the same `needs` can be
-- taken by the same agents.
ALTER TABLE queue_item ADD COLUMN needs text NOT NULL GENERATED ALWAYS AS (md5(units::text || ' ' || skills::text)) STORED;

DROP INDEX queue_item_waiting;
CREATE INDEX queue_item_cases ON queue_item (queue, rank DESC, since, ref) WHERE owner IS NULL AND kind = 'case';
CREATE INDEX queue_item_others ON queue_item (queue, rank DESC, since, ref) WHERE owner IS NULL AND kind <> 'case';
CREATE INDEX queue_item_given ON queue_item (queue, needs, rank DESC, since, ref)
    WHERE owner IS NULL AND kind = 'case' AND assign IS NOT NULL;

-- What a case is about, in an agent's words, and under which heading the desk files it.
ALTER TABLE cases ADD COLUMN description text NOT NULL DEFAULT '', ADD COLUMN filed_under text;

-- What is ordered about no case: a quarantined message that is released, an agent who comes or goes.
ALTER TABLE deed ALTER COLUMN case_id DROP NOT NULL;
CREATE INDEX message_quarantined ON message (received_at) WHERE outcome = 'quarantined';

-- What an activity is about that is of no case: a record by its kind and external id.
ALTER TABLE activity
    ADD COLUMN regarding_kind text CHECK (regarding_kind IN ('contact', 'account', 'device', 'article', 'entitlement')),
    ADD COLUMN regarding text,
    ADD CHECK ((regarding_kind IS NULL) = (regarding IS NULL));
CREATE INDEX activity_regarding ON activity (regarding_kind, regarding, at) WHERE regarding IS NOT NULL;
