-- Forgets what became of answers, and those that have not left.
ALTER TABLE device_command DROP COLUMN arguments;
DROP TABLE reply_receipt, reply_rest, reply;
ALTER TABLE activity DROP COLUMN delivery, DROP COLUMN delivery_reason, DROP COLUMN delivered_at, DROP COLUMN platform_id;
