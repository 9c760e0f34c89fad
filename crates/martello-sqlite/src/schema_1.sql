-- Version 1. Times and durations are microseconds; times count from 1970. States: 0 ready, 1 leased, 2 done,
-- 3 dead, 4 cancelled. Reasons, outcomes and events are stored as their words.

CREATE TABLE queue (
    name TEXT PRIMARY KEY NOT NULL,
    -- The number of entries in each state. Every change updates it, so that no query has to count.
    ready INTEGER NOT NULL DEFAULT 0,
    leased INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0,
    dead INTEGER NOT NULL DEFAULT 0,
    cancelled INTEGER NOT NULL DEFAULT 0,
    paused TEXT,
    held_until INTEGER,
    held TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE entry (
    -- The position of the entry: entries are numbered in the order in which they were stored.
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    queue TEXT NOT NULL,
    state INTEGER NOT NULL,
    -- 1 while the entry is ready or leased, else 0. A claim does not change it, nor the indexes on it.
    pending INTEGER NOT NULL,
    -- 1 if the entry is ready and is the head of its order key, or has no order key.
    head INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    -- The claim, while the entry is leased.
    fence INTEGER,
    lease_until INTEGER,
    leased_at INTEGER,
    worker TEXT,
    -- The fence of the last settlement that was applied.
    settled INTEGER,
    attempts INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    repeatable INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_in INTEGER NOT NULL,
    order_key TEXT,
    dedup_key TEXT,
    -- The number of the last revision, which is in `request`, and its host in lower case.
    revision INTEGER NOT NULL,
    host TEXT NOT NULL,
    reason TEXT,
    last_outcome TEXT,
    last_status INTEGER,
    last_tracking_id TEXT,
    kept INTEGER NOT NULL DEFAULT 0,
    job BLOB,
    -- 1 if a replay has made the entry ready, or its cancellation has made it dead again, and nothing changed
    -- it since.
    untouched INTEGER NOT NULL DEFAULT 0,
    superseded_by BLOB
) STRICT;

CREATE INDEX entry_ready ON entry (queue, head, due_at) WHERE state = 0;
CREATE INDEX entry_leased ON entry (queue, lease_until) WHERE state = 1;
CREATE INDEX entry_expiring ON entry (queue, expires_at) WHERE pending = 1;
CREATE INDEX entry_key ON entry (order_key, queue, pending) WHERE order_key IS NOT NULL;
CREATE UNIQUE INDEX entry_dedup ON entry (queue, dedup_key) WHERE dedup_key IS NOT NULL;
CREATE INDEX entry_job ON entry (job) WHERE job IS NOT NULL;
CREATE INDEX entry_over ON entry (changed_at) WHERE state IN (2, 4);

-- Each index also has the position, so that a list of dead letters is read from one of these without sorting.
CREATE INDEX dead ON entry (state) WHERE state = 3;
CREATE INDEX dead_queue ON entry (queue) WHERE state = 3;
CREATE INDEX dead_host ON entry (host) WHERE state = 3;
CREATE INDEX dead_status ON entry (last_status) WHERE state = 3;
CREATE INDEX dead_reason ON entry (reason) WHERE state = 3;
CREATE INDEX dead_changed ON entry (changed_at) WHERE state = 3;

-- The last revision of each entry.
CREATE TABLE request (
    entry INTEGER PRIMARY KEY,
    made_at INTEGER NOT NULL,
    method TEXT NOT NULL,
    url TEXT NOT NULL,
    -- A JSON array of [name, value] pairs.
    headers TEXT NOT NULL,
    sealed INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;

-- The revisions before the last.
CREATE TABLE earlier_request (
    entry INTEGER NOT NULL,
    number INTEGER NOT NULL,
    made_at INTEGER NOT NULL,
    method TEXT NOT NULL,
    url TEXT NOT NULL,
    headers TEXT NOT NULL,
    sealed INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (entry, number)
) STRICT;

-- Every attempt that has ended.
CREATE TABLE attempt (
    entry INTEGER NOT NULL,
    number INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    duration INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    status INTEGER,
    tracking_id TEXT,
    fault TEXT,
    worker TEXT,
    PRIMARY KEY (entry, number)
) STRICT, WITHOUT ROWID;

-- Other events, in order.
CREATE TABLE event (
    n INTEGER PRIMARY KEY,
    entry INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    detail TEXT
) STRICT;
CREATE INDEX event_entry ON event (entry);

CREATE TABLE replay (
    n INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    cancelled_at INTEGER,
    -- JSON.
    filter TEXT NOT NULL,
    per_second REAL NOT NULL,
    total INTEGER NOT NULL,
    returned INTEGER NOT NULL DEFAULT 0
) STRICT;
