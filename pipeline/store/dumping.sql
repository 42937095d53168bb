-- What a backup notes of the database, in the snapshot that is dumped.

-- name: snapshot
SELECT pg_export_snapshot();

-- name: schema
SELECT max(version) FROM schema_migration;

-- name: positions
SELECT topic, partition, cluster_id, next FROM offset_ledger ORDER BY topic, partition;

-- name: blobs
SELECT DISTINCT digest FROM blob_ref ORDER BY digest;

-- name: counts
SELECT (SELECT count(*) FROM cases), (SELECT count(*) FROM message), (SELECT count(*) FROM contact);

-- name: is_empty
SELECT to_regclass('schema_migration') IS NULL AND to_regclass('cases') IS NULL;
