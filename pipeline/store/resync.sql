-- The statements of `casestream resync`, all in one transaction.

-- name: ledger_rows
-- Locks the whole ledger, so that no worker settles meanwhile.
SELECT topic, partition, cluster_id, next FROM offset_ledger ORDER BY topic, partition FOR UPDATE;

-- name: begin_epoch
-- A new log: its records are told from those of the old one by the epoch, and its first sum begins anew at 0.
-- The second sum (by source and hour) goes on, since it never knew offsets.
UPDATE offset_ledger
SET cluster_id = %(cluster_id)s, epoch = epoch + 1, first = r.start, next = r.start, settled = 0, gaps = 0,
    attempts = 0, resumed_at = r.start
FROM unnest(%(topics)s::text[], %(partitions)s::int[], %(starts)s::bigint[]) AS r (topic, partition, start)
WHERE offset_ledger.topic = r.topic AND offset_ledger.partition = r.partition;

-- name: skip_lost
-- The same log without its front: what was to be settled next is gone, and noted as a gap.
WITH lost AS (
    SELECT l.topic, l.partition, l.epoch, l.next, r.start
    FROM offset_ledger AS l
    JOIN unnest(%(topics)s::text[], %(partitions)s::int[], %(starts)s::bigint[]) AS r (topic, partition, start)
        USING (topic, partition)
), moved AS (
    UPDATE offset_ledger SET next = lost.start, gaps = offset_ledger.gaps + lost.start - lost.next
    FROM lost WHERE offset_ledger.topic = lost.topic AND offset_ledger.partition = lost.partition
)
INSERT INTO ledger_gap (topic, partition, epoch, expected, found)
SELECT topic, partition, epoch, next, start FROM lost;

-- name: raise_case_numbers
SELECT setval('case_number', (SELECT last_value FROM case_number) + %(by)s);

-- name: raise_case_events
UPDATE cases SET event_seq = event_seq + %(by)s;

-- name: raise_other_events
UPDATE event_sequence SET seq = seq + %(by)s;

-- name: publish_states
-- What was published of the cases may be gone as well, and their sequences are others now.
INSERT INTO case_state_due (case_id) SELECT id FROM cases;
