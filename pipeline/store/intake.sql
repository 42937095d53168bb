-- The statements of intake, in the order in which a batch runs them.

-- name: lock_positions
-- Locks the ledger's rows of a batch's own partitions; whoever waits here reads them after the other's commit.
SELECT topic, partition, next, attempts, stopped_reason
FROM offset_ledger
JOIN unnest(%(topics)s::text[], %(partitions)s::int[]) AS own (topic, partition) USING (topic, partition)
ORDER BY topic, partition
FOR UPDATE OF offset_ledger;

-- name: begin
-- Counts that a partition's next records are begun; a process that dies at them leaves the count behind.
UPDATE offset_ledger
SET attempts = CASE WHEN %(alone)s THEN greatest(attempts, 3) + 1 ELSE attempts + 1 END
FROM unnest(%(topics)s::text[], %(partitions)s::int[]) AS own (topic, partition)
WHERE offset_ledger.topic = own.topic AND offset_ledger.partition = own.partition
RETURNING own.topic, own.partition, attempts;

-- name: know_contacts
-- While a message is settled no contacts are merged: it would go on with what it read of its sender before.
SELECT pg_advisory_xact_lock_shared(4921859);

-- name: claim_thread_ids
-- Claims all ids of a batch so that two workers cannot open two cases for one conversation;
-- a concurrent claim of the same new id waits here until the other transaction ends.
INSERT INTO thread_id (id)
SELECT id FROM unnest(%(ids)s::text[]) AS id ORDER BY id COLLATE "C"
ON CONFLICT DO NOTHING;

-- name: lock_thread_ids
-- Locks the ids that were there before, so that two workers that answer the same old mail decide one after the other.
SELECT count(*) FROM (
    SELECT id FROM thread_id WHERE id = ANY(%(ids)s::text[]) ORDER BY id FOR NO KEY UPDATE
) AS locked;

-- name: thread_links
-- Which cases the ids belong to; of an id that very many mails bear or mention, the first links alone.
-- Who was merged into another contact since is that one now.
SELECT link.id, case_id, own, coalesce(merged.survivor_id, contact_id), mailbox, people
FROM unnest(%(ids)s::text[]) AS wanted (id) CROSS JOIN LATERAL (
    SELECT id, case_id, own, contact_id, mailbox, people FROM thread_link WHERE thread_link.id = wanted.id
    ORDER BY own DESC, case_id LIMIT %(most)s
) AS link
LEFT JOIN contact AS merged ON merged.id = link.contact_id AND merged.survivor_id IS NOT NULL
ORDER BY link.id, own DESC, case_id;

-- name: known_messages
-- The messages stored under these keys, with the text that a duplicate is compared with.
SELECT message.dedupe_key, message.id, message.received_at, coalesce(message.case_id, activity.case_id),
    coalesce(message.body, activity.body, '')
FROM message LEFT JOIN activity ON activity.id = message.activity_id
WHERE message.dedupe_key = ANY(%(keys)s::text[]);

-- name: parties
-- Whose addresses, numbers, accounts on a platform or devices these are.
SELECT identity.kind, identity.value, contact.id, contact.external_id, contact.name, account.id, account.external_id, account.name,
    agent.id, agent.external_id, agent.name
FROM identity
LEFT JOIN contact ON contact.id = identity.contact_id
LEFT JOIN account ON account.id = coalesce(identity.account_id, contact.account_id)
LEFT JOIN agent ON agent.id = identity.agent_id
WHERE identity.kind = %(kind)s AND identity.value = ANY(%(values)s::text[]);

-- name: device_parties
-- Whose these devices are: whoever has the identity, else the device's account.
SELECT 'device', wanted.value, contact.id, contact.external_id, contact.name, account.id, account.external_id,
    account.name, NULL::uuid, NULL, NULL, CASE WHEN identity.value IS NULL THEN 'device''s account' ELSE 'identity' END
FROM unnest(%(values)s::text[]) AS wanted (value)
LEFT JOIN identity ON identity.kind = 'device' AND identity.value = wanted.value
LEFT JOIN device ON device.external_id = wanted.value
LEFT JOIN contact ON contact.id = identity.contact_id
LEFT JOIN account ON account.id = coalesce(identity.account_id, contact.account_id, device.account_id)
WHERE contact.id IS NOT NULL OR account.id IS NOT NULL;

