-- Nothing is queued to leave any more, nobody subscribes.
DROP TABLE delivery, subscription_replay, subscription;
DROP SCHEMA jobs CASCADE;
