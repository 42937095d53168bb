DELETE FROM activity WHERE regarding IS NOT NULL;
ALTER TABLE activity DROP COLUMN regarding_kind, DROP COLUMN regarding;
DROP INDEX message_quarantined;
DELETE FROM deed WHERE case_id IS NULL;
ALTER TABLE deed ALTER COLUMN case_id SET NOT NULL;
ALTER TABLE cases DROP COLUMN description, DROP COLUMN filed_under;
DROP INDEX queue_item_cases, queue_item_others, queue_item_given;
ALTER TABLE queue_item DROP COLUMN needs;
CREATE INDEX queue_item_waiting ON queue_item (queue, rank DESC, since, ref) WHERE owner IS NULL;
