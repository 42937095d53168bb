-- Why an address gets no mail, each reason for itself; and what nobody sent when nothing was sent yet.

-- Who asks for no more reminders may be unreachable as well; one does not replace the other.
ALTER TABLE suppression DROP CONSTRAINT suppression_pkey, ADD PRIMARY KEY (address, source);
INSERT INTO suppression (address, source, reason, at)
SELECT value, 'bounce', coalesce(bounce, 'it came back'), bounced_at FROM identity
WHERE kind = 'email' AND bounced_at IS NOT NULL
ON CONFLICT DO NOTHING;

-- Before 0021 mail was written here and sent by nobody. What has lain here since then would leave at once after the
-- upgrade, however old it is; whoever wants it sent says so (`casestream outbound retry`).
WITH dropped AS (
    UPDATE outbound SET state = 'dropped', reason = 'it was queued before this desk sent mail'
    WHERE state = 'queued' AND due_at = to_timestamp(0) AND attempts = 0 AND handed_at IS NULL
        AND created_at < (SELECT at FROM schema_migration WHERE version = 21)
    RETURNING activity_id
)
UPDATE activity SET delivery = 'failed', delivery_reason = 'it was queued before this desk sent mail'
FROM dropped WHERE activity.id = dropped.activity_id;
