-- How far each source was read that is asked rather than told.

-- name: places
SELECT source, place FROM bookmark WHERE starts_with(source, %(prefix)s);

-- name: keep
INSERT INTO bookmark (source, place, updated_at) VALUES (%(source)s, %(place)s, %(now)s)
ON CONFLICT (source) DO UPDATE SET place = excluded.place, updated_at = excluded.updated_at;

-- name: forget
DELETE FROM bookmark WHERE source = %(source)s;
