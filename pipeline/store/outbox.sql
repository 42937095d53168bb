-- The relay's statements.

-- name: lock
-- One active relay: the lock lives and dies with this connection.
SELECT pg_try_advisory_lock(1129465171);

-- name: confirmed
-- Forgets what Kafka has confirmed.
DELETE FROM outbox WHERE ord = ANY(%(ords)s::bigint[]);

-- name: waiting
-- The oldest events that Kafka has not confirmed, in the order of settlement, with the number they may already have.
SELECT ord, event.id, key, seq, type, subject, data::text, event.at, pos
FROM (SELECT ord, event_id, at FROM outbox ORDER BY ord LIMIT %(limit)s) AS first
JOIN event ON event.id = first.event_id AND event.at = first.at
LEFT JOIN event_position ON event_position.event_id = event.id
ORDER BY ord;

-- name: orphans
-- Whether an outbox row has lost its event; rows committed since the question before have theirs.
SELECT EXISTS (
    SELECT FROM outbox WHERE NOT EXISTS (SELECT FROM event WHERE event.id = outbox.event_id AND event.at = outbox.at)
);

-- name: number
-- Gives events their dense numbers, in order.
WITH last AS (
    UPDATE relay_state SET pos = pos + cardinality(%(ids)s::uuid[]) RETURNING pos
)
INSERT INTO event_position (pos, event_id, at, case_id)
SELECT last.pos - cardinality(%(ids)s::uuid[]) + r.place, r.id, r.at, r.case_id
FROM last, unnest(%(ids)s::uuid[], %(ats)s::timestamptz[], %(cases)s::uuid[]) WITH ORDINALITY AS r (id, at, case_id, place)
RETURNING event_id, pos;

-- name: last_position
SELECT pos FROM relay_state;

-- name: published
-- Events by number, as far as Kafka has confirmed all before them; from the first number there is past the one given.
-- Numbers are dense, so a range of them bounds the work without a guess of the planner's. A number that outlived its
-- event comes without one.
WITH range AS (
    SELECT min(pos) AS first, coalesce(
        (SELECT min(p.pos) FROM outbox JOIN event_position AS p USING (event_id)), 9223372036854775807) AS unconfirmed
    FROM event_position WHERE pos > %(after)s
)
SELECT p.pos, event.id, event.key, event.seq, event.type, event.subject, event.data, event.at
FROM event_position AS p
LEFT JOIN LATERAL (
    SELECT id, key, seq, type, subject, data::text AS data, at
    FROM event WHERE event.id = p.event_id AND event.at = p.at LIMIT 1
) AS event ON true
WHERE p.pos >= (SELECT first FROM range) AND p.pos < (SELECT first FROM range) + %(limit)s
    AND p.pos < (SELECT unconfirmed FROM range)
ORDER BY p.pos;
