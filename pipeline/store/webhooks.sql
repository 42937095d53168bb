-- Webhooks, as dispatch walks events for them and delivers.

-- name: places
-- Where those subscriptions stand that have room and for which Kafka has confirmed more events, the last ones first.
-- An ordered one has room when nothing is queued for it, one that fails as long as it is a chunk at most.
SELECT DISTINCT pos FROM subscription
WHERE state = 'active'
    AND waiting < CASE WHEN ordered THEN 1 WHEN failing_since IS NOT NULL THEN %(chunk)s ELSE retrying + %(window)s END
    AND waiting < %(most)s
    AND pos < coalesce(
        (SELECT min(p.pos) - 1 FROM outbox JOIN event_position AS p USING (event_id)), (SELECT pos FROM relay_state))
ORDER BY pos LIMIT %(limit)s;

-- name: lock_place
-- The subscriptions of one place, unless another process walks them.
SELECT id, url, description, types, filter, ordered, secrets, state, reason, pos, waiting, retrying, failing_since,
    created_at
FROM subscription
WHERE state = 'active' AND pos = %(pos)s
    AND waiting < CASE WHEN ordered THEN 1 WHEN failing_since IS NOT NULL THEN %(chunk)s ELSE retrying + %(window)s END
    AND waiting < %(most)s
ORDER BY id FOR UPDATE SKIP LOCKED;

-- name: advance
-- Notes how far events were walked for each subscription, and what was queued for it.
UPDATE subscription SET pos = walked.pos, waiting = waiting + walked.queued
FROM unnest(%(ids)s::uuid[], %(positions)s::bigint[], %(queued)s::integer[]) AS walked (id, pos, queued)
WHERE subscription.id = walked.id;

-- name: lock_replay
-- One replay whose subscription has room, with that subscription, unless another process walks it.
SELECT replay.id, replay.pos, replay.until, replay.picked,
    subscription.id, url, description, types, filter, ordered, secrets, state, reason, subscription.pos, waiting,
    retrying, failing_since, created_at
FROM subscription_replay AS replay JOIN subscription ON subscription.id = replay.subscription_id
WHERE state = 'active' AND replay.id > %(after)s
    AND waiting < CASE WHEN ordered THEN 1 WHEN failing_since IS NOT NULL THEN %(chunk)s ELSE retrying + %(window)s END
    AND waiting < %(most)s
ORDER BY replay.id LIMIT 1 FOR UPDATE SKIP LOCKED;

-- name: advance_replay
-- Notes how far a replay has come.
UPDATE subscription_replay SET pos = %(pos)s WHERE id = %(id)s;

-- name: end_replay
DELETE FROM subscription_replay WHERE id = %(id)s;

-- name: queued
-- What was queued for a subscription beside its cursor.
UPDATE subscription SET waiting = waiting + %(queued)s WHERE id = %(id)s;

-- name: find
SELECT id, url, description, types, filter, ordered, secrets, state, reason, pos, waiting, retrying, failing_since,
    created_at
FROM subscription WHERE id = %(id)s;

-- name: lock
SELECT id, url, description, types, filter, ordered, secrets, state, reason, pos, waiting, retrying, failing_since,
    created_at
FROM subscription WHERE id = %(id)s FOR UPDATE;

-- name: at_positions
-- The events of a job that are still kept, in order.
SELECT p.pos, event.id, event.key, event.seq, event.type, event.subject, event.data, event.at
FROM event_position AS p
JOIN LATERAL (
    SELECT id, key, seq, type, subject, data::text AS data, at
    FROM event WHERE event.id = p.event_id AND event.at = p.at LIMIT 1
) AS event ON true
WHERE p.pos = ANY(%(positions)s::bigint[])
ORDER BY p.pos;

-- name: was_tried
-- Whether the job was done before, by a process that died before it could say so.
SELECT EXISTS (
    SELECT FROM delivery WHERE subscription_id = %(id)s AND event_id = ANY(%(events)s::uuid[]) AND run = %(run)s
        AND attempt = %(attempt)s
);

-- name: log
-- Notes tries.
INSERT INTO delivery
    (subscription_id, event_id, run, attempt, pos, type, at, outcome, status, error, ms, next_try)
SELECT %(id)s, t.event_id, %(run)s, %(attempt)s, t.pos, t.type, t.at, t.outcome, t.status, t.error, t.ms, t.next_try
FROM unnest(%(events)s::uuid[], %(positions)s::bigint[], %(types)s::text[], %(ats)s::timestamptz[],
    %(outcomes)s::text[], %(statuses)s::integer[], %(errors)s::text[], %(ms)s::integer[], %(next_tries)s::timestamptz[])
    AS t (event_id, pos, type, at, outcome, status, error, ms, next_try);

-- name: account
-- How a subscription stands after a job; it is locked.
UPDATE subscription
SET waiting = greatest(waiting - %(done)s, 0), retrying = greatest(retrying + %(retried)s, 0),
    failing_since = %(failing_since)s, state = %(state)s, reason = %(reason)s
WHERE id = %(id)s;

-- name: disable
-- Tells a subscription nothing more because of its filter, unless somebody changed that meanwhile.
UPDATE subscription SET state = 'disabled', reason = %(reason)s
WHERE id = %(id)s AND state = 'active' AND filter = %(filter)s;

-- name: wake
-- Lets what waits for its next try be tried now, since the subscription is well again.
UPDATE jobs.procrastinate_jobs SET scheduled_at = %(now)s
WHERE queue_name = 'webhooks' AND status = 'todo' AND scheduled_at > %(now)s AND args ->> 'subscription' = %(id)s;

-- name: forget
-- Forgets old tries; what is held back is kept for as long as its event is.
DELETE FROM delivery WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM delivery WHERE at < %(before)s AND (outcome <> 'held' OR at < %(long_before)s) LIMIT %(limit)s
));
