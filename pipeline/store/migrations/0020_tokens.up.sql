-- Tokens of the API, by the digest of their text.
CREATE TABLE token (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    digest bytea NOT NULL UNIQUE,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz
) WITH (fillfactor = 80);
-- Of two tokens that are not revoked, each has a name of its own.
CREATE UNIQUE INDEX token_name ON token (name) WHERE revoked_at IS NULL;
