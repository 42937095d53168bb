-- Queues: agents and their presence, what waits, who gets it; in the order of locks after cases, but for what nobody else
-- has at hand, which is never waited for.

-- name: agents
SELECT agent.id, agent.external_id, agent.name, agent.queues, agent.skills, agent.capacity, agent.calendar, agent.away,
    state.presence,
    manager.id, manager.external_id, manager.name
FROM agent
LEFT JOIN agent AS manager ON manager.id = agent.manager_id
LEFT JOIN agent_state AS state ON state.agent_id = agent.id
WHERE agent.id = ANY(%(ids)s::uuid[]) OR agent.external_id = ANY(%(names)s::text[])
ORDER BY agent.id;

-- name: lock_agents
-- All who work in these queues, and in those of these agents: no two transactions give to one of them at a time.
SELECT id FROM agent
WHERE queues && (%(queues)s::text[] || ARRAY(
    SELECT unnest(theirs.queues) FROM agent AS theirs WHERE theirs.id = ANY(%(agents)s::uuid[])
))
ORDER BY id FOR NO KEY UPDATE;

-- name: needs
-- What is asked of whoever gets something in these queues: each kind once, found by stepping from one to the next.
WITH RECURSIVE need AS (
    SELECT found.* FROM unnest(%(queues)s::text[]) AS asked (queue)
    CROSS JOIN LATERAL (
        SELECT queue, needs, units, skills FROM queue_item
        WHERE queue = asked.queue AND kind = 'case' AND owner IS NULL AND assign IS NOT NULL
        ORDER BY needs LIMIT 1
    ) AS found
    UNION ALL
    SELECT found.* FROM need CROSS JOIN LATERAL (
        SELECT queue, needs, units, skills FROM queue_item
        WHERE queue = need.queue AND needs > need.needs AND kind = 'case' AND owner IS NULL AND assign IS NOT NULL
        ORDER BY needs LIMIT 1
    ) AS found
)
SELECT queue, units, skills FROM need ORDER BY queue, needs;

-- name: lock_waiting
-- The first cases that wait to be given to somebody in a queue and ask the same, but those that somebody else has at
-- hand; no more than there is room for.
SELECT cases.id FROM queue_item AS item JOIN cases ON cases.id = item.ref
WHERE item.kind = 'case' AND item.queue = %(queue)s AND item.owner IS NULL AND item.assign IS NOT NULL
    AND item.needs = md5((%(units)s::integer)::text || ' ' || (%(skills)s::jsonb)::text)
ORDER BY item.rank DESC, item.since, item.ref
LIMIT %(most)s
FOR UPDATE OF cases SKIP LOCKED;

-- name: lock_free
SELECT id FROM cases WHERE id = ANY(%(ids)s::uuid[]) ORDER BY id FOR UPDATE SKIP LOCKED;

-- name: items
SELECT kind, ref, queue, rank, since, owner, given, units, assign, skills FROM queue_item
WHERE ref = ANY(%(refs)s::uuid[])
ORDER BY rank DESC, since, ref;

-- name: loads
SELECT agent.id, count(item.ref), coalesce(sum(item.units), 0), max(state.last_given)
FROM agent
LEFT JOIN queue_item AS item ON item.owner = agent.id
LEFT JOIN agent_state AS state ON state.agent_id = agent.id
WHERE agent.id = ANY(%(agents)s::uuid[]) GROUP BY agent.id;

-- name: lock_next_case
-- The first case of these queues that nobody else has at hand, looked for among the first ones of each.
SELECT cases.id FROM unnest(%(queues)s::text[]) AS asked (queue)
CROSS JOIN LATERAL (
    SELECT ref, rank, since FROM queue_item
    WHERE kind = 'case' AND queue = asked.queue AND owner IS NULL
    ORDER BY rank DESC, since, ref LIMIT %(most)s
) AS item JOIN cases ON cases.id = item.ref
ORDER BY item.rank DESC, item.since, item.ref
LIMIT 1
FOR UPDATE OF cases SKIP LOCKED;

-- name: lock_next_other
-- The same of what is no case.
SELECT item.ref FROM unnest(%(queues)s::text[]) AS asked (queue)
CROSS JOIN LATERAL (
    SELECT kind, ref FROM queue_item
    WHERE kind <> 'case' AND queue = asked.queue AND owner IS NULL
    ORDER BY rank DESC, since, ref LIMIT %(most)s
) AS head JOIN queue_item AS item ON item.kind = head.kind AND item.ref = head.ref
ORDER BY item.rank DESC, item.since, item.ref
LIMIT 1
FOR UPDATE OF item SKIP LOCKED;

-- name: set_presence
INSERT INTO agent_state (agent_id, presence, since) VALUES (%(agent)s, %(presence)s, %(at)s)
ON CONFLICT (agent_id) DO UPDATE SET presence = excluded.presence, since = excluded.since;

-- name: put_items
INSERT INTO queue_item (kind, ref, queue, rank, since, owner, given, units, assign, skills)
SELECT kind, ref, queue, rank, since, owner, given, units, assign, skills
FROM json_to_recordset(%(rows)s::json) AS r (kind text, ref uuid, queue text, rank smallint, since timestamptz,
    owner uuid, given timestamptz, units integer, assign text, skills jsonb)
ORDER BY kind, ref
ON CONFLICT (kind, ref) DO UPDATE SET
    queue = excluded.queue, rank = excluded.rank, since = excluded.since, owner = excluded.owner,
    given = excluded.given, units = excluded.units, assign = excluded.assign, skills = excluded.skills;

-- name: note_given
-- Whose turn it was last, which stays known when what they got is closed.
INSERT INTO agent_state (agent_id, last_given)
SELECT agent, given FROM unnest(%(agents)s::uuid[], %(givens)s::timestamptz[]) AS turn (agent, given) ORDER BY agent
ON CONFLICT (agent_id) DO UPDATE SET last_given = greatest(agent_state.last_given, excluded.last_given);

-- name: take_items
DELETE FROM queue_item USING unnest(%(kinds)s::text[], %(refs)s::uuid[]) AS gone (kind, ref)
WHERE queue_item.kind = gone.kind AND queue_item.ref = gone.ref;

-- name: overflow
UPDATE queue_item SET queue = r.to
FROM json_to_recordset(%(rows)s::json) AS r (kind text, ref uuid, queue text, "to" text)
WHERE queue_item.kind = r.kind AND queue_item.ref = r.ref AND queue_item.queue = r.queue AND owner IS NULL;

-- name: count_failures
INSERT INTO rule_failure (rule, count, reason)
SELECT rule, count, reason FROM unnest(%(rules)s::text[], %(counts)s::bigint[], %(reasons)s::text[])
    AS failed (rule, count, reason)
ORDER BY rule
ON CONFLICT (rule) DO UPDATE SET count = rule_failure.count + excluded.count, reason = excluded.reason;

-- name: failures
SELECT rule, count FROM rule_failure ORDER BY rule;
