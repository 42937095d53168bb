-- Tokens of the API.

-- name: create
-- A new token; no row comes back when one of that name is there already.
INSERT INTO token (id, name, digest, scopes, created_at, expires_at)
VALUES (%(id)s, %(name)s, %(digest)s, %(scopes)s, %(created_at)s, %(expires_at)s)
ON CONFLICT (name) WHERE revoked_at IS NULL DO NOTHING
RETURNING id;

-- name: list
-- All tokens, those that were revoked too, in the order in which they were made.
SELECT id, name, digest, scopes, created_at, expires_at, revoked_at, last_used_at FROM token ORDER BY created_at, id;

-- name: revoke
-- The token with that id, or the one in force with that name, grants nothing any more.
UPDATE token SET revoked_at = %(now)s
WHERE revoked_at IS NULL AND (id::text = %(which)s OR name = %(which)s)
RETURNING id, name, digest, scopes, created_at, expires_at, revoked_at, last_used_at;

-- name: find
-- Tokens by digest; those of `used` that still grant something are marked as used, once a minute at most.
WITH marked AS (
    UPDATE token SET last_used_at = %(now)s
    WHERE digest = ANY(%(used)s) AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > %(now)s)
        AND (last_used_at IS NULL OR last_used_at <= %(now)s - interval '1 minute')
)
SELECT id, name, digest, scopes, created_at, expires_at, revoked_at, last_used_at FROM token
WHERE digest = ANY(%(digests)s);
