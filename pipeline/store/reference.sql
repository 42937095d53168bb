-- Reference data, known by external ids. `known_KIND` answers with what a record of the kind is made of, `write_KIND`
-- puts it back; rows come in the order of naming, and a record's parent follows once all of its kind are there.

-- name: one_at_a_time
-- Imports go one after the other.
SELECT pg_advisory_xact_lock(hashtext('casestream import'));

-- name: known_account
SELECT account.id, account.id AS holder, account.external_id, account.name, parent.external_id AS parent, account.fields,
    array(SELECT domain FROM account_domain WHERE account_id = account.id ORDER BY domain COLLATE "C") AS domains
FROM account LEFT JOIN account AS parent ON parent.id = account.parent_id
WHERE account.external_id = ANY(%(names)s::text[]);

-- name: known_product
SELECT product.id, product.id AS holder, product.external_id, product.name, parent.external_id AS parent,
    product.thresholds
FROM product LEFT JOIN product AS parent ON parent.id = product.parent_id
WHERE product.external_id = ANY(%(names)s::text[]);

-- name: known_agent
SELECT agent.id, agent.id AS holder, agent.external_id, agent.name, agent.queues, agent.skills, agent.capacity,
    agent.calendar, manager.external_id AS manager, agent.away
FROM agent LEFT JOIN agent AS manager ON manager.id = agent.manager_id
WHERE agent.external_id = ANY(%(names)s::text[]);

-- name: known_contact
-- The identities of a contact that was merged are those of the one it was merged into.
SELECT contact.id, coalesce(contact.survivor_id, contact.id) AS holder, contact.external_id, contact.name,
    account.external_id AS account, contact.fields
FROM contact LEFT JOIN account ON account.id = contact.account_id
WHERE contact.external_id = ANY(%(names)s::text[]);

-- name: known_device
SELECT device.id, device.id AS holder, device.external_id, device.name, account.external_id AS account,
    product.external_id AS product, device.gateway, device.warranty_until, device.thresholds, device.fields
FROM device
LEFT JOIN account ON account.id = device.account_id
LEFT JOIN product ON product.id = device.product_id
WHERE device.external_id = ANY(%(names)s::text[]);

-- name: known_article
SELECT id, id AS holder, external_id, language, state, title, body, keywords
FROM article WHERE external_id = ANY(%(names)s::text[]);

-- name: known_entitlement_template
SELECT md5(external_id)::uuid AS id, md5(external_id)::uuid AS holder, external_id, allotment,
    total / CASE allotment WHEN 'hours' THEN 3600 ELSE 1 END::float AS total,
    coalesce((SELECT jsonb_object_agg(key, value::float / CASE allotment WHEN 'hours' THEN 3600 ELSE 1 END)
        FROM jsonb_each_text(channels)), '{}') AS channels,
    only_listed, decrement_on, restrict, products, sla
FROM entitlement_template WHERE external_id = ANY(%(names)s::text[]);

-- name: known_entitlement
-- Those of these names, and the defaults of these customers, who may have one at a time.
SELECT md5(e.external_id)::uuid AS id, md5(e.external_id)::uuid AS holder, e.external_id,
    account.external_id AS account,
    array(SELECT external_id FROM contact WHERE id = ANY(e.contacts) ORDER BY external_id COLLATE "C") AS contacts,
    e.device, CASE WHEN e.waits THEN 'waiting' ELSE e.state END AS state, e.starts_at AS starts, e.ends_at AS ends, e.is_default AS default, e.template, e.allotment,
    e.total / CASE e.allotment WHEN 'hours' THEN 3600 ELSE 1 END::float AS total,
    coalesce((SELECT jsonb_object_agg(key, value::float / CASE e.allotment WHEN 'hours' THEN 3600 ELSE 1 END)
        FROM jsonb_each_text(e.channels)), '{}') AS channels,
    e.only_listed, e.decrement_on, e.restrict, e.products, e.sla
FROM entitlement AS e LEFT JOIN account ON account.id = e.account_id
WHERE e.external_id = ANY(%(names)s::text[])
    OR (e.is_default AND e.state IN ('active', 'waiting') AND (
        account.external_id = ANY(%(accounts)s::text[]) OR e.device = ANY(%(devices)s::text[])
        OR EXISTS (SELECT FROM contact WHERE id = ANY(e.contacts) AND external_id = ANY(%(contacts)s::text[]))));

-- name: holders
-- Whose these identities are.
SELECT identity.kind, identity.value, identity.origin = 'import',
    CASE WHEN contact.id IS NOT NULL THEN 'contact' WHEN account.id IS NOT NULL THEN 'account' ELSE 'agent' END,
    coalesce(contact.id, account.id, agent.id), coalesce(contact.external_id, account.external_id, agent.external_id),
    employer.external_id
