-- What casework asks and writes; intake runs none of it.

-- name: children
-- The children of these cases, and theirs; a loop ends where it began.
WITH RECURSIVE below AS (
    SELECT parent AS root, id FROM cases WHERE parent = ANY(%(ids)s::uuid[])
    UNION
    SELECT below.root, cases.id FROM below JOIN cases ON cases.parent = below.id
)
SELECT root, id FROM below ORDER BY root, id;

-- name: ancestors
WITH RECURSIVE above AS (
    SELECT id AS leaf, parent FROM cases WHERE id = ANY(%(ids)s::uuid[]) AND parent IS NOT NULL
    UNION
    SELECT above.leaf, cases.parent FROM above JOIN cases ON cases.id = above.parent WHERE cases.parent IS NOT NULL
)
SELECT leaf, parent FROM above;

-- name: merged
-- What was merged into these cases, the last first.
SELECT survivor, merged FROM case_merge WHERE survivor = ANY(%(ids)s::uuid[]) ORDER BY survivor, at DESC, merged DESC;

-- name: activities
SELECT id, case_id, kind, direction, state, at, subject, sender, agent, duration_s, billable_s, adjusts,
    consumed_at IS NOT NULL, billed_at IS NOT NULL, regarding_kind, regarding
FROM activity
WHERE case_id = ANY(%(cases)s::uuid[]) OR id = ANY(%(ids)s::uuid[])
ORDER BY at, id;

-- name: merges
SELECT record FROM case_merge WHERE merged = ANY(%(ids)s::uuid[]);

-- name: agents
SELECT external_id, id, name FROM agent WHERE external_id = ANY(%(names)s::text[]);

-- name: answers
-- Where a case's customer last wrote from, else the first address that is known of them.
SELECT cases.id, coalesce(wrote.kind, cases.origin), coalesce(wrote.sender, address.known[1]), wrote.source_id,
    address.known
FROM cases
LEFT JOIN LATERAL (
    SELECT activity.kind, activity.sender, message.source_id
    FROM activity LEFT JOIN message ON message.activity_id = activity.id
    WHERE activity.case_id = cases.id AND activity.direction = 'in' AND activity.sender IS NOT NULL
        AND (activity.contact_id = cases.contact_id OR cases.contact_id IS NULL)
        AND activity.kind IN ('email', 'web', 'social')
    ORDER BY activity.at DESC, activity.id DESC LIMIT 1
) AS wrote ON true
LEFT JOIN LATERAL (
    SELECT array(
        SELECT value FROM identity WHERE identity.contact_id = cases.contact_id AND kind = 'email' ORDER BY value
    ) AS known
) AS address ON true
WHERE cases.id = ANY(%(ids)s::uuid[]);

-- name: contacts_named
-- Contacts by external id or id, or by an address of theirs; of one that was merged the one that survived.
SELECT wanted.name, contact.id, contact.external_id, contact.name, account.id, account.external_id, account.name
FROM unnest(%(names)s::text[]) AS wanted (name)
CROSS JOIN LATERAL (
    SELECT coalesce(survivor_id, id) AS id FROM contact WHERE external_id = wanted.name
    UNION ALL
    SELECT coalesce(survivor_id, id) FROM contact
    WHERE id = CASE WHEN wanted.name ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN wanted.name::uuid END
    UNION ALL
    SELECT contact_id FROM identity
    WHERE kind = 'email' AND value = lower(wanted.name) AND contact_id IS NOT NULL
    LIMIT 1
) AS found
JOIN contact ON contact.id = found.id LEFT JOIN account ON account.id = contact.account_id;

-- name: accounts_named
SELECT external_id, id, external_id, name, NULL, NULL, NULL FROM account WHERE external_id = ANY(%(names)s::text[]);

-- name: devices_named
SELECT device.external_id, device.id, device.external_id, device.name, account.id, account.external_id, account.name
FROM device LEFT JOIN account ON account.id = device.account_id
WHERE device.external_id = ANY(%(names)s::text[]);

-- name: articles_named
-- In whichever language there is.
SELECT DISTINCT ON (external_id) external_id, id, external_id, title, NULL, NULL, NULL FROM article
WHERE external_id = ANY(%(names)s::text[]) ORDER BY external_id, language;

