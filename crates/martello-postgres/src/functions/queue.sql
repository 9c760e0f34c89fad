-- Pauses a queue: no entry is claimed until it is resumed.
CREATE FUNCTION __.pause(p_queue text, p_why text) RETURNS void LANGUAGE plpgsql
SET lock_timeout = '30s' AS $$
BEGIN
    PERFORM __.begin_write(NULL);
    INSERT INTO __.queue (name, paused) VALUES (p_queue, p_why) ON CONFLICT (name) DO UPDATE SET paused = p_why;
END $$;

-- Ends the pause and all holds of a queue.
CREATE FUNCTION __.resume(p_queue text) RETURNS void LANGUAGE plpgsql
SET lock_timeout = '30s' AS $$
DECLARE
    _paused boolean;
    _held boolean;
BEGIN
    PERFORM __.begin_write(NULL);
    UPDATE __.queue SET paused = NULL WHERE name = p_queue AND paused IS NOT NULL;
    _paused := FOUND;
    DELETE FROM __.hold WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM __.hold WHERE queue = p_queue ORDER BY authority FOR UPDATE));
    _held := FOUND;
    IF _paused OR _held THEN
        -- Stores poll this table for changes.
        INSERT INTO __.tally (queue) VALUES (p_queue);
    END IF;
END $$;

-- Marks all dead letters of a key as overtaken with this certainty. Returns how many had a weaker mark or
-- none.
CREATE FUNCTION __.overtake(p_queue text, p_key text, p_overtaken smallint) RETURNS bigint LANGUAGE plpgsql
SET lock_timeout = '30s'
SET jit = off SET enable_seqscan = off AS $$
DECLARE
    _many bigint;
BEGIN
    PERFORM __.begin_write(NULL);
    UPDATE __.entry SET overtaken = p_overtaken WHERE seq = ANY (ARRAY(
        SELECT seq FROM __.entry
        WHERE order_key = p_key AND queue = p_queue AND state = 3 AND coalesce(overtaken, 0) < p_overtaken
        ORDER BY seq FOR UPDATE
    ));
    GET DIAGNOSTICS _many = ROW_COUNT;
    RETURN _many;
END $$;
