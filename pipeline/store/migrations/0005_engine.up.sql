-- The engine: what else is known of a case, why it is so, and what time is to bring about.

ALTER TABLE cases
    ADD COLUMN product text,
    ADD COLUMN severity text,
    ADD COLUMN type text,
    ADD COLUMN entitlement text,
    ADD COLUMN sla text,
    ADD COLUMN first_response_at timestamptz,
    ADD COLUMN waiting_since timestamptz,
    ADD COLUMN until timestamptz,
    ADD COLUMN escalated boolean NOT NULL DEFAULT false,
    ADD COLUMN parent uuid REFERENCES cases,
    ADD COLUMN decrement boolean NOT NULL DEFAULT true,
    ADD COLUMN fields jsonb NOT NULL DEFAULT '{}';

-- Why a case is as it is: what each part decided, with the values it saw.
CREATE TABLE case_why (
    case_id uuid NOT NULL,
    ord bigint GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL,
    part text NOT NULL,
    says text NOT NULL,
    PRIMARY KEY (case_id, ord)
);

-- What is to happen when its time has come. `due` is when it is looked at next: `at`, unless firing it failed.
CREATE TABLE timer (
    kind text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    due timestamptz NOT NULL,
    failures integer NOT NULL DEFAULT 0,
    case_id uuid,
    waits_for text CHECK (waits_for IN ('messages', 'devices')),
    data jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (kind, key)
);
CREATE INDEX timer_due ON timer (due, kind, key);
