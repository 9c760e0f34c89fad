-- Version 2: the checkpoints of polls, and their parked items.

CREATE TABLE __.checkpoint (
    poll text COLLATE "C" PRIMARY KEY,
    -- The fence of the holder. It keeps an expired lease until another poller acquires the checkpoint.
    fence bigint,
    lease_until bigint,
    -- The last saved checkpoint, as JSON.
    saved text
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

CREATE TABLE __.parked (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    poll text COLLATE "C" NOT NULL,
    -- Whether to deliver the item again.
    again boolean NOT NULL DEFAULT false,
    -- The position within its pass.
    page bigint NOT NULL,
    item bigint NOT NULL,
    -- Times are text here and have nanoseconds, because stamps are compared.
    parked_at text NOT NULL,
    -- JSON, because a key may contain U+0000.
    key text COLLATE "C" NOT NULL,
    stamp text COLLATE "C",
    reason text NOT NULL,
    json text COLLATE "C" NOT NULL
);
CREATE INDEX parked_poll ON __.parked (poll, id);
CREATE INDEX parked_again ON __.parked (poll, id) WHERE again;
-- Finds an equal item. The index holds a hash, because a text may be too long for an index.
CREATE INDEX parked_same ON __.parked (poll, hashtextextended(json, 0));
