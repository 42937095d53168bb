-- Forgets where the partitions stood; nothing old is deleted until new marks have aged.
DROP TABLE ledger_mark;
