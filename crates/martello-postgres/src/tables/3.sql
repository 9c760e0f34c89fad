-- Version 3: holds of APIs, and what is overtaken. What `rekey.rs` does with the entries that there are belongs to it.

-- By the authorities of `hold`.
ALTER TABLE __.queue DROP COLUMN held_until, DROP COLUMN held;

-- A table without one cannot be published.
ALTER TABLE __.tally ADD PRIMARY KEY (n);

ALTER TABLE __.entry
    -- That of its last revision; empty where it was over before version 3.
    ADD COLUMN authority text COLLATE "C" NOT NULL DEFAULT '',
    -- Whether a newer request of its key was delivered: 1 possibly, 2 certainly.
    ADD COLUMN overtaken smallint;
-- So that an older program, in the middle of storing one, fails.
ALTER TABLE __.entry ALTER COLUMN authority DROP DEFAULT;

-- It is filled again.
TRUNCATE __.ready;
ALTER TABLE __.ready ADD COLUMN authority text COLLATE "C" NOT NULL;
CREATE INDEX ready_authority ON __.ready (queue, authority, due_at, seq);

-- The APIs that are down, and those of which nobody knows yet whether they are back: of those, one entry at a time is leased.
CREATE TABLE __.hold (
    queue text COLLATE "C" NOT NULL,
    authority text COLLATE "C" NOT NULL,
    until bigint NOT NULL,
    why text NOT NULL,
    -- How many there were in a row, this one included.
    in_row bigint NOT NULL,
    PRIMARY KEY (queue, authority)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
