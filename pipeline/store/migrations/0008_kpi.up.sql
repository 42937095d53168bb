-- Promises: what was promised on each case, what counted on it, and what became of it.

-- Who chose a case's SLA; which answer to its customer is the only one as yet, and since when they waited for it.
ALTER TABLE cases
    ADD COLUMN sla_by text,
    ADD COLUMN only_answer jsonb NOT NULL DEFAULT '{}';

-- KPI instances. `key` is that of the promise as it was configured when its deadlines were reckoned; `stretches` are
-- the times that counted, were paused or carried over, and the business time in each.
CREATE TABLE kpi (
    id uuid PRIMARY KEY,
    case_id uuid NOT NULL,
    number integer NOT NULL,
    kpi text NOT NULL,
    sla text NOT NULL,
    key text NOT NULL,
    state text NOT NULL,
    value timestamptz NOT NULL,
    warn_at timestamptz,
    fail_at timestamptz,
    warned_at timestamptz,
    breached_at timestamptz,
    succeeded_at timestamptz,
    ended_at timestamptz,
    ended_by text,
    stretches jsonb NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX kpi_case ON kpi (case_id, number);