-- name: entitlements_named
SELECT external_id, md5(external_id)::uuid, external_id, external_id, NULL, NULL, NULL FROM entitlement
WHERE external_id = ANY(%(names)s::text[]);

-- name: insert_work
INSERT INTO activity (id, case_id, kind, direction, state, subject, body, at, sender, recipient, agent, contact_id,
    started_at, ended_at, duration_s, billable_s, adjusts, due_at, remind_at, delivery, regarding_kind, regarding)
SELECT id, case_id, kind, direction, state, subject, body, at, sender, recipient, agent, contact_id,
    started_at, ended_at, duration_s, billable_s, adjusts, due_at, remind_at, delivery, regarding_kind, regarding
FROM json_to_recordset(%(rows)s::json) AS r (id uuid, case_id uuid, kind text, direction text, state text,
    subject text, body text, at timestamptz, sender text, recipient text, agent text, contact_id uuid,
    started_at timestamptz, ended_at timestamptz, duration_s int, billable_s int, adjusts boolean,
    due_at timestamptz, remind_at timestamptz, delivery text, regarding_kind text, regarding text);

-- name: finish
UPDATE activity SET state = r.state, ended_at = r.at, duration_s = coalesce(r.duration_s, activity.duration_s),
    billable_s = coalesce(r.billable_s, activity.billable_s)
FROM json_to_recordset(%(rows)s::json) AS r (id uuid, state text, at timestamptz, duration_s int, billable_s int)
WHERE activity.id = r.id AND activity.state = 'open';

-- name: own
UPDATE activity SET agent = r.agent FROM unnest(%(ids)s::uuid[], %(agents)s::text[]) AS r (id, agent)
WHERE activity.id = r.id AND activity.state = 'open';

-- name: move_links
-- What answers a moved message follows it; runs before the activity moves.
WITH wanted AS (
    SELECT message.source_id AS id, activity.case_id AS old, r.case_id AS new
    FROM json_to_recordset(%(rows)s::json) AS r (id uuid, case_id uuid, carries_links boolean)
    JOIN activity ON activity.id = r.id JOIN message ON message.activity_id = r.id
    WHERE r.carries_links AND message.channel = 'email'
), gone AS (
    DELETE FROM thread_link USING wanted
    WHERE thread_link.id = wanted.id AND thread_link.case_id = wanted.old AND thread_link.own
    RETURNING thread_link.id, wanted.new, thread_link.contact_id
)
INSERT INTO thread_link (id, case_id, own, contact_id) SELECT id, new, true, contact_id FROM gone
ON CONFLICT DO NOTHING;

-- name: move
UPDATE activity SET case_id = r.case_id
FROM json_to_recordset(%(rows)s::json) AS r (id uuid, case_id uuid)
WHERE activity.id = r.id;

-- name: consume
-- Marks what bears no mark yet.
UPDATE activity SET consumed_at = r.at
FROM unnest(%(ids)s::uuid[], %(ats)s::timestamptz[]) AS r (case_id, at)
WHERE activity.case_id = r.case_id AND activity.consumed_at IS NULL AND activity.state = 'closed'
    AND activity.kind <> 'resolution' AND activity.billable_s <> 0;

-- name: restore
UPDATE activity SET consumed_at = NULL WHERE case_id = ANY(%(ids)s::uuid[]) AND consumed_at IS NOT NULL;

-- name: insert_merges
INSERT INTO case_merge (merged, survivor, at, record)
SELECT merged, survivor, at, record
FROM json_to_recordset(%(rows)s::json) AS r (merged uuid, survivor uuid, at timestamptz, record jsonb);

-- name: delete_merges
DELETE FROM case_merge WHERE merged = ANY(%(ids)s::uuid[]);

-- name: delete_participants
DELETE FROM case_participant USING unnest(%(case_ids)s::uuid[], %(addresses)s::text[]) AS r (case_id, address)
WHERE case_participant.case_id = r.case_id AND case_participant.address = r.address;

-- name: insert_deeds
INSERT INTO deed (id, case_id, at, actor, actor_id, verb, data, activity_id)
SELECT id, case_id, at, actor, actor_id, verb, data, activity_id
FROM json_to_recordset(%(rows)s::json) AS r (id uuid, case_id uuid, at timestamptz, actor text, actor_id text,
    verb text, data jsonb, activity_id uuid);
