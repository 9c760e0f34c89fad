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

-- Saves all of this, or nothing, and tells which: saved; fenced, if it is not held with this fence; full, if more would be
-- parked than may be.
CREATE FUNCTION __.save_checkpoint(
    p_poll text, p_fence bigint, p_saved text, p_unpark bigint[], p_most bigint, p_most_bytes bigint,
    p_page bigint[], p_item bigint[], p_parked_at text[], p_key text[], p_stamp text[], p_reason text[], p_json text[]
) RETURNS text LANGUAGE plpgsql
SET lock_timeout = '30s'
SET jit = off SET enable_seqscan = off AS $$
DECLARE
    _new record;
BEGIN
    UPDATE __.checkpoint SET saved = p_saved WHERE poll = p_poll AND fence = p_fence;
    IF NOT FOUND THEN
        RETURN 'fenced';
    END IF;
    DELETE FROM __.parked WHERE poll = p_poll AND id = ANY (p_unpark);
    -- One by one: each may be the same as one before it.
    FOR _new IN SELECT * FROM unnest(p_page, p_item, p_parked_at, p_key, p_stamp, p_reason, p_json) WITH ORDINALITY
        AS n (page, item, parked_at, key, stamp, reason, json, nth) ORDER BY nth
    LOOP
        INSERT INTO __.parked (poll, page, item, parked_at, key, stamp, reason, json)
        SELECT p_poll, _new.page, _new.item, _new.parked_at, _new.key, _new.stamp, _new.reason, _new.json
        WHERE NOT EXISTS (SELECT FROM __.parked p
            WHERE p.poll = p_poll AND hashtextextended(p.json, 0) = hashtextextended(_new.json COLLATE "C", 0)
                AND p.json = _new.json AND p.key = _new.key AND p.stamp IS NOT DISTINCT FROM _new.stamp);
    END LOOP;
    IF cardinality(p_key) > 0 AND (
        SELECT count(*) > p_most OR sum(octet_length(json)) > p_most_bytes FROM __.parked WHERE poll = p_poll
    ) THEN
        RAISE SQLSTATE 'MT003' USING MESSAGE = 'too much is parked';
    END IF;
    RETURN 'saved';
EXCEPTION WHEN SQLSTATE 'MT003' THEN
    RETURN 'full';
END $$;
