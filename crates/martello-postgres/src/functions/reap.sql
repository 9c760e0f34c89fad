-- Takes expired leases from their workers. Returns the entries that lost their leases, and those of them that
-- died.
CREATE FUNCTION __.reap(
    p_now bigint, p_queue text, p_stripes integer[], p_outcome text, p_fault text, OUT lost bigint[], OUT died bigint[]
) LANGUAGE plpgsql AS $$
DECLARE
    _row record;
    _reason text;
BEGIN
    lost := '{}';
    died := '{}';
    FOR _row IN SELECT s.id AS slot, s.since, s.worker, e.* FROM __.slot s JOIN __.entry e ON e.seq = s.seq
        WHERE s.queue = p_queue AND s.until <= p_now
            AND (e.order_key IS NULL OR __.stripe(e.order_key) = ANY (p_stripes))
        ORDER BY e.seq FOR UPDATE OF s SKIP LOCKED
    LOOP
        lost := lost || _row.seq;
        _reason := CASE WHEN NOT _row.repeatable THEN 'ambiguous'
            WHEN _row.tries + 1 >= _row.max_attempts THEN 'crashed' END;
        UPDATE __.slot SET seq = NULL, fence = NULL, until = NULL, since = NULL, worker = NULL WHERE id = _row.slot;
        INSERT INTO __.attempt VALUES (_row.seq, _row.attempts + 1, _row.revision, _row.since, abs(p_now - _row.since),
            p_outcome, NULL, NULL, p_fault, _row.worker);
        UPDATE __.entry SET state = CASE WHEN _reason IS NULL THEN 0 ELSE 3 END, changed_at = p_now,
            due_at = CASE WHEN _reason IS NULL THEN p_now ELSE due_at END, reason = coalesce(_reason, reason),
            attempts = attempts + 1, tries = tries + 1, untouched = false, last_outcome = p_outcome,
            last_status = NULL, last_tracking_id = NULL
        WHERE seq = _row.seq;
        IF _reason IS NULL THEN
            INSERT INTO __.tally (queue) VALUES (p_queue);
            PERFORM __.make_ready(_row.seq);
        ELSE
            INSERT INTO __.tally (queue, pending, dead) VALUES (p_queue, -1, 1);
            PERFORM __.note(_row.seq, p_now, 'died', _reason);
            PERFORM __.set_head(p_queue, _row.order_key);
            died := died || _row.seq;
        END IF;
    END LOOP;
END $$;

-- Gives up to 1,000 entries from external transactions their place in the order of their keys. Returns
-- whether there may be more.
CREATE FUNCTION __.take_in(p_now bigint, p_queue text, p_stripes integer[]) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    _row record;
    _many integer := 0;
BEGIN
    FOR _row IN SELECT a.seq, a.supersede, e.order_key, e.state FROM __.arriving a JOIN __.entry e ON e.seq = a.seq
        WHERE a.queue = p_queue AND __.stripe(e.order_key) = ANY (p_stripes)
        ORDER BY a.seq LIMIT 1000 FOR UPDATE OF a SKIP LOCKED
    LOOP
        _many := _many + 1;
        DELETE FROM __.arriving WHERE queue = p_queue AND seq = _row.seq;
        IF _row.supersede AND _row.state = 0 THEN
            PERFORM __.supersede(_row.seq, p_now);
        END IF;
        PERFORM __.set_head(p_queue, _row.order_key);
    END LOOP;
    RETURN _many = 1000;
END $$;

-- Moves up to 100 entries that have expired to the dead letters.
CREATE FUNCTION __.expire(
    p_now bigint, p_queue text, p_stripes integer[], OUT died bigint[], OUT more boolean
) LANGUAGE plpgsql AS $$
DECLARE
    _seq bigint;
BEGIN
    died := '{}';
    more := false;
    FOR _seq IN SELECT e.seq FROM __.entry e
        WHERE e.queue = p_queue AND e.state = 0 AND e.expires_at <= p_now
            AND (e.order_key IS NULL OR __.stripe(e.order_key) = ANY (p_stripes))
            AND NOT EXISTS (SELECT FROM __.slot s WHERE s.queue = p_queue AND s.seq = e.seq)
        ORDER BY e.expires_at, e.seq LIMIT 101
    LOOP
        IF cardinality(died) = 100 THEN
            more := true;
        ELSIF __.leave(_seq, p_now, 3::smallint, 'expired', NULL) THEN
            PERFORM __.note(_seq, p_now, 'died', 'expired');
            died := died || _seq;
        END IF;
    END LOOP;
END $$;
