-- Version 2: the checkpoints of polls, and their parked items.

CREATE TABLE checkpoint (
    poll TEXT PRIMARY KEY NOT NULL,
    -- The poller that holds the checkpoint. It keeps an expired lease until another poller takes it.
    fence INTEGER,
    lease_until INTEGER,
    -- The last saved checkpoint, as JSON.
    saved TEXT
) STRICT;

CREATE TABLE parked (
    -- Never reused, not even after the item was deleted.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    poll TEXT NOT NULL,
    -- 1 if the item will be delivered again.
    again INTEGER NOT NULL DEFAULT 0,
    -- The position of the item within its pass.
    page INTEGER NOT NULL,
    item INTEGER NOT NULL,
    -- Times are texts with nanoseconds here, because stamps are compared.
    parked_at TEXT NOT NULL,
    key TEXT NOT NULL,
    stamp TEXT,
    reason TEXT NOT NULL,
    -- The length of `json` in bytes.
    size INTEGER NOT NULL,
    json TEXT NOT NULL
) STRICT;

CREATE INDEX parked_poll ON parked (poll, id);
CREATE INDEX parked_again ON parked (poll, id) WHERE again = 1;
-- Finds an equal item and sums the sizes without reading the texts.
CREATE INDEX parked_same ON parked (poll, key, stamp, size);
