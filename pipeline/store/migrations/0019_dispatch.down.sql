-- Nothing is queued to leave any more.
DROP SCHEMA jobs CASCADE;
