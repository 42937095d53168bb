-- The bill: what resolved cases cost, each line billed once.

-- name: due
-- The time of closed billable activities on cases that were resolved until then, which no bill bears yet; locked, so that
-- two who export at once bill no line twice.
SELECT activity.id, cases.number, cases.title, coalesce(account.external_id, account.name) AS account,
    coalesce(contact.external_id, contact.name) AS contact, cases.entitlement, activity.kind, activity.at, activity.agent,
    activity.subject, activity.billable_s, activity.adjusts
FROM activity
JOIN cases ON cases.id = activity.case_id
LEFT JOIN account ON account.id = cases.account_id
LEFT JOIN contact ON contact.id = cases.contact_id
WHERE activity.billed_at IS NULL AND activity.billable_s <> 0 AND activity.state = 'closed'
    AND activity.kind <> 'resolution' AND cases.state = 'resolved' AND cases.resolved_at < %(until)s
ORDER BY cases.number, activity.at, activity.id
FOR UPDATE OF activity;

-- name: mark
UPDATE activity SET billed_at = %(at)s WHERE id = ANY(%(ids)s::uuid[]);
