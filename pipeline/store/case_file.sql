-- One case as a person reads it: what is known of it, what happened on it, and why it is as it is.

-- name: case
SELECT cases.id, cases.number, cases.title, nullif(cases.description, '') AS description,
    cases.filed_under AS subject, cases.state, cases.status, cases.priority, cases.queue, cases.origin,
    cases.opened_at, cases.resolved_at, cases.until, cases.severity, cases.type,
    contact.name AS contact, coalesce(account.name, account.external_id) AS account, agent.name AS owner,
    cases.product, cases.device, cases.entitlement, cases.sla, cases.escalated, cases.flags, cases.fields,
    above.number AS parent, earlier.number AS follow_up_of, linked.number AS linked_to, survivor.number AS merged_into
FROM cases
LEFT JOIN contact ON contact.id = cases.contact_id
LEFT JOIN account ON account.id = cases.account_id
LEFT JOIN agent ON agent.id = cases.owner_id
LEFT JOIN cases AS above ON above.id = cases.parent
LEFT JOIN cases AS earlier ON earlier.id = cases.follow_up_of
LEFT JOIN cases AS linked ON linked.id = cases.linked_to
LEFT JOIN cases AS survivor ON survivor.id = cases.merged_into
WHERE cases.number = %(number)s;

-- name: activities
SELECT at, kind, direction, state, subject, sender, recipient, agent, duration_s, billable_s, due_at,
    delivery, delivery_reason
FROM activity WHERE case_id = %(case)s ORDER BY at, id;

-- name: reasons
-- Why each message came here, what the parts decided, and what agents ordered, in the order of time.
SELECT at, part, says FROM (
    SELECT message.received_at AS at, message.channel AS part, message.id::text AS ord,
        concat_ws('; ',
            message.outcome || ': ' || message.reason,
            'by ' || nullif(message.matched_by, ''),
            CASE WHEN message.customer_by IS NOT NULL
                THEN 'sender ' || coalesce(contact.name, account.name, 'nobody') || ' found by ' || message.customer_by END,
            'flagged ' || nullif(array_to_string(message.flags, ', '), ''),
            'defects: ' || nullif(array_to_string(message.defects, ', '), ''),
            message.source_id
        ) AS says
    FROM message
    LEFT JOIN activity ON activity.id = message.activity_id
    LEFT JOIN contact ON contact.id = message.contact_id
    LEFT JOIN account ON account.id = coalesce(message.account_id, contact.account_id)
    WHERE coalesce(activity.case_id, message.case_id) = %(case)s
    UNION ALL
    SELECT at, part, lpad(ord::text, 20, '0'), says FROM case_why WHERE case_id = %(case)s
    UNION ALL
    SELECT at, 'agent', id::text, concat_ws(' ', coalesce(actor_id, 'an agent'), 'ordered', verb, nullif(data::text, '{}'))
    FROM deed WHERE case_id = %(case)s
) AS reason
ORDER BY at, ord;
