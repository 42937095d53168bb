-- Entitlements as records: made, changed and told to people.

-- name: lock_records
-- One writer of entitlements at a time, so that no two make a customer two defaults.
SELECT pg_advisory_xact_lock(4921858);

-- name: upsert_templates
INSERT INTO entitlement_template AS t (external_id, allotment, total, channels, only_listed, decrement_on, restrict,
    products, sla)
SELECT external_id, allotment, total, channels, only_listed, decrement_on, restrict, products, sla
FROM json_to_recordset(%(rows)s::json) AS r (external_id text, allotment text, total bigint, channels jsonb,
    only_listed boolean, decrement_on text, restrict boolean, products text[], sla text)
ON CONFLICT (external_id) DO UPDATE SET
    allotment = excluded.allotment, total = excluded.total, channels = excluded.channels,
    only_listed = excluded.only_listed, decrement_on = excluded.decrement_on, restrict = excluded.restrict,
    products = excluded.products, sla = excluded.sla;

-- name: templates
SELECT external_id, products, sla, allotment, total, channels, only_listed, decrement_on, restrict
FROM entitlement_template
WHERE external_id = ANY(%(names)s::text[]) ORDER BY external_id;

-- name: upsert_entitlements
-- What is used stays as it is. One that was used up is told of anew when more was agreed.
INSERT INTO entitlement AS e (external_id, account_id, contacts, device, products, state, starts_at, ends_at, is_default,
    sla, template, renews, allotment, total, channels, only_listed, decrement_on, restrict)
SELECT r.external_id, account.id,
    array(SELECT contact.id FROM contact WHERE contact.external_id = ANY(r.contacts) ORDER BY contact.id),
    device, products, state, starts, ends, is_default, sla, template, renews, allotment, total, channels, only_listed,
    decrement_on, restrict
FROM json_to_recordset(%(rows)s::json) AS r (external_id text, account text, contacts text[], device text,
    products text[], state text, starts timestamptz, ends timestamptz, is_default boolean, sla text, template text,
    renews text, allotment text, total bigint, channels jsonb, only_listed boolean, decrement_on text, restrict boolean)
LEFT JOIN account ON account.external_id = r.account
ON CONFLICT (external_id) DO UPDATE SET
    account_id = excluded.account_id, contacts = excluded.contacts, device = excluded.device,
    products = excluded.products, state = excluded.state, starts_at = excluded.starts_at, ends_at = excluded.ends_at,
    is_default = excluded.is_default, sla = excluded.sla, template = excluded.template, renews = excluded.renews,
    allotment = excluded.allotment, total = excluded.total, channels = excluded.channels,
    only_listed = excluded.only_listed, decrement_on = excluded.decrement_on, restrict = excluded.restrict,
    exhausted_at = CASE WHEN excluded.total IS NULL OR excluded.total > e.used THEN NULL ELSE e.exhausted_at END;

-- name: entitlements
-- Entitlements with the names of whom they are for: those of some names, those of some customers, or all.
SELECT e.external_id, e.account_id,
    array(SELECT coalesce(survivor_id, id) FROM contact WHERE id = ANY(e.contacts)), e.device, e.products, e.state,
    e.starts_at, e.ends_at, e.is_default, e.sla, e.used, e.used_by, e.exhausted_at IS NOT NULL, e.allotment, e.total,
    e.channels, e.only_listed, e.decrement_on, e.restrict,
    coalesce(account.external_id, account.id::text), account.name,
    array(SELECT coalesce(external_id, id::text) FROM contact WHERE id = ANY(e.contacts) ORDER BY 1),
    e.template, e.renews, (SELECT external_id FROM entitlement AS next WHERE next.renews = e.external_id)
FROM entitlement AS e LEFT JOIN account ON account.id = e.account_id
WHERE %(all)s OR e.external_id = ANY(%(names)s::text[])
    OR (e.account_id = ANY(%(accounts)s::uuid[])
        AND (%(whole)s OR cardinality(e.contacts) = 0 OR e.contacts && %(contacts)s::uuid[]))
    OR e.contacts && %(contacts)s::uuid[]
    OR e.device = ANY(%(devices)s::text[])
ORDER BY e.is_default DESC, e.ends_at NULLS LAST, e.external_id;

-- name: customers
-- Who is meant by an id, an address or number, or a device: the account, the contact if it is one, the devices.
SELECT account.id, NULL::uuid,
    array(SELECT device.external_id FROM device WHERE device.account_id = account.id)
FROM account WHERE account.external_id = %(customer)s OR account.id::text = %(customer)s
UNION ALL
SELECT account_id, id, '{}' FROM contact WHERE external_id = %(customer)s OR id::text = %(customer)s
UNION ALL
SELECT coalesce(identity.account_id, contact.account_id), contact.id, '{}'
FROM identity LEFT JOIN contact ON contact.id = identity.contact_id
WHERE identity.agent_id IS NULL AND identity.kind <> 'device' AND identity.value IN (%(customer)s, lower(%(customer)s))
UNION ALL
SELECT NULL, NULL, array[external_id] FROM device WHERE external_id = %(customer)s;

-- name: ledger
-- Every line of these entitlements, oldest first, with the case's number.
SELECT line.entitlement, line.at, cases.number, line.transition, line.turn, line.units, line.channel, line.activity_id
FROM entitlement_ledger AS line JOIN cases ON cases.id = line.case_id
WHERE line.entitlement = ANY(%(names)s::text[]) ORDER BY line.entitlement, line.ord;

-- name: set_state
UPDATE entitlement SET state = %(state)s, waits = false WHERE external_id = %(name)s;

-- name: rivals
-- Every default that runs or will.
SELECT external_id, account_id, contacts, device, products, state, starts_at, ends_at, is_default, sla, used, used_by,
    exhausted_at IS NOT NULL, allotment, total, channels, only_listed, decrement_on, restrict
FROM entitlement WHERE is_default AND state IN ('active', 'waiting') ORDER BY external_id;

-- name: unknown_names
-- The customers named that nobody knows.
WITH named (kind, name) AS (
    SELECT 'account', %(account)s::text
    UNION ALL SELECT 'contact', unnest(%(contacts)s::text[])
    UNION ALL SELECT 'device', %(device)s::text
)
SELECT kind, name FROM named
WHERE name IS NOT NULL AND NOT CASE kind
    WHEN 'account' THEN EXISTS (SELECT FROM account WHERE external_id = named.name)
    WHEN 'contact' THEN EXISTS (SELECT FROM contact WHERE external_id = named.name)
    ELSE EXISTS (SELECT FROM device WHERE external_id = named.name)
END;
