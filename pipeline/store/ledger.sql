-- The statements of the offset ledger outside intake's transaction.

-- name: add_missing
-- A partition seen for the first time begins at its log's start.
INSERT INTO offset_ledger (topic, partition, cluster_id, first, next)
SELECT topic, partition, %(cluster_id)s, start, start
FROM unnest(%(topics)s::text[], %(partitions)s::int[], %(starts)s::bigint[]) AS r (topic, partition, start)
ORDER BY topic, partition
ON CONFLICT DO NOTHING;

-- name: rows
SELECT topic, partition, cluster_id, next, attempts, stopped_reason
FROM offset_ledger
JOIN unnest(%(topics)s::text[], %(partitions)s::int[]) AS own (topic, partition) USING (topic, partition);

-- name: of_topics
SELECT topic, partition, next, attempts, stopped_reason FROM offset_ledger WHERE topic = ANY(%(topics)s::text[])
ORDER BY topic, partition;

-- name: skip_gap
-- Goes on behind a gap, if nobody settled there meanwhile.
WITH moved AS (
    UPDATE offset_ledger SET next = %(found)s, gaps = gaps + %(found)s - next
    WHERE topic = %(topic)s AND partition = %(partition)s AND next = %(expected)s
    RETURNING topic, partition, epoch
)
INSERT INTO ledger_gap (topic, partition, epoch, expected, found)
SELECT topic, partition, epoch, %(expected)s, %(found)s FROM moved
RETURNING partition;

-- name: resume
UPDATE offset_ledger SET stopped_reason = NULL, attempts = 0, resumed_at = next
WHERE topic = %(topic)s AND partition = %(partition)s AND stopped_reason IS NOT NULL
RETURNING next;

-- name: totals
-- The sums of accounted intake, a row for each source and hour.
SELECT source, hour, sum(received)::bigint, sum(opened)::bigint, sum(appended)::bigint, sum(recorded)::bigint,
    sum(duplicate)::bigint, sum(suppressed)::bigint, sum(quarantined)::bigint, sum(dead)::bigint
FROM intake_count GROUP BY source, hour ORDER BY hour, source;

-- name: partitions
SELECT topic, partition, first, next, settled, gaps, attempts, stopped_reason, cluster_id, epoch
FROM offset_ledger ORDER BY topic, partition;