-- name: accounts
-- The accounts that these mail domains belong to.
SELECT domain, account.id, account.external_id, account.name
FROM account_domain JOIN account ON account.id = account_domain.account_id
WHERE domain = ANY(%(domains)s::text[]);

-- name: case_ids
-- The cases that proven tokens name.
SELECT number, id FROM cases WHERE number = ANY(%(numbers)s::bigint[]);

-- name: insert_contacts
-- Makes contacts for identities that have none; who comes second finds the first one's.
WITH candidate AS (
    SELECT * FROM json_to_recordset(%(rows)s::json)
        AS r (id uuid, name text, kind text, value text, account_id uuid, created_at timestamptz,
            origin text)
), claimed AS (
    INSERT INTO identity (kind, value, contact_id, origin)
    SELECT kind, value, id, origin FROM candidate ORDER BY kind COLLATE "C", value COLLATE "C"
    ON CONFLICT DO NOTHING
    RETURNING contact_id
)
INSERT INTO contact (id, name, account_id, created_at)
SELECT id, name, account_id, created_at FROM candidate WHERE id IN (SELECT contact_id FROM claimed);

-- name: lock_cases
-- Locks cases in the order of their ids.
SELECT cases.id, number, title, state, status, priority, origin, queue, opened_at, resolved_at, follow_up_of,
    linked_to, merged_into, flags, revision, event_seq, cases.device, cases.product, severity, type,
    entitlement, sla, first_response_at, waiting_since, until, escalated, parent, decrement, sla_by, only_answer, cases.fields, cases.description, cases.filed_under,
    contact.id, contact.external_id, contact.name, account.id, account.external_id, account.name,
    agent.id, agent.external_id, agent.name
FROM cases
LEFT JOIN contact ON contact.id = cases.contact_id
LEFT JOIN account ON account.id = cases.account_id
LEFT JOIN agent ON agent.id = cases.owner_id
WHERE cases.id = ANY(%(ids)s::uuid[]) ORDER BY cases.id FOR UPDATE OF cases;

-- name: survivors
-- The last survivor of each case, and every case merged on the way there.
WITH RECURSIVE chain AS (
    SELECT id, merged_into FROM cases WHERE id = ANY(%(ids)s::uuid[])
    UNION
    SELECT cases.id, cases.merged_into FROM chain JOIN cases ON cases.id = chain.merged_into
)
SELECT id FROM chain;

-- name: participants
-- Who may write to these cases.
SELECT case_id, address FROM case_participant WHERE case_id = ANY(%(ids)s::uuid[]);

-- name: case_numbers
SELECT nextval('case_number') FROM generate_series(1, %(count)s);

-- name: next_sequences
-- Raises the sequences of keys that are no case, and returns the last number each has now.
INSERT INTO event_sequence (key, seq)
SELECT key, count FROM unnest(%(keys)s::text[], %(counts)s::bigint[]) AS wanted (key, count) ORDER BY key
ON CONFLICT (key) DO UPDATE SET seq = event_sequence.seq + excluded.seq
RETURNING key, seq;

-- name: update_cases
-- Everything that may change in a case once it is there.
UPDATE cases
SET title = r.title, state = r.state, status = r.status, priority = r.priority, queue = r.queue,
    owner_id = r.owner_id, contact_id = r.contact_id, account_id = r.account_id, resolved_at = r.resolved_at,
    linked_to = r.linked_to, merged_into = r.merged_into, flags = r.flags, revision = r.revision,
    event_seq = r.event_seq, device = r.device, product = r.product, severity = r.severity, type = r.type,
    entitlement = r.entitlement, sla = r.sla, first_response_at = r.first_response_at,
    waiting_since = r.waiting_since, until = r.until, escalated = r.escalated, parent = r.parent,
    decrement = r.decrement, sla_by = r.sla_by, only_answer = r.only_answer, fields = r.fields,
    description = r.description, filed_under = r.subject
