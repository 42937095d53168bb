-- Published events as subscribers read them.

-- name: head
-- The number up to which Kafka has confirmed all events.
SELECT coalesce(
    (SELECT min(p.pos) - 1 FROM outbox JOIN event_position AS p USING (event_id)), (SELECT pos FROM relay_state));

-- name: oldest
-- The first number whose event is still kept; the number that comes next when none is.
SELECT coalesce(
    (
        SELECT p.pos FROM event_position AS p
        WHERE EXISTS (SELECT FROM event WHERE event.id = p.event_id AND event.at = p.at) ORDER BY p.pos LIMIT 1
    ),
    (SELECT pos + 1 FROM relay_state)
);

-- name: page
-- So many events at most of a range of numbers, of some types or of one case only.
SELECT p.pos, event.id, event.key, event.seq, event.type, event.subject, event.data, event.at
FROM event_position AS p
JOIN LATERAL (
    SELECT id, key, seq, type, subject, data::text AS data, at
    FROM event WHERE event.id = p.event_id AND event.at = p.at LIMIT 1
) AS event ON true
WHERE p.pos > %(after)s AND p.pos <= %(upto)s
    AND (%(types)s::text[] IS NULL OR event.type = ANY(%(types)s::text[]))
    AND (%(key)s::text IS NULL OR event.key = %(key)s)
    AND (%(subject)s::text IS NULL OR event.subject = %(subject)s)
ORDER BY p.pos LIMIT %(limit)s;
