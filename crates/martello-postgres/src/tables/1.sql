-- Version 1. `__` stands for the schema. Times and durations are microseconds; times count from 1970.
-- States: 0 ready, 1 leased, 2 done, 3 dead, 4 cancelled. Other values are spelled as in the public types.

-- Numbers the entries in their order.
CREATE SEQUENCE __.place;

CREATE TABLE __.queue (
    name text COLLATE "C" PRIMARY KEY,
    paused text,
    held_until bigint,
    held text
);

-- How much each transaction changed the counts of a queue. The sum of the rows is the current count.
-- Transactions only insert rows, so they do not wait for each other. Some turns merge the rows. A row of
-- zeros signals a change that does not affect the counts.
CREATE TABLE __.tally (
    n bigint GENERATED ALWAYS AS IDENTITY,
    queue text COLLATE "C" NOT NULL,
    pending bigint NOT NULL DEFAULT 0,
    done bigint NOT NULL DEFAULT 0,
    dead bigint NOT NULL DEFAULT 0,
    cancelled bigint NOT NULL DEFAULT 0
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- A claim does not write this row: the lease is in `slot`. A leased entry counts one more attempt and one
-- more try.
CREATE TABLE __.entry (
    seq bigint PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    queue text COLLATE "C" NOT NULL,
    -- 0 if the entry is ready or leased.
    state smallint NOT NULL,
    due_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    changed_at bigint NOT NULL,
    created_at bigint NOT NULL,
    expires_in bigint NOT NULL,
    max_attempts bigint NOT NULL,
    attempts integer NOT NULL,
    tries integer NOT NULL DEFAULT 0,
    -- The number of the last revision.
    revision integer NOT NULL DEFAULT 1,
    last_status smallint,
    repeatable boolean NOT NULL,
    kept boolean NOT NULL DEFAULT false,
    -- The replay job returned this entry, or undid that, and only a claim has changed its state since.
    untouched boolean NOT NULL DEFAULT false,
    -- The host of the last revision, in lower case.
    host text COLLATE "C" NOT NULL,
    order_key text COLLATE "C",
    dedup_key text COLLATE "C",
    reason text COLLATE "C",
    last_outcome text COLLATE "C",
    last_tracking_id text COLLATE "C",
    -- The fence of the last applied settlement.
    settled uuid,
    job uuid,
    superseded_by uuid
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);

CREATE INDEX entry_expiring ON __.entry (queue, expires_at) WHERE state = 0;
-- Entries behind the head of their key also have a due time.
CREATE INDEX entry_behind ON __.entry (queue, due_at) WHERE state = 0 AND order_key IS NOT NULL;
CREATE INDEX entry_key ON __.entry (order_key, queue, state, seq) WHERE order_key IS NOT NULL;
CREATE UNIQUE INDEX entry_dedup ON __.entry (queue, dedup_key) WHERE dedup_key IS NOT NULL;
CREATE INDEX entry_job ON __.entry (job) WHERE job IS NOT NULL;
CREATE INDEX entry_over ON __.entry (changed_at, seq) WHERE state IN (2, 4);
-- A list of dead letters reads one of these indexes in order.
CREATE INDEX dead ON __.entry (seq) WHERE state = 3;
CREATE INDEX dead_queue ON __.entry (queue, seq) WHERE state = 3;
CREATE INDEX dead_host ON __.entry (host, seq) WHERE state = 3;
CREATE INDEX dead_status ON __.entry (last_status, seq) WHERE state = 3;
CREATE INDEX dead_reason ON __.entry (reason, seq) WHERE state = 3;
CREATE INDEX dead_changed ON __.entry (changed_at) WHERE state = 3;

-- The ready entries that have no key or are the head of their key. A claim deletes its rows here.
CREATE TABLE __.ready (
    queue text COLLATE "C" NOT NULL,
    due_at bigint NOT NULL,
    seq bigint NOT NULL,
    expires_at bigint NOT NULL,
    order_key text COLLATE "C",
    PRIMARY KEY (queue, due_at, seq)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
CREATE UNIQUE INDEX ready_key ON __.ready (queue, order_key) WHERE order_key IS NOT NULL;

-- Entries with a key from external transactions, until a turn gives them their position within the key.
CREATE TABLE __.arriving (
    queue text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    supersede boolean NOT NULL,
    PRIMARY KEY (queue, seq)
);

-- The leases of a queue: one row for each possible lease. A claim locks the row. No index covers the columns
-- that change.
CREATE TABLE __.slot (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queue text COLLATE "C" NOT NULL,
    number integer NOT NULL,
    -- The leased entry. NULL if the slot is free.
    seq bigint,
    fence uuid,
    until bigint,
    since bigint,
    worker text,
    UNIQUE (queue, number)
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- Every revision of each entry.
CREATE TABLE __.request (
    entry bigint NOT NULL,
    number integer NOT NULL,
    made_at bigint NOT NULL,
    method text NOT NULL,
    url text NOT NULL,
    -- A JSON array of [name, value] pairs.
    headers text NOT NULL,
    sealed boolean NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (entry, number)
);

-- Every finished attempt.
CREATE TABLE __.attempt (
    entry bigint NOT NULL,
    number integer NOT NULL,
    revision integer NOT NULL,
    started_at bigint NOT NULL,
    duration bigint NOT NULL,
    outcome text NOT NULL,
    status smallint,
    tracking_id text COLLATE "C",
    fault text,
    worker text,
    PRIMARY KEY (entry, number)
);
CREATE INDEX attempt_tracking_id ON __.attempt (tracking_id) WHERE tracking_id IS NOT NULL;

-- Other events of an entry, in order.
CREATE TABLE __.event (
    entry bigint NOT NULL,
    n bigint GENERATED ALWAYS AS IDENTITY,
    at bigint NOT NULL,
    kind text NOT NULL,
    detail text,
    PRIMARY KEY (entry, n)
);

CREATE TABLE __.replay (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    created_at bigint NOT NULL,
    cancelled_at bigint,
    -- JSON.
    filter text NOT NULL,
    per_second double precision NOT NULL,
    total bigint NOT NULL,
    returned bigint NOT NULL DEFAULT 0
);