FROM json_to_recordset(%(rows)s::json) AS r (id uuid, title text, state text, status text, priority text, queue text,
    owner_id uuid, contact_id uuid, account_id uuid, resolved_at timestamptz, linked_to uuid, merged_into uuid,
    flags text[], revision bigint, event_seq bigint, device text, product text, severity text, type text,
    entitlement text, sla text, first_response_at timestamptz, waiting_since timestamptz, until timestamptz,
    escalated boolean, parent uuid, decrement boolean, sla_by text, only_answer jsonb, fields jsonb, description text,
    subject text)
WHERE cases.id = r.id;

-- name: insert_participants
INSERT INTO case_participant (case_id, address)
SELECT case_id, address FROM unnest(%(case_ids)s::uuid[], %(addresses)s::text[]) AS r (case_id, address)
ON CONFLICT DO NOTHING;

-- name: insert_blob_refs
INSERT INTO blob_ref (digest, owner)
SELECT digest, owner FROM unnest(%(digests)s::text[], %(owners)s::uuid[]) AS r (digest, owner)
ON CONFLICT DO NOTHING;

-- name: insert_links
INSERT INTO thread_link (id, case_id, own, contact_id, mailbox, people)
SELECT id, case_id, own, contact_id, mailbox, people
FROM json_to_recordset(%(rows)s::json) AS r (id text, case_id uuid, own boolean, contact_id uuid, mailbox text,
    people text[])
ON CONFLICT DO NOTHING;

-- name: notify_relay
-- Wakes the relay at commit; it looks once a second anyway.
SELECT pg_notify('outbox', '');

-- name: insert_dead
-- An offset names a record only together with the epoch of its log.
INSERT INTO dead_letter (id, topic, partition, epoch, log_offset, item, kind, reason, place, sender, source, hour,
    count, key, headers, raw, at)
VALUES (%(id)s, %(topic)s, %(partition)s,
    coalesce((SELECT epoch FROM offset_ledger WHERE topic = %(topic)s AND partition = %(partition)s), 0),
    %(log_offset)s, %(item)s, %(kind)s, %(reason)s, %(place)s, %(sender)s, %(source)s,
    %(hour)s, %(count)s, %(key)s, %(headers)s, %(raw)s, %(at)s);

-- name: add_counts
-- Adds a batch's outcomes to the sums of accounted intake.
INSERT INTO intake_count AS c (topic, partition, source, hour, received, opened, appended, recorded, duplicate,
    suppressed, quarantined, dead)
SELECT topic, partition, source, hour, received, opened, appended, recorded, duplicate, suppressed, quarantined, dead
FROM json_to_recordset(%(rows)s::json) AS r (topic text, partition int, source text, hour timestamptz,
    received bigint, opened bigint, appended bigint, recorded bigint, duplicate bigint, suppressed bigint,
    quarantined bigint, dead bigint)
ON CONFLICT (topic, partition, source, hour) DO UPDATE SET
    received = c.received + excluded.received, opened = c.opened + excluded.opened,
    appended = c.appended + excluded.appended, recorded = c.recorded + excluded.recorded,
    duplicate = c.duplicate + excluded.duplicate, suppressed = c.suppressed + excluded.suppressed,
    quarantined = c.quarantined + excluded.quarantined, dead = c.dead + excluded.dead;

-- name: advance
-- Moves the fence; whoever still holds an older copy of these records will find them stale.
UPDATE offset_ledger
SET next = r.next, settled = offset_ledger.settled + r.settled, attempts = 0
FROM unnest(%(topics)s::text[], %(partitions)s::int[], %(nexts)s::bigint[], %(settled)s::bigint[])
    AS r (topic, partition, next, settled)
WHERE offset_ledger.topic = r.topic AND offset_ledger.partition = r.partition;

-- name: strikes
-- Unexpected deaths since a person last resumed the partition.
SELECT
    count(*) FILTER (WHERE log_offset > %(offset)s - 20),
    count(*),
    count(DISTINCT sender)
FROM dead_letter JOIN offset_ledger USING (topic, partition, epoch)
WHERE topic = %(topic)s AND partition = %(partition)s AND kind = 'unexpected' AND dead_letter.state = 'new'
    AND log_offset > %(offset)s - 1000 AND log_offset <= %(offset)s AND log_offset >= resumed_at;

-- name: stop_partition
UPDATE offset_ledger SET stopped_reason = %(reason)s WHERE topic = %(topic)s AND partition = %(partition)s;
