ALTER TABLE cases DROP COLUMN description;
DROP INDEX queue_item_cases, queue_item_others, queue_item_given;
ALTER TABLE queue_item DROP COLUMN needs;
CREATE INDEX queue_item_waiting ON queue_item (queue, rank DESC, since, ref) WHERE owner IS NULL;
