-- Where each partition stood at a time: what was settled then, and up to where the log had grown.
CREATE TABLE ledger_mark (
    topic text NOT NULL,
    partition integer NOT NULL,
    epoch integer NOT NULL,
    next bigint NOT NULL,
    log_end bigint NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (topic, partition, at)
);
