-- Everything a desk holds, as a rehearsal reports it.

-- name: place_of_record
-- Where the message lies that came as this record, where it came to, and its activity; a duplicate's case is the
-- original's.
SELECT coalesce(activity.case_id, message.case_id), message.case_id, message.activity_id, message.id
FROM message LEFT JOIN activity ON activity.id = message.activity_id
WHERE topic = %(topic)s AND partition = %(partition)s AND log_offset = %(offset)s;

-- name: messages
SELECT message.topic, message.log_offset, message.outcome, message.reason, cases.number AS case_number,
    message.matched_by, message.contact_id, coalesce(account.external_id, account.id::text) AS account,
    message.activity_id, message.customer_by, came.number AS came_to
FROM message
LEFT JOIN activity ON activity.id = message.activity_id
LEFT JOIN cases ON cases.id = coalesce(activity.case_id, message.case_id)
LEFT JOIN cases AS came ON came.id = message.case_id
LEFT JOIN contact ON contact.id = message.contact_id
LEFT JOIN account ON account.id = coalesce(message.account_id, contact.account_id)
UNION ALL
SELECT topic, log_offset, 'dead', reason, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM dead_letter;

-- name: cases
SELECT cases.number, cases.title, cases.status, cases.state, cases.priority, cases.queue, cases.contact_id,
    coalesce(account.external_id, account.id::text) AS account, cases.origin, earlier.number AS follow_up_of,
    linked.number AS linked_to, survivor.number AS merged_into, cases.flags, cases.device,
    array(SELECT mailbox FROM case_watch WHERE case_id = cases.id ORDER BY mailbox) AS watched_by,
    agent.external_id AS owner, above.number AS parent, cases.until, cases.product, cases.severity,
    cases.sla, cases.entitlement, cases.type, cases.description,
    cases.filed_under AS subject
FROM cases
LEFT JOIN account ON account.id = cases.account_id
LEFT JOIN cases AS earlier ON earlier.id = cases.follow_up_of
LEFT JOIN cases AS linked ON linked.id = cases.linked_to
LEFT JOIN cases AS survivor ON survivor.id = cases.merged_into
LEFT JOIN cases AS above ON above.id = cases.parent
LEFT JOIN agent ON agent.id = cases.owner_id
ORDER BY cases.number;

-- name: promises
SELECT cases.number, kpi.id, case_id, kpi.number, kpi, kpi.sla, key, value, warn_at, fail_at, warned_at, breached_at,
    succeeded_at, ended_at, ended_by, stretches
FROM kpi JOIN cases ON cases.id = kpi.case_id ORDER BY cases.number, kpi.number;
-- name: whys
SELECT cases.number AS case_number, why.part, why.says
FROM case_why AS why JOIN cases ON cases.id = why.case_id
ORDER BY cases.number, why.ord;

-- name: items
SELECT item.kind, item.ref, cases.number AS case_number, item.queue,
    (ARRAY['low', 'normal', 'high', 'urgent'])[item.rank + 1] AS priority, item.since, agent.external_id AS owner
FROM queue_item AS item
LEFT JOIN cases ON cases.id = item.ref
LEFT JOIN agent ON agent.id = item.owner
ORDER BY item.queue, item.rank DESC, item.since, item.ref;

-- name: activities
SELECT activity.id, cases.number AS case_number, activity.kind, activity.direction, activity.state, activity.sender,
    coalesce(activity.recipient, message.recipient) AS recipient, activity.contact_id, activity.agent,
    CASE WHEN activity.hidden THEN '' ELSE activity.body END AS text, activity.at, activity.result, activity.subject,
    activity.started_at, activity.answered_at, activity.ended_at, activity.duration_s, activity.billable_s,
    activity.adjusts, activity.consumed_at IS NOT NULL AS consumed, activity.due_at,
    CASE WHEN activity.hidden THEN '{}' ELSE coalesce(activity.earlier, '{}') END AS earlier, activity.hidden,
    activity.defects, activity.queue, activity.remind_at, activity.regarding_kind, activity.regarding,
    activity.delivery
FROM activity
LEFT JOIN cases ON cases.id = activity.case_id
LEFT JOIN LATERAL (
    SELECT facts ->> 'envelopeto' AS recipient FROM message
    WHERE message.activity_id = activity.id ORDER BY message.received_at, message.id LIMIT 1
) AS message ON true
ORDER BY activity.at, activity.id;

-- name: contacts
SELECT contact.id, contact.external_id, contact.name,
    coalesce(account.external_id, account.id::text) AS account,
    array(SELECT value FROM identity WHERE contact_id = contact.id AND kind = 'email' ORDER BY value) AS emails,
    array(SELECT value FROM identity WHERE contact_id = contact.id AND kind = 'phone' ORDER BY value) AS phones,
    array(SELECT jsonb_build_object('kind', kind, 'value', value, 'origin', origin) FROM identity
        WHERE contact_id = contact.id ORDER BY kind, value) AS identities
FROM contact LEFT JOIN account ON account.id = contact.account_id
ORDER BY contact.created_at, contact.id;

-- name: outbound
SELECT recipient, subject, template, message_id, in_reply_to, headers, cases.number AS case_number, sender, body
FROM outbound LEFT JOIN cases ON cases.id = outbound.case_id
ORDER BY ord;

-- name: commands
SELECT command.device, command.name, command.rule, cases.number AS case_number, command.state, command.created_at
FROM device_command AS command LEFT JOIN cases ON cases.id = command.case_id
ORDER BY command.created_at, command.id;

-- name: events
-- Events that nobody has published yet, in the order in which the relay would.
SELECT event.id, event.key, event.seq, event.type, event.subject, event.data, event.at
FROM outbox JOIN event ON event.id = outbox.event_id AND event.at = outbox.at
WHERE event.type <> %(but)s
ORDER BY outbox.ord;
