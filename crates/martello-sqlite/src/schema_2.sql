-- Version 2: where polls stand, and what they have parked.

CREATE TABLE checkpoint (
    poll TEXT PRIMARY KEY NOT NULL,
    -- Who holds it. A lease that has run out is its holder's still, until it is taken.
    fence INTEGER,
    lease_until INTEGER,
    -- What was saved last, as JSON.
    saved TEXT
) STRICT;

CREATE TABLE parked (
    -- Never that of another, also when that is gone.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    poll TEXT NOT NULL,
    -- 1 if it is to be delivered again.
    again INTEGER NOT NULL DEFAULT 0,
    -- Where in its pass it was.
    page INTEGER NOT NULL,
    item INTEGER NOT NULL,
    -- Moments are texts here, to the nanosecond: stamps are compared.
    parked_at TEXT NOT NULL,
    key TEXT NOT NULL,
    stamp TEXT,
    reason TEXT NOT NULL,
    -- How many bytes the text has.
    size INTEGER NOT NULL,
    json TEXT NOT NULL
) STRICT;

CREATE INDEX parked_poll ON parked (poll, id);
CREATE INDEX parked_again ON parked (poll, id) WHERE again = 1;
-- To find the same again, and to add up how much there is, without reading it.
CREATE INDEX parked_same ON parked (poll, key, stamp, size);
