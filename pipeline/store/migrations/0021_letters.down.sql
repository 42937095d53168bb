-- Forgets what became of mail on its way out, and who gets none; what was under way may be sent again.
DROP TABLE suppression;
DROP INDEX outbound_handed, outbound_sending, outbound_queued;
ALTER TABLE outbound DROP CONSTRAINT outbound_state_check;
UPDATE outbound SET state = 'queued' WHERE state = 'sending';
UPDATE outbound SET state = 'failed' WHERE state = 'dropped';
ALTER TABLE outbound
    ADD CONSTRAINT outbound_state_check CHECK (state IN ('queued', 'sent', 'failed', 'bounced')),
    DROP COLUMN reason, DROP COLUMN sent_at, DROP COLUMN handed_at, DROP COLUMN first_at, DROP COLUMN unsure,
    DROP COLUMN attempts, DROP COLUMN due_at, DROP COLUMN activity_id, DROP COLUMN data;
CREATE INDEX outbound_queued ON outbound (ord) WHERE state = 'queued';
