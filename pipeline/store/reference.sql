-- Reference data, known by external ids.

-- name: upsert_account
INSERT INTO account (id, external_id, name) VALUES (%(id)s, %(external_id)s, %(name)s)
ON CONFLICT (external_id) DO UPDATE SET name = excluded.name;

-- name: upsert_domains
INSERT INTO account_domain (domain, account_id)
SELECT DISTINCT domain, account.id FROM unnest(%(domains)s::text[]) AS domain, account
WHERE account.external_id = %(external_id)s
ON CONFLICT (domain) DO UPDATE SET account_id = excluded.account_id;

-- name: upsert_contact
INSERT INTO contact (id, external_id, name, account_id, created_at)
SELECT %(id)s, %(external_id)s, %(name)s, (SELECT id FROM account WHERE external_id = %(account)s), %(at)s
ON CONFLICT (external_id) DO UPDATE SET name = excluded.name, account_id = excluded.account_id;

-- name: upsert_identities
INSERT INTO identity (kind, value, contact_id, origin)
SELECT DISTINCT %(kind)s, value, contact.id, 'import' FROM unnest(%(values)s::text[]) AS value, contact
WHERE contact.external_id = %(external_id)s
ON CONFLICT (kind, value) DO UPDATE SET contact_id = excluded.contact_id, account_id = NULL, origin = excluded.origin;

-- name: upsert_device
INSERT INTO identity (kind, value, account_id, origin)
SELECT 'device', %(device)s, account.id, 'import' FROM account WHERE account.external_id = %(account)s
ON CONFLICT (kind, value) DO UPDATE SET account_id = excluded.account_id, contact_id = NULL, origin = excluded.origin;
