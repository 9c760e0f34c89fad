-- Version 3: holds of APIs, and marks of overtaken dead letters. `rekey.rs` migrates the existing entries.

-- The table `hold` replaces these columns.
ALTER TABLE __.queue DROP COLUMN held_until, DROP COLUMN held;

-- Logical replication cannot publish updates and deletes of a table without a primary key.
ALTER TABLE __.tally ADD PRIMARY KEY (n);

ALTER TABLE __.entry
    -- The authority of the last revision. Empty if the entry ended before version 3.
    ADD COLUMN authority text COLLATE "C" NOT NULL DEFAULT '',
    -- Whether a newer request of the key was delivered: 1 possibly, 2 certainly.
    ADD COLUMN overtaken smallint;
-- An insert of an older program that is in progress fails.
ALTER TABLE __.entry ALTER COLUMN authority DROP DEFAULT;

-- `rekey.rs` fills the table again.
TRUNCATE __.ready;
ALTER TABLE __.ready ADD COLUMN authority text COLLATE "C" NOT NULL;
CREATE INDEX ready_authority ON __.ready (queue, authority, due_at, seq);

-- The APIs that are down or may be back. Of an API that may be back, only one entry at a time is leased.
CREATE TABLE __.hold (
    queue text COLLATE "C" NOT NULL,
    authority text COLLATE "C" NOT NULL,
    until bigint NOT NULL,
    why text NOT NULL,
    -- The number of consecutive holds, including this one.
    in_row bigint NOT NULL,
    PRIMARY KEY (queue, authority)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
