-- Reference data: agents, products, devices, fields of the desk's own, and by what each message's customer was found.

-- An agent: where they work, what they are good at, how much they bear at once, when they are there.
CREATE TABLE agent (
    id uuid PRIMARY KEY,
    external_id text COLLATE "C" NOT NULL UNIQUE,
    name text NOT NULL,
    queues text[] NOT NULL DEFAULT '{}',
    skills jsonb NOT NULL DEFAULT '{}',
    capacity integer NOT NULL DEFAULT 100,
    calendar text,
    manager_id uuid REFERENCES agent,
    away jsonb NOT NULL DEFAULT '[]'
);

-- A product, which may be a part or a version of another. `thresholds` are settings of alarms, by the alarm's name.
CREATE TABLE product (
    id uuid PRIMARY KEY,
    external_id text COLLATE "C" NOT NULL UNIQUE,
    name text NOT NULL,
    parent_id uuid REFERENCES product,
    thresholds jsonb NOT NULL DEFAULT '{}'
);

-- A device under the name that its messages bear. Its gateway is the name of another, which need not be known.
CREATE TABLE device (
    id uuid PRIMARY KEY,
    external_id text COLLATE "C" NOT NULL UNIQUE,
    name text NOT NULL,
    account_id uuid REFERENCES account,
    product_id uuid REFERENCES product,
    gateway text COLLATE "C",
    warranty_until date,
    thresholds jsonb NOT NULL DEFAULT '{}',
    fields jsonb NOT NULL DEFAULT '{}'
);
INSERT INTO device (id, external_id, name, account_id)
SELECT gen_random_uuid(), value, value, account_id FROM identity WHERE kind = 'device' AND account_id IS NOT NULL;
DELETE FROM identity WHERE kind = 'device' AND account_id IS NOT NULL;
CREATE INDEX device_account ON device (account_id);
CREATE INDEX device_gateway ON device (gateway) WHERE gateway IS NOT NULL;

-- An article of the knowledge base, one row a language; `version` counts what was imported anew.
CREATE TABLE article (
    id uuid PRIMARY KEY,
    external_id text COLLATE "C" NOT NULL,
    language text NOT NULL,
    version integer NOT NULL DEFAULT 1,
    state text NOT NULL CHECK (state IN ('draft', 'review', 'published', 'archived')),
    title text NOT NULL,
    body text NOT NULL,
    keywords text[] NOT NULL DEFAULT '{}',
    UNIQUE (external_id, language)
);

-- Earlier texts of an article.
CREATE TABLE article_version (
    article_id uuid NOT NULL REFERENCES article,
    version integer NOT NULL,
    title text NOT NULL,
    body text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (article_id, version)
);

ALTER TABLE account
    ADD COLUMN parent_id uuid REFERENCES account,
    ADD COLUMN fields jsonb NOT NULL DEFAULT '{}';

-- A contact that was merged into another keeps its row, so that it can be taken out again.
ALTER TABLE contact
    ADD COLUMN fields jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN survivor_id uuid REFERENCES contact;
CREATE INDEX contact_merged ON contact (survivor_id) WHERE survivor_id IS NOT NULL;
CREATE INDEX contact_account ON contact (account_id);

-- What came with a merge, so that unmerging gives back that and nothing else.
CREATE TABLE contact_merge (
    id uuid PRIMARY KEY,
    contact_id uuid NOT NULL REFERENCES contact,
    into_id uuid NOT NULL REFERENCES contact,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    moved jsonb NOT NULL,
    undone_at timestamptz
);
CREATE UNIQUE INDEX contact_merge_standing ON contact_merge (contact_id) WHERE undone_at IS NULL;

-- An identity points to one contact, one account or one agent. An account's number that ends in * is a range.
ALTER TABLE identity ADD COLUMN agent_id uuid REFERENCES agent;
ALTER TABLE identity DROP CONSTRAINT identity_check;
ALTER TABLE identity ADD CONSTRAINT identity_of_one CHECK (num_nonnulls(contact_id, account_id, agent_id) = 1);
CREATE INDEX identity_contact ON identity (contact_id) WHERE contact_id IS NOT NULL;
CREATE INDEX identity_account ON identity (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX identity_agent ON identity (agent_id) WHERE agent_id IS NOT NULL;

-- By what a message's customer was found, beside the sign by which it joined its case.
ALTER TABLE message
    ADD COLUMN account_id uuid,
    ADD COLUMN customer_by text;
