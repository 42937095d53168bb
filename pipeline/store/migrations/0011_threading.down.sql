-- Forgets what was to leave by mail, what storms are known by, who watches a case, which address bounced.
ALTER TABLE identity DROP COLUMN bounced_at, DROP COLUMN bounce;
DROP TABLE case_watch, newcomer, reference_miss, mail_like;
ALTER TABLE thread_link DROP COLUMN mailbox, DROP COLUMN people;
DROP TABLE outbound;
