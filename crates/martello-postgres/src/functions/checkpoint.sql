-- Saves everything or nothing, and returns which: `saved`; `fenced` if the checkpoint is not held with this
-- fence; `full` if more items would be parked than allowed. Its parameters stay those of version 2, so that a
-- poll of a program of that version goes on after an upgrade.
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
    -- One after the other, because an item may equal one before it.
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
