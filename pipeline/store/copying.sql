-- New rows, by COPY. The columns of each table are named in the order in which copying.py gives their values.

-- name: cases
COPY cases (id, number, title, state, status, priority, origin, queue, opened_at, resolved_at, follow_up_of, linked_to,
    merged_into, revision, event_seq, device, product, severity, type, entitlement, sla, first_response_at,
    waiting_since, until, escalated, parent, decrement, sla_by, description, owner_id, contact_id, account_id, flags,
    only_answer, fields)
FROM STDIN;

-- name: activities
COPY activity (id, case_id, kind, direction, state, subject, body, sender, contact_id, at, agent, recipient) FROM STDIN;

-- name: messages
COPY message (id, channel, source, source_id, dedupe_key, outcome, reason, matched_by, case_id, contact_id, activity_id,
    received_at, body, content_type, topic, partition, log_offset, dataref, account_id, customer_by, flags, defects,
    facts)
FROM STDIN;

-- name: raws
COPY raw_message (message_id, raw) FROM STDIN (FORMAT binary);

-- name: events
COPY event (id, key, seq, type, subject, at, data) FROM STDIN;

-- name: outbox
-- The order of the outbox is the order of settlement, since the cases are locked.
COPY outbox (event_id, at) FROM STDIN;

-- name: whys
COPY case_why (case_id, at, part, says) FROM STDIN;

-- name: kpis
COPY kpi (id, case_id, number, kpi, sla, key, state, value, warn_at, fail_at, warned_at, breached_at, succeeded_at,
    ended_at, ended_by, stretches)
FROM STDIN;

-- name: timers
COPY timer (kind, key, at, due, case_id, waits_for, data) FROM STDIN;

-- name: participants
COPY case_participant (case_id, address) FROM STDIN;
