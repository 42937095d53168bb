-- Forgets what was to leave by mail.
DROP TABLE outbound;
