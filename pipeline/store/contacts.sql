-- Merging contacts, and taking them apart again.

-- name: begin
-- Nobody settles messages of contacts meanwhile, nor imports them.
SELECT pg_advisory_xact_lock(4921859), pg_advisory_xact_lock(hashtext('casestream import'));

-- name: find
-- The contacts that are called so: by external id, by id, by what they are known by.
SELECT wanted.name, contact.id
FROM json_to_recordset(%(rows)s::json) AS wanted (name text, id uuid, value text)
JOIN contact ON contact.external_id = wanted.name
UNION
SELECT wanted.name, contact.id
FROM json_to_recordset(%(rows)s::json) AS wanted (name text, id uuid, value text)
JOIN contact ON contact.id = wanted.id
UNION
SELECT wanted.name, identity.contact_id
FROM json_to_recordset(%(rows)s::json) AS wanted (name text, id uuid, value text)
JOIN identity ON identity.kind IN ('email', 'phone', 'social') AND identity.value = wanted.value
WHERE identity.contact_id IS NOT NULL;

-- name: lock_identities
-- Before the contacts and their cases, as intake does.
SELECT contact_id, kind, value FROM identity
WHERE contact_id = ANY(%(ids)s::uuid[])
ORDER BY kind COLLATE "C", value FOR UPDATE;

-- name: lock_contacts
SELECT contact.id, contact.external_id, contact.name, contact.survivor_id
FROM contact WHERE contact.id = ANY(%(ids)s::uuid[])
ORDER BY contact.id FOR UPDATE;

-- name: accounts_of
SELECT contact.id, account.id, account.external_id, account.name
FROM contact JOIN account ON account.id = contact.account_id
WHERE contact.id = ANY(%(ids)s::uuid[]);

-- name: absorbed
SELECT survivor_id, id FROM contact WHERE survivor_id = ANY(%(ids)s::uuid[]) ORDER BY id;

-- name: merges
-- What came with the merges that stand.
SELECT contact_id, moved FROM contact_merge WHERE contact_id = ANY(%(ids)s::uuid[]) AND undone_at IS NULL;

-- name: cases_of
SELECT id FROM cases WHERE contact_id = %(id)s ORDER BY id;

-- name: move_identities
UPDATE identity SET contact_id = r.contact_id
FROM json_to_recordset(%(rows)s::json) AS r (kind text, value text, contact_id uuid)
WHERE identity.kind = r.kind AND identity.value = r.value;

-- name: set_survivors
UPDATE contact SET survivor_id = r.survivor_id
FROM json_to_recordset(%(rows)s::json) AS r (id uuid, survivor_id uuid)
WHERE contact.id = r.id;

-- name: insert_merges
INSERT INTO contact_merge (id, contact_id, into_id, at, actor, moved)
SELECT id, contact_id, into_id, at, actor, moved
FROM json_to_recordset(%(rows)s::json)
    AS r (id uuid, contact_id uuid, into_id uuid, at timestamptz, actor text, moved jsonb);

-- name: undo_merges
UPDATE contact_merge SET undone_at = r.at
FROM json_to_recordset(%(rows)s::json) AS r (id uuid, at timestamptz)
WHERE contact_merge.id = r.id;

-- name: people
-- What contacts are compared by.
SELECT coalesce(contact.external_id, contact.id::text), contact.name,
    array(SELECT value FROM identity WHERE contact_id = contact.id AND kind = 'phone' ORDER BY value),
    array(SELECT value FROM identity WHERE contact_id = contact.id AND kind = 'email' ORDER BY value),
    account.id::text
FROM contact LEFT JOIN account ON account.id = contact.account_id
WHERE contact.survivor_id IS NULL
ORDER BY contact.created_at, contact.id;
