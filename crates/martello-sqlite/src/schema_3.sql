-- Version 3: holds of each authority, and dead letters that know that they are overtaken. What SQL cannot fill in, the
-- program does afterwards.

-- Under another name: an older program that has the file open fails at each statement, in place of doing half of it.
ALTER TABLE entry RENAME TO outbox;

-- Where its last revision goes. (It may not be forgotten; but a column that is added must have a default.)
ALTER TABLE outbox ADD COLUMN authority TEXT NOT NULL DEFAULT '';
-- Whether a newer request of its queue and key was delivered since it died: 0 no, 1 possibly, 2 certainly.
ALTER TABLE outbox ADD COLUMN overtaken INTEGER NOT NULL DEFAULT 0;

-- To go from authority to authority, however many entries each has.
CREATE INDEX entry_authority ON outbox (queue, authority, due_at) WHERE state = 0 AND head = 1;
CREATE INDEX dead_key ON outbox (order_key, queue) WHERE state = 3 AND order_key IS NOT NULL;

-- They were of the queue as a whole, and for a minute at most.
ALTER TABLE queue DROP COLUMN held_until;
ALTER TABLE queue DROP COLUMN held;

-- The APIs that were down when they were last asked.
CREATE TABLE hold (
    queue TEXT NOT NULL,
    authority TEXT NOT NULL,
    -- Until then, nothing is claimed for it; from then on, one entry at a time.
    until INTEGER NOT NULL,
    why TEXT NOT NULL,
    in_row INTEGER NOT NULL,
    PRIMARY KEY (queue, authority)
) STRICT, WITHOUT ROWID;

-- Of the text of what is parked: to find the same again without a look at all of its size that has no key.
ALTER TABLE parked ADD COLUMN hash INTEGER NOT NULL DEFAULT 0;
DROP INDEX parked_same;
CREATE INDEX parked_hash ON parked (poll, hash, size);
