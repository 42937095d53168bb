-- Entitlements: what support customers have bought, the templates they are made of, the ledger of what cases drew.

-- Terms that are agreed often; an entitlement made of one keeps its own copy.
CREATE TABLE entitlement_template (
    external_id text COLLATE "C" PRIMARY KEY,
    allotment text NOT NULL CHECK (allotment IN ('cases', 'hours')),
    total bigint CHECK (total >= 0),
    channels jsonb NOT NULL DEFAULT '{}',
    only_listed boolean NOT NULL DEFAULT false,
    decrement_on text NOT NULL CHECK (decrement_on IN ('open', 'resolution')),
    restrict boolean NOT NULL DEFAULT true,
    products text[] NOT NULL DEFAULT '{}',
    sla text
);

-- Totals and what is used are units: cases, or seconds of what is agreed in hours. `used` and `used_by` (by channel)
-- are the sums of the ledger, so that nobody adds up years of it under a lock. The state of one that is `active`
-- follows from its dates: before `starts_at` it waits, from `ends_at` on it has expired. `waits` when an import called
-- such a one waiting; one that is `waiting` here is held back whatever its dates.
CREATE TABLE entitlement (
    external_id text COLLATE "C" PRIMARY KEY,
    account_id uuid REFERENCES account,
    contacts uuid[] NOT NULL DEFAULT '{}',
    device text COLLATE "C",
    products text[] NOT NULL DEFAULT '{}',
    state text NOT NULL CHECK (state IN ('draft', 'waiting', 'active', 'expired', 'cancelled')),
    starts_at timestamptz,
    ends_at timestamptz,
    waits boolean NOT NULL DEFAULT false,
    is_default boolean NOT NULL DEFAULT false,
    sla text,
    template text,
    renews text UNIQUE REFERENCES entitlement,
    allotment text NOT NULL CHECK (allotment IN ('cases', 'hours')),
    total bigint CHECK (total >= 0),
    channels jsonb NOT NULL DEFAULT '{}',
    only_listed boolean NOT NULL DEFAULT false,
    decrement_on text NOT NULL CHECK (decrement_on IN ('open', 'resolution')),
    restrict boolean NOT NULL DEFAULT true,
    used bigint NOT NULL DEFAULT 0,
    used_by jsonb NOT NULL DEFAULT '{}',
    exhausted_at timestamptz,
    CHECK (account_id IS NOT NULL OR device IS NOT NULL OR cardinality(contacts) > 0),
    CHECK (starts_at < ends_at)
) WITH (fillfactor = 70);
CREATE INDEX entitlement_account ON entitlement (account_id) WHERE state = 'active' AND account_id IS NOT NULL;
CREATE INDEX entitlement_device ON entitlement (device) WHERE state = 'active' AND device IS NOT NULL;
CREATE INDEX entitlement_contacts ON entitlement USING gin (contacts) WITH (fastupdate = off)
    WHERE state = 'active' AND account_id IS NULL AND cardinality(contacts) > 0;

-- What cases drew (above zero) and gave back (below): the remainder is the total less the sum of the units.
-- `turn` counts the transitions of a case on an entitlement, so that a transition told again writes nothing.
CREATE TABLE entitlement_ledger (
    ord bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id uuid NOT NULL,
    entitlement text COLLATE "C" NOT NULL REFERENCES entitlement,
    transition text NOT NULL,
    turn integer NOT NULL,
    activity_id uuid,
    channel text,
    units bigint NOT NULL CHECK (units <> 0),
    at timestamptz NOT NULL,
    UNIQUE NULLS NOT DISTINCT (case_id, entitlement, transition, turn, activity_id)
);
CREATE INDEX entitlement_ledger_entitlement ON entitlement_ledger (entitlement, ord);
