-- The statements of dead letters after they were written.

-- name: list
-- Without their raw bytes, in the order in which they were written.
SELECT id, state, kind, reason, place, topic, partition, log_offset, source, sender, count, at
FROM dead_letter WHERE state = ANY(%(states)s::text[]) ORDER BY id;

-- name: find
-- The letters whose id begins so; two are enough to know that it is ambiguous.
SELECT id FROM dead_letter WHERE starts_with(id::text, %(prefix)s) ORDER BY id LIMIT 2;

-- name: show
SELECT id, state, kind, reason, place, topic, partition, log_offset, source, sender, count, at, key, headers, raw
FROM dead_letter WHERE id = %(id)s;

-- name: lock
-- Locks a letter, so that of two who retry it one finds that it was done.
SELECT id, state, kind, reason, place, topic, partition, log_offset, source, sender, count, at, key, headers, raw
FROM dead_letter WHERE id = %(id)s FOR UPDATE;

-- name: retried
UPDATE dead_letter SET state = 'retried' WHERE id = %(id)s;

-- name: failed_again
UPDATE dead_letter SET kind = %(kind)s, reason = %(reason)s, place = %(place)s WHERE id = %(id)s AND state <> 'retried';

-- name: drop
UPDATE dead_letter SET state = 'dropped' WHERE id = %(id)s AND state <> 'retried' RETURNING id;
