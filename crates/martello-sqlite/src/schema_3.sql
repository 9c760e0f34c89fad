-- Version 3: holds by authority, and marks of overtaken dead letters. The program then fills in what SQL
-- cannot.

-- Renamed, so that every statement of an older program that has the file open fails, instead of only some.
ALTER TABLE entry RENAME TO outbox;

-- The authority of the last revision. (Every entry has one, but a column that is added needs a default.)
ALTER TABLE outbox ADD COLUMN authority TEXT NOT NULL DEFAULT '';
-- Whether a newer request of the queue and key was delivered since the entry died: 0 no, 1 possibly, 2
-- certainly.
ALTER TABLE outbox ADD COLUMN overtaken INTEGER NOT NULL DEFAULT 0;

-- Steps from authority to authority, however many entries each has.
CREATE INDEX entry_authority ON outbox (queue, authority, due_at) WHERE state = 0 AND head = 1;
CREATE INDEX dead_key ON outbox (order_key, queue) WHERE state = 3 AND order_key IS NOT NULL;

-- The old holds were for a whole queue and lasted a minute at most.
ALTER TABLE queue DROP COLUMN held_until;
ALTER TABLE queue DROP COLUMN held;

-- The APIs that were down at their last attempt.
CREATE TABLE hold (
    queue TEXT NOT NULL,
    authority TEXT NOT NULL,
    -- Before this time, no entry of the authority is claimed; from then on, one at a time.
    until INTEGER NOT NULL,
    why TEXT NOT NULL,
    in_row INTEGER NOT NULL,
    PRIMARY KEY (queue, authority)
) STRICT, WITHOUT ROWID;

-- A hash of `json`, to find an equal item without reading all items of its size.
ALTER TABLE parked ADD COLUMN hash INTEGER NOT NULL DEFAULT 0;
DROP INDEX parked_same;
CREATE INDEX parked_hash ON parked (poll, hash, size);