FROM identity
JOIN unnest(%(kinds)s::text[], %(values)s::text[]) AS wanted (kind, value) USING (kind, value)
LEFT JOIN contact ON contact.id = identity.contact_id
LEFT JOIN account ON account.id = identity.account_id
LEFT JOIN agent ON agent.id = identity.agent_id
LEFT JOIN account AS employer ON employer.id = contact.account_id;

-- name: imported_identities
-- What imports told of how these are known; what came with a merge is still told of the contact that was merged.
WITH came AS (
    SELECT DISTINCT ON (kind, value) contact.id, contact.survivor_id, one ->> 0 AS kind, one ->> 1 AS value
    FROM contact_merge
    JOIN contact ON contact.id = contact_merge.contact_id AND contact.survivor_id = ANY(%(ids)s::uuid[])
    CROSS JOIN jsonb_array_elements(moved -> 'identities') AS one
    WHERE undone_at IS NULL
    ORDER BY kind, value, contact_merge.at, contact_merge.id
)
SELECT coalesce(came.id, identity.contact_id, identity.account_id, identity.agent_id), identity.kind, identity.value
FROM identity
LEFT JOIN came ON came.kind = identity.kind AND came.value = identity.value AND came.survivor_id = identity.contact_id
WHERE origin = 'import' AND (contact_id = ANY(%(ids)s::uuid[]) OR account_id = ANY(%(ids)s::uuid[])
    OR agent_id = ANY(%(ids)s::uuid[]));

-- name: domain_holders
SELECT domain, account.external_id, account.id
FROM account_domain JOIN account ON account.id = account_domain.account_id
WHERE domain = ANY(%(domains)s::text[]);

-- name: ids_of_account
SELECT external_id, id FROM account WHERE external_id = ANY(%(names)s::text[]);

-- name: ids_of_product
SELECT external_id, id FROM product WHERE external_id = ANY(%(names)s::text[]);

-- name: ids_of_agent
SELECT external_id, id FROM agent WHERE external_id = ANY(%(names)s::text[]);

-- name: ids_of_contact
SELECT external_id, id FROM contact WHERE external_id = ANY(%(names)s::text[]);

-- name: ids_of_device
SELECT external_id, id FROM device WHERE external_id = ANY(%(names)s::text[]);

-- name: ids_of_entitlement_template
SELECT external_id, md5(external_id)::uuid FROM entitlement_template WHERE external_id = ANY(%(names)s::text[]);

-- name: above_account
SELECT account.external_id, parent.external_id FROM account JOIN account AS parent ON parent.id = account.parent_id;

-- name: above_product
SELECT product.external_id, parent.external_id FROM product JOIN product AS parent ON parent.id = product.parent_id;

-- name: above_agent
SELECT agent.external_id, manager.external_id FROM agent JOIN agent AS manager ON manager.id = agent.manager_id;

-- name: write_account
INSERT INTO account (id, external_id, name, fields)
SELECT id, external_id, name, fields
FROM json_to_recordset(%(rows)s::json) AS r (id uuid, external_id text, name text, fields jsonb)
ON CONFLICT (id) DO UPDATE SET external_id = excluded.external_id, name = excluded.name, fields = excluded.fields;

-- name: parents_account
UPDATE account SET parent_id = parent.id
FROM json_to_recordset(%(rows)s::json) AS r (id uuid, parent text) LEFT JOIN account AS parent ON parent.external_id = r.parent
WHERE account.id = r.id AND account.parent_id IS DISTINCT FROM parent.id;

-- name: drop_domains
-- What these accounts do not list any more, in one statement of its own: it may go to another of them.
DELETE FROM account_domain USING json_to_recordset(%(rows)s::json) AS r (id uuid, domains text[])
WHERE account_domain.account_id = r.id AND NOT account_domain.domain = ANY(r.domains);

-- name: add_domains
INSERT INTO account_domain (domain, account_id)
SELECT domain, r.id FROM json_to_recordset(%(rows)s::json) AS r (id uuid, domains text[]), unnest(r.domains) AS domain
ORDER BY domain COLLATE "C"
ON CONFLICT (domain) DO NOTHING;

-- name: write_product
INSERT INTO product (id, external_id, name, thresholds)
SELECT id, external_id, name, thresholds
FROM json_to_recordset(%(rows)s::json) AS r (id uuid, external_id text, name text, thresholds jsonb)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, thresholds = excluded.thresholds;

-- name: parents_product
UPDATE product SET parent_id = parent.id
FROM json_to_recordset(%(rows)s::json) AS r (id uuid, parent text) LEFT JOIN product AS parent ON parent.external_id = r.parent
WHERE product.id = r.id AND product.parent_id IS DISTINCT FROM parent.id;

