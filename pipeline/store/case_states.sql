-- What the states of cases are published from.

-- name: waiting
-- The next events whose cases may have another state: their last number, and their cases.
SELECT max(pos), coalesce(array_agg(DISTINCT case_id) FILTER (WHERE case_id IS NOT NULL), '{}') FROM (
    SELECT pos, case_id FROM event_position
    WHERE pos > (SELECT pos FROM case_state) ORDER BY pos LIMIT %(limit)s
) AS next;

-- name: due
-- Cases to be published anyway.
SELECT ord, case_id FROM case_state_due ORDER BY ord LIMIT %(limit)s;

-- name: read
-- Cases as they are now, with what was promised on them last.
SELECT cases.id, number, title, status, state, priority, queue,
    agent.id, agent.external_id, agent.name, contact.id, contact.external_id, contact.name,
    account.id, account.external_id, account.name,
    event_seq, revision, origin, severity, type, cases.product, cases.device, entitlement, sla, escalated, flags,
    cases.fields, parent, follow_up_of, linked_to, merged_into,
    opened_at, first_response_at, waiting_since, until, resolved_at,
    (
        SELECT json_agg(json_build_object('id', kpi.id, 'name', kpi, 'sla', kpi.sla, 'state', kpi.state,
            'counts_from', value, 'warn_at', warn_at, 'fail_at', fail_at, 'succeeded_at', succeeded_at) ORDER BY kpi.number)
        FROM (SELECT * FROM kpi WHERE case_id = cases.id ORDER BY number DESC LIMIT %(promises)s) AS kpi
    )::text
FROM cases
LEFT JOIN contact ON contact.id = cases.contact_id
LEFT JOIN account ON account.id = cases.account_id
LEFT JOIN agent ON agent.id = cases.owner_id
WHERE cases.id = ANY(%(ids)s::uuid[]);

-- name: advance
-- Notes up to which event all states are published.
UPDATE case_state SET pos = %(pos)s WHERE pos < %(pos)s;

-- name: done
DELETE FROM case_state_due WHERE ord = ANY(%(ords)s::bigint[]);

-- name: ids
-- The next so many cases past an id, in the order of their ids; perhaps only those that are worked on.
SELECT id FROM cases
WHERE (%(after)s::uuid IS NULL OR id > %(after)s::uuid) AND (state = 'active' OR NOT %(active)s)
ORDER BY id LIMIT %(limit)s;
