-- Forgets agents, products, devices, articles and merges of contacts; a device's identity stays with its account.
DELETE FROM identity WHERE agent_id IS NOT NULL;
INSERT INTO identity (kind, value, account_id, origin)
SELECT 'device', external_id, account_id, 'import' FROM device WHERE account_id IS NOT NULL
ON CONFLICT DO NOTHING;
ALTER TABLE identity DROP CONSTRAINT identity_of_one;
DROP INDEX identity_contact, identity_account, contact_account;
ALTER TABLE identity DROP COLUMN agent_id;
ALTER TABLE identity ADD CONSTRAINT identity_check CHECK ((contact_id IS NULL) <> (account_id IS NULL));
ALTER TABLE message DROP COLUMN account_id, DROP COLUMN customer_by;
DROP TABLE contact_merge;
ALTER TABLE contact DROP COLUMN fields, DROP COLUMN survivor_id;
ALTER TABLE account DROP COLUMN parent_id, DROP COLUMN fields;
DROP TABLE article_version, article, device, product, agent;