-- name: write_agent
INSERT INTO agent (id, external_id, name, queues, skills, capacity, calendar, away)
SELECT id, external_id, name, queues, skills, capacity, calendar, away
FROM json_to_recordset(%(rows)s::json) AS r (id uuid, external_id text, name text, queues text[], skills jsonb,
    capacity int, calendar text, away jsonb)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, queues = excluded.queues, skills = excluded.skills,
    capacity = excluded.capacity, calendar = excluded.calendar, away = excluded.away;

-- name: parents_agent
UPDATE agent SET manager_id = manager.id
FROM json_to_recordset(%(rows)s::json) AS r (id uuid, manager text)
LEFT JOIN agent AS manager ON manager.external_id = r.manager
WHERE agent.id = r.id AND agent.manager_id IS DISTINCT FROM manager.id;

-- name: write_contact
-- A contact that a message made gets its external id here, and keeps its account unless it gets another.
INSERT INTO contact (id, external_id, name, account_id, fields, created_at)
SELECT r.id, r.external_id, r.name,
    coalesce(account.id, CASE WHEN r.adopted THEN (SELECT account_id FROM contact WHERE contact.id = r.id) END),
    r.fields, %(at)s
FROM json_to_recordset(%(rows)s::json)
    AS r (id uuid, adopted boolean, external_id text, name text, account text, fields jsonb)
LEFT JOIN account ON account.external_id = r.account
ON CONFLICT (id) DO UPDATE SET external_id = excluded.external_id, name = excluded.name,
    account_id = excluded.account_id, fields = excluded.fields;

-- name: write_device
INSERT INTO device (id, external_id, name, account_id, product_id, gateway, warranty_until, thresholds, fields)
SELECT r.id, r.external_id, r.name, account.id, product.id, r.gateway, r.warranty_until, r.thresholds, r.fields
FROM json_to_recordset(%(rows)s::json) AS r (id uuid, external_id text, name text, account text, product text,
    gateway text, warranty_until date, thresholds jsonb, fields jsonb)
LEFT JOIN account ON account.external_id = r.account
LEFT JOIN product ON product.external_id = r.product
ON CONFLICT (id) DO UPDATE SET name = excluded.name, account_id = excluded.account_id,
    product_id = excluded.product_id, gateway = excluded.gateway, warranty_until = excluded.warranty_until,
    thresholds = excluded.thresholds, fields = excluded.fields;

-- name: begin_warranties
-- A device's warranty is an entitlement on it until the end of its last day, by the template of that name if any; one
-- to the last year there is has no end.
INSERT INTO entitlement (external_id, device, state, ends_at, template, allotment, total, channels, only_listed,
    decrement_on, restrict, products, sla)
SELECT 'warranty of ' || r.external_id, r.external_id, 'active',
    CASE WHEN r.warranty_until < '9999-01-01' THEN (r.warranty_until + 1)::timestamp AT TIME ZONE %(timezone)s END,
    template.external_id,
    coalesce(template.allotment, 'cases'), template.total, coalesce(template.channels, '{}'),
    coalesce(template.only_listed, false), coalesce(template.decrement_on, 'open'), coalesce(template.restrict, true),
    coalesce(template.products, '{}'), template.sla
FROM json_to_recordset(%(rows)s::json) AS r (external_id text, warranty_until date)
LEFT JOIN entitlement_template AS template ON template.external_id = 'warranty'
WHERE r.warranty_until IS NOT NULL
ON CONFLICT (external_id) DO UPDATE SET state = 'active', ends_at = excluded.ends_at;

-- name: end_warranties
UPDATE entitlement SET state = 'cancelled'
FROM json_to_recordset(%(rows)s::json) AS r (external_id text, warranty_until date)
WHERE entitlement.external_id = 'warranty of ' || r.external_id AND r.warranty_until IS NULL;

-- name: write_entitlement_template
-- Entitlements that were made of one stay as they are.
INSERT INTO entitlement_template (external_id, allotment, total, channels, only_listed, decrement_on, restrict, products,
    sla)
SELECT external_id, allotment, round(total * unit), (SELECT coalesce(jsonb_object_agg(key, round(value::numeric * unit)),
    '{}') FROM jsonb_each_text(channels)), only_listed, decrement_on, restrict, products, sla
FROM json_to_recordset(%(rows)s::json) AS r (external_id text, allotment text, total numeric, channels jsonb,
    only_listed boolean, decrement_on text, restrict boolean, products text[], sla text),
    LATERAL (SELECT CASE allotment WHEN 'hours' THEN 3600 ELSE 1 END AS unit) AS counted
ON CONFLICT (external_id) DO UPDATE SET
    allotment = excluded.allotment, total = excluded.total, channels = excluded.channels,
    only_listed = excluded.only_listed, decrement_on = excluded.decrement_on, restrict = excluded.restrict,
    products = excluded.products, sla = excluded.sla;

