-- Version 2: where polls stand, and what they have parked.

CREATE TABLE __.checkpoint (
    poll text COLLATE "C" PRIMARY KEY,
    -- Who holds it. A lease that has run out is its holder's still, until it is taken.
    fence bigint,
    lease_until bigint,
    -- What was saved last, as JSON.
    saved text
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

CREATE TABLE __.parked (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    poll text COLLATE "C" NOT NULL,
    -- Whether it is to be delivered again.
    again boolean NOT NULL DEFAULT false,
    -- Where in its pass it was.
    page bigint NOT NULL,
    item bigint NOT NULL,
    -- Moments are texts here, to the nanosecond: stamps are compared.
    parked_at text NOT NULL,
    -- As JSON: it may have a character of number zero.
    key text COLLATE "C" NOT NULL,
    stamp text COLLATE "C",
    reason text NOT NULL,
    json text COLLATE "C" NOT NULL
);
CREATE INDEX parked_poll ON __.parked (poll, id);
CREATE INDEX parked_again ON __.parked (poll, id) WHERE again;
-- To find the same again: a text may be too long for an index.
CREATE INDEX parked_same ON __.parked (poll, hashtextextended(json, 0));
