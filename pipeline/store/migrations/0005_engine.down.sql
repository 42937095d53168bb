-- Forgets what the engine knows of cases; they stay as they are.
DROP TABLE timer, case_why;
ALTER TABLE cases
    DROP COLUMN product, DROP COLUMN severity, DROP COLUMN type, DROP COLUMN entitlement, DROP COLUMN sla,
    DROP COLUMN first_response_at, DROP COLUMN waiting_since, DROP COLUMN until, DROP COLUMN escalated,
    DROP COLUMN parent, DROP COLUMN decrement, DROP COLUMN fields;