-- name: one_writer_of_entitlements
-- As those who activate or make one do, so that no two make a customer two defaults.
SELECT pg_advisory_xact_lock(4921858);

-- name: write_entitlement
-- What is used stays as it is. One that was used up is told of anew when more was agreed. One that is said to wait
-- runs from its beginning on, unless that was over when it was said.
INSERT INTO entitlement AS e (external_id, account_id, contacts, device, products, state, waits, starts_at, ends_at,
    is_default, sla, template, allotment, total, channels, only_listed, decrement_on, restrict)
SELECT r.external_id, account.id,
    array(SELECT contact.id FROM contact WHERE contact.external_id = ANY(r.contacts) ORDER BY contact.id),
    r.device, r.products, CASE WHEN to_come THEN 'active' ELSE r.state END, to_come, r.starts, r.ends, r."default", r.sla, r.template, r.allotment, round(r.total * unit),
    (SELECT coalesce(jsonb_object_agg(key, round(value::numeric * unit)), '{}') FROM jsonb_each_text(r.channels)),
    r.only_listed, r.decrement_on, r.restrict
FROM json_to_recordset(%(rows)s::json) AS r (external_id text, account text, contacts text[], device text,
    products text[], state text, starts timestamptz, ends timestamptz, "default" boolean, sla text, template text,
    allotment text, total numeric, channels jsonb, only_listed boolean, decrement_on text, restrict boolean)
LEFT JOIN account ON account.external_id = r.account
LEFT JOIN entitlement AS before ON before.external_id = r.external_id,
    LATERAL (SELECT CASE r.allotment WHEN 'hours' THEN 3600 ELSE 1 END AS unit,
        r.state = 'waiting' AND (coalesce(before.waits, false) OR coalesce(r.starts > %(at)s, false)) AS to_come)
    AS counted
ON CONFLICT (external_id) DO UPDATE SET
    account_id = excluded.account_id, contacts = excluded.contacts, device = excluded.device,
    products = excluded.products, state = excluded.state, waits = excluded.waits, starts_at = excluded.starts_at,
    ends_at = excluded.ends_at, is_default = excluded.is_default, sla = excluded.sla, template = excluded.template,
    allotment = excluded.allotment,
    total = excluded.total, channels = excluded.channels, only_listed = excluded.only_listed,
    decrement_on = excluded.decrement_on, restrict = excluded.restrict,
    exhausted_at = CASE WHEN excluded.total IS NULL OR excluded.total > e.used THEN NULL ELSE e.exhausted_at END;

-- name: keep_versions
-- An article whose words change keeps the earlier ones.
INSERT INTO article_version (article_id, version, title, body, at)
SELECT article.id, article.version, article.title, article.body, %(at)s
FROM article JOIN json_to_recordset(%(rows)s::json) AS r (id uuid, title text, body text) ON r.id = article.id
WHERE (article.title, article.body) IS DISTINCT FROM (r.title, r.body);

-- name: write_article
INSERT INTO article AS a (id, external_id, language, state, title, body, keywords)
SELECT id, external_id, language, state, title, body, keywords
FROM json_to_recordset(%(rows)s::json) AS r (id uuid, external_id text, language text, state text, title text,
    body text, keywords text[])
ON CONFLICT (id) DO UPDATE SET state = excluded.state, title = excluded.title, body = excluded.body,
    keywords = excluded.keywords,
    version = a.version + ((a.title, a.body) IS DISTINCT FROM (excluded.title, excluded.body))::int;

-- name: drop_identities
DELETE FROM identity USING unnest(%(kinds)s::text[], %(values)s::text[]) AS gone (kind, value)
WHERE identity.kind = gone.kind AND identity.value = gone.value;

-- name: move_identities
-- In the order in which intake locks them too.
WITH locked AS (
    SELECT identity.kind, identity.value, r.contact_id, r.account_id, r.agent_id, r.origin
    FROM identity JOIN json_to_recordset(%(rows)s::json) AS r (kind text, value text, contact_id uuid, account_id uuid,
        agent_id uuid, origin text) USING (kind, value)
    ORDER BY identity.kind COLLATE "C", identity.value FOR UPDATE OF identity
)
UPDATE identity SET contact_id = locked.contact_id, account_id = locked.account_id, agent_id = locked.agent_id,
    origin = locked.origin
FROM locked WHERE identity.kind = locked.kind AND identity.value = locked.value;

-- name: add_identities
INSERT INTO identity (kind, value, contact_id, account_id, agent_id, origin)
SELECT kind, value, contact_id, account_id, agent_id, origin
FROM json_to_recordset(%(rows)s::json) AS r (kind text, value text, contact_id uuid, account_id uuid, agent_id uuid,
    origin text)
ORDER BY kind COLLATE "C", value COLLATE "C";
