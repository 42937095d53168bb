-- Subscriptions, as those manage them who want to hear of events.

-- name: create
-- A new subscription, from a position on: past the last event (NULL), or past the one given.
INSERT INTO subscription (id, url, description, types, filter, ordered, secrets, state, pos, created_at)
SELECT %(id)s, %(url)s, %(description)s, %(types)s, %(filter)s, %(ordered)s, %(secrets)s, 'active',
    coalesce(%(pos)s, relay_state.pos), %(created_at)s
FROM relay_state
RETURNING pos;

-- name: list
-- All subscriptions, the oldest first.
SELECT id, url, description, types, filter, ordered, secrets, state, reason, pos, waiting, retrying, failing_since,
    created_at
FROM subscription ORDER BY created_at, id;

-- name: find
SELECT id, url, description, types, filter, ordered, secrets, state, reason, pos, waiting, retrying, failing_since,
    created_at
FROM subscription WHERE id = %(id)s;

-- name: lock
SELECT id, url, description, types, filter, ordered, secrets, state, reason, pos, waiting, retrying, failing_since,
    created_at
FROM subscription WHERE id = %(id)s FOR UPDATE;

-- name: change
-- What may be changed of a subscription that is locked.
UPDATE subscription
SET url = %(url)s, description = %(description)s, types = %(types)s, filter = %(filter)s, ordered = %(ordered)s,
    secrets = %(secrets)s, state = %(state)s, reason = %(reason)s, failing_since = %(failing_since)s, pos = %(pos)s,
    waiting = %(waiting)s, retrying = %(retrying)s
WHERE id = %(id)s;

-- name: remove
DELETE FROM subscription WHERE id = %(id)s RETURNING id;

-- name: last_position
SELECT pos FROM relay_state;

-- name: held
-- What was held back when a subscription was disabled, which is told to its caller to be queued again.
UPDATE delivery SET outcome = 'released'
WHERE subscription_id = %(id)s AND outcome = 'held'
RETURNING pos, run, attempt;

-- name: drop_queued
-- Lets go of what waits in the queue for a subscription.
DELETE FROM jobs.procrastinate_jobs
WHERE queue_name = 'webhooks' AND status = 'todo' AND args ->> 'subscription' = %(id)s;

-- name: deliveries
-- The latest tries, the newest first; of one event if one is given, and before a time.
SELECT event_id, run, attempt, pos, type, at, outcome, status, error, ms, next_try FROM delivery
WHERE subscription_id = %(id)s AND (%(event)s::uuid IS NULL OR event_id = %(event)s)
    AND (%(before)s::timestamptz IS NULL OR at < %(before)s)
ORDER BY at DESC, pos DESC, attempt DESC LIMIT %(limit)s;

-- name: place_of
-- The number of an event that is still kept.
SELECT pos FROM event_position
WHERE event_id = %(event)s AND EXISTS (
    SELECT FROM event WHERE event.id = event_position.event_id AND event.at = event_position.at);

-- name: range
-- The numbers of the first and the last event that happened in a time.
SELECT min(pos), max(pos) FROM event_position WHERE at >= %(since)s AND at < %(until)s;

-- name: replay
-- A further replay of a subscription that is locked, unless so many are open.
INSERT INTO subscription_replay (subscription_id, pos, until, picked)
SELECT %(id)s, %(pos)s, %(until)s, %(picked)s
WHERE (SELECT count(*) FROM subscription_replay WHERE subscription_id = %(id)s) < %(most)s
RETURNING id;
