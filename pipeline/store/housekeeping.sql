-- The statements of housekeeping; `now` comes in, and is PostgreSQL's own.

-- name: begin
-- One housekeeper at a time: the lock lives and dies with this connection.
SELECT now(), pg_try_advisory_lock(1129465172);

-- name: days
-- The days that events have a partition for.
SELECT to_date(substring(relname FROM '^event_(\d{8})$'), 'YYYYMMDD')
FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = 'event'::regclass AND relname ~ '^event_\d{8}$' ORDER BY 1;

-- name: in_default
-- Whether events of a day lie in the default partition; then no partition can be made for that day.
SELECT EXISTS (SELECT FROM event_other WHERE at >= %(first)s AND at < %(end)s);

-- name: waiting_before
-- Whether events from before then are still to be published.
SELECT EXISTS (SELECT FROM outbox WHERE at < %(end)s);

-- name: delete_others
-- Old events that no partition of their day holds.
DELETE FROM event_other WHERE at < %(before)s AND NOT EXISTS (SELECT FROM outbox WHERE outbox.event_id = event_other.id);

-- name: delete_positions
-- The oldest positions, a bounded number at once; they were given in order, so they grow old in order.
DELETE FROM event_position AS p
WHERE pos IN (SELECT pos FROM event_position ORDER BY pos LIMIT %(limit)s) AND at < %(before)s
    AND NOT EXISTS (SELECT FROM outbox WHERE outbox.event_id = p.event_id);

-- name: positions
SELECT topic, partition, cluster_id, epoch, next FROM offset_ledger;

-- name: last_mark
SELECT max(at) FROM ledger_mark;

-- name: write_marks
INSERT INTO ledger_mark (topic, partition, epoch, next, log_end, at)
SELECT topic, partition, epoch, next, log_end, %(at)s
FROM unnest(%(topics)s::text[], %(partitions)s::int[], %(epochs)s::int[], %(nexts)s::bigint[], %(ends)s::bigint[])
    AS r (topic, partition, epoch, next, log_end)
ON CONFLICT DO NOTHING;

-- name: forget_likes
-- Storms are known by the mail of a day.
DELETE FROM mail_like WHERE at < %(before)s;

-- name: forget_misses
DELETE FROM reference_miss WHERE at < %(before)s;

-- name: forget_newcomers
DELETE FROM newcomer WHERE at < %(before)s;

-- name: forget_marks
DELETE FROM ledger_mark WHERE at < %(before)s;

-- name: settled_before
-- What was settled of each partition's log at the newest mark of then or earlier.
SELECT DISTINCT ON (topic, partition) topic, partition, m.next
FROM ledger_mark AS m JOIN offset_ledger USING (topic, partition, epoch)
WHERE at <= %(before)s AND cluster_id = %(cluster_id)s AND m.next <= offset_ledger.next
ORDER BY topic, partition, at DESC;

-- name: all_settled_at
-- The newest time at which each partition had nothing that is unsettled now.
SELECT m.topic, m.partition, max(m.at)
FROM ledger_mark AS m
JOIN unnest(%(topics)s::text[], %(partitions)s::int[], %(epochs)s::int[], %(nexts)s::bigint[])
    AS r (topic, partition, epoch, next) USING (topic, partition, epoch)
WHERE m.log_end <= r.next
GROUP BY m.topic, m.partition;

-- name: owned
-- Those of the digests that belong to something.
SELECT DISTINCT digest FROM blob_ref WHERE digest = ANY(%(digests)s::text[]);

-- name: forget_locks
-- Locks of conversations; who names an old one again takes it anew.
DELETE FROM thread_id WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM thread_id WHERE at < %(lately)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED
));

-- name: forget_keys
-- The keys under which calls and items are told of: of calls that are over, of items whose case is closed.
DELETE FROM activity_key WHERE ctid = ANY(ARRAY(
    SELECT k.ctid FROM activity_key AS k
    JOIN activity ON activity.id = k.activity_id
    LEFT JOIN cases ON cases.id = activity.case_id
    WHERE (activity.kind = 'phone' AND activity.state = 'closed' AND activity.at < %(lately)s)
        OR (activity.kind = 'social' AND activity.at < %(long_ago)s AND cases.state IS DISTINCT FROM 'active')
    LIMIT %(limit)s FOR UPDATE OF k SKIP LOCKED
));

-- name: forget_conversations
-- Conversations whose case is closed, if nothing has happened in it since; a merged case lives on in another.
DELETE FROM conversation WHERE ctid = ANY(ARRAY(
    SELECT c.ctid FROM conversation AS c
    JOIN cases ON cases.id = c.case_id
    WHERE cases.state <> 'active' AND cases.merged_into IS NULL AND cases.opened_at < %(long_ago)s
        AND (cases.resolved_at IS NULL OR cases.resolved_at < %(long_ago)s)
        AND NOT EXISTS (SELECT FROM activity WHERE activity.case_id = cases.id AND activity.at >= %(long_ago)s)
    LIMIT %(limit)s FOR UPDATE OF c SKIP LOCKED
));

-- name: forget_alarms
-- Alarms that devices cleared themselves.
DELETE FROM alarm WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM alarm WHERE NOT active AND changed_at < %(long_ago)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED
));

-- name: forget_states
-- Values that their device has not told again.
DELETE FROM device_state WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM device_state WHERE received_at < %(long_ago)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED
));

-- name: forget_callers
-- Numbers that nobody is to call back.
DELETE FROM caller WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM caller WHERE call_back IS NULL AND answered_at < %(lately)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED
));
