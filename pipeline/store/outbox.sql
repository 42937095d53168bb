-- The relay's statements.

-- name: lock
-- One active relay: the lock lives and dies with this connection.
SELECT pg_try_advisory_lock(1129465171);

-- name: confirmed
-- Forgets what Kafka has confirmed.
DELETE FROM outbox WHERE ord = ANY(%(ords)s::bigint[]);

-- name: next
-- The oldest events that Kafka has not confirmed, in the order of settlement, but those that the relay holds already.
-- Those that never were here before get their dense numbers. Each row is looked up by itself: what the planner makes of
-- a join depends on how full the tables were when it last looked.
WITH first AS MATERIALIZED (
    SELECT ord, event_id, at FROM outbox WHERE ord <> ALL(%(held)s::bigint[]) ORDER BY ord LIMIT %(limit)s
), found AS MATERIALIZED (
    SELECT ord, event.*, (SELECT pos FROM event_position WHERE event_position.event_id = event.id) AS pos
    FROM first CROSS JOIN LATERAL (
        SELECT id, key, seq, type, subject, data, event.at FROM event
        WHERE event.id = first.event_id AND event.at = first.at LIMIT 1
    ) AS event
), told AS MATERIALIZED (
    SELECT *, count(*) FILTER (WHERE pos IS NULL AND type <> %(unnumbered)s) OVER (ORDER BY ord) AS place FROM found
), before AS (
    UPDATE relay_state SET pos = pos + (SELECT max(place) FROM told)
    WHERE (SELECT max(place) FROM told) > 0
    RETURNING pos - (SELECT max(place) FROM told) AS pos
), given AS (
    INSERT INTO event_position (pos, event_id, at, case_id)
    SELECT before.pos + place, id, at, CASE WHEN subject IS NOT NULL THEN key::uuid END
    FROM before, told WHERE told.pos IS NULL AND type <> %(unnumbered)s
)
SELECT ord, id::text, key, seq, type, subject, data::text, at,
    CASE WHEN type <> %(unnumbered)s THEN coalesce(told.pos, before.pos + place) END
FROM told LEFT JOIN before ON true
ORDER BY ord;

-- name: orphans
-- Whether an outbox row has lost its event; rows committed since the question before have theirs.
SELECT EXISTS (
    SELECT FROM outbox WHERE NOT EXISTS (SELECT FROM event WHERE event.id = outbox.event_id AND event.at = outbox.at)
);

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
