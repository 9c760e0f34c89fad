-- Locks up to `p_many` free slots within the cap.
CREATE FUNCTION __.free_slots(p_queue text, p_many bigint, p_cap bigint, p_beyond bigint) RETURNS integer[]
LANGUAGE plpgsql AS $$
BEGIN
    IF p_beyond = 0 THEN
        -- No leased slot is beyond the cap, so the slots up to the cap are the limit.
        RETURN ARRAY(
            SELECT id FROM __.slot WHERE queue = p_queue AND number <= p_cap AND seq IS NULL
            ORDER BY number LIMIT p_many FOR UPDATE SKIP LOCKED
        );
    END IF;
    -- The cap was higher before, or is higher for another worker. All concurrent claims choose from the same
    -- first free slots, as many as the cap leaves, so that together they never exceed it.
    RETURN ARRAY(
        SELECT id FROM __.slot WHERE seq IS NULL AND id IN (
            SELECT id FROM __.slot WHERE queue = p_queue AND seq IS NULL ORDER BY number
            LIMIT greatest(0, p_cap - (SELECT count(seq) FROM __.slot WHERE queue = p_queue))
        ) ORDER BY number LIMIT p_many FOR UPDATE SKIP LOCKED
    );
END $$;

-- Makes slots, some more than needed, if the cap allows more than exist. Returns whether it did.
CREATE FUNCTION __.add_slots(p_queue text, p_many bigint, p_cap bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    _there bigint;
    _leased bigint;
BEGIN
    SELECT count(*), count(seq) INTO _there, _leased FROM __.slot WHERE queue = p_queue;
    IF _there >= least(p_cap, _leased + p_many * 4) THEN
        RETURN false;
    END IF;
    INSERT INTO __.slot (queue, number)
    SELECT p_queue, n FROM generate_series(_there + 1, least(p_cap, _leased + p_many * 4)) AS n
    ON CONFLICT DO NOTHING;
    RETURN true;
END $$;

-- Up to `p_most` authorities with ready entries, and when the first entry of each is due.
CREATE FUNCTION __.authorities(p_queue text, p_most integer) RETURNS TABLE (authority text, due_at bigint)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    _row record;
    _many integer := 0;
BEGIN
    -- One step into the index for each authority, however many entries are ready for it.
    SELECT authority, due_at INTO _row FROM __.ready WHERE queue = p_queue ORDER BY authority, due_at LIMIT 1;
    WHILE FOUND LOOP
        authority := _row.authority;
        due_at := _row.due_at;
        RETURN NEXT;
        _many := _many + 1;
        EXIT WHEN _many = p_most;
        SELECT authority, due_at INTO _row FROM __.ready WHERE queue = p_queue AND authority > _row.authority
        ORDER BY authority, due_at LIMIT 1;
    END LOOP;
END $$;

-- Whether there are so many authorities that a claim first reads the earliest due entries instead of each
-- authority.
CREATE FUNCTION __.are_many(p_queue text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT count(*) = 64 FROM __.authorities(p_queue, 64));
END $$;

-- The authorities of leased entries.
CREATE FUNCTION __.leased_authorities(p_queue text) RETURNS text[] LANGUAGE plpgsql AS $$
BEGIN
    RETURN ARRAY(SELECT DISTINCT e.authority FROM __.slot s JOIN __.entry e ON e.seq = s.seq WHERE s.queue = p_queue);
END $$;

-- How many more entries may be leased for authorities whose hold is over. Half of the cap is left to the
-- others.
CREATE FUNCTION __.probes_left(p_now bigint, p_queue text, p_cap bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN greatest(0, greatest(1, p_cap / 2) - (
        SELECT count(*) FROM __.slot s JOIN __.entry e ON e.seq = s.seq
        JOIN __.hold h ON h.queue = p_queue AND h.authority = e.authority AND h.until <= p_now
        WHERE s.queue = p_queue
    ));
END $$;

-- Locks up to `p_many` authorities whose hold is over, so that one entry of each is claimed as a probe; those
-- with the earliest entries first.
CREATE FUNCTION __.lock_probes(p_now bigint, p_queue text, p_many integer, p_cap bigint) RETURNS text[]
LANGUAGE plpgsql AS $$
DECLARE
    _leased text[];
BEGIN
    -- One claim at a time takes probes, so that together they never exceed the limit; the others skip them.
    IF NOT EXISTS (SELECT FROM __.hold WHERE queue = p_queue AND until <= p_now)
        OR NOT pg_try_advisory_xact_lock(hashtext('martello probes in __'), hashtext(p_queue))
    THEN
        RETURN '{}';
    END IF;
    -- Read under the lock, because its last holder may have claimed probes.
    _leased := __.leased_authorities(p_queue);
    RETURN ARRAY(
        SELECT h.authority FROM __.hold h CROSS JOIN LATERAL (
            SELECT r.due_at, r.seq FROM __.ready r
            WHERE r.queue = p_queue AND r.authority BETWEEN h.authority AND h.authority
                AND r.due_at <= p_now AND r.expires_at > p_now
            ORDER BY r.authority, r.due_at, r.seq LIMIT 1
        ) AS first
        WHERE h.queue = p_queue AND h.until <= p_now AND h.authority <> ALL (_leased)
        ORDER BY first.due_at, first.seq
        LIMIT least(p_many, __.probes_left(p_now, p_queue, p_cap)) FOR UPDATE OF h SKIP LOCKED
    );
END $$;

-- Locks up to `p_many` due entries: the earliest of all authorities without a hold, and one of each probed
-- authority. It considers more than that, because concurrent claims may have locked the first.
CREATE FUNCTION __.pick(p_now bigint, p_queue text, p_many integer, p_probes text[]) RETURNS tid[] LANGUAGE plpgsql AS $$
DECLARE
    _picked tid[];
BEGIN
    IF __.are_many(p_queue) THEN
        _picked := ARRAY(
            SELECT ctid FROM __.ready WHERE ctid = ANY (ARRAY(
                SELECT r.ctid FROM (
                    SELECT ctid, authority, due_at, seq, row_number() OVER (PARTITION BY authority ORDER BY due_at, seq) AS nth
                    FROM (
                        SELECT ctid, authority, due_at, seq FROM __.ready
                        WHERE queue = p_queue AND due_at <= p_now AND expires_at > p_now ORDER BY due_at, seq LIMIT 1000
                    ) AS ahead
                ) AS r LEFT JOIN __.hold h ON h.queue = p_queue AND h.authority = r.authority
                WHERE h.authority IS NULL OR h.authority = ANY (p_probes) AND r.nth = 1
                ORDER BY r.due_at, r.seq LIMIT 2 * p_many
            )) ORDER BY due_at, seq LIMIT p_many FOR UPDATE SKIP LOCKED
        );
        IF cardinality(_picked) = p_many OR NOT EXISTS (
            SELECT FROM __.ready WHERE queue = p_queue AND due_at <= p_now AND expires_at > p_now
            ORDER BY due_at, seq OFFSET 999 LIMIT 1
        ) THEN
            RETURN _picked;
        END IF;
    END IF;
    RETURN ARRAY(
        SELECT ctid FROM __.ready WHERE ctid = ANY (ARRAY(
            SELECT first.ctid FROM __.authorities(p_queue, NULL) AS a
            LEFT JOIN __.hold h ON h.queue = p_queue AND h.authority = a.authority
            CROSS JOIN LATERAL (
                SELECT r.ctid, r.due_at, r.seq FROM __.ready r
                -- With `=` the server might scan the due entries of all authorities.
                WHERE r.queue = p_queue AND r.authority BETWEEN a.authority AND a.authority
                    AND r.due_at <= p_now AND r.expires_at > p_now
                ORDER BY r.authority, r.due_at, r.seq LIMIT CASE WHEN h.authority IS NULL THEN 2 * p_many
                    WHEN h.authority = ANY (p_probes) THEN 1 ELSE 0 END
            ) AS first
            WHERE a.due_at <= p_now
            ORDER BY first.due_at, first.seq LIMIT 2 * p_many
        )) ORDER BY due_at, seq LIMIT p_many FOR UPDATE SKIP LOCKED
    );
END $$;

-- When the first ready entry is due whose authority is not held by then; NULL if another entry has to end
-- first.
CREATE FUNCTION __.next_start(p_now bigint, p_queue text, p_cap bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    _leased text[] := __.leased_authorities(p_queue);
    _full boolean := __.probes_left(p_now, p_queue, p_cap) = 0;
    _first bigint;
    _last bigint;
BEGIN
    IF __.are_many(p_queue) THEN
        SELECT min(greatest(r.due_at, CASE WHEN h.until > p_now THEN h.until END))
            FILTER (WHERE h.authority IS NULL OR h.until > p_now OR NOT _full AND h.authority <> ALL (_leased)), max(r.due_at)
        INTO _first, _last
        FROM (SELECT authority, due_at FROM __.ready WHERE queue = p_queue ORDER BY due_at, seq LIMIT 1000) AS r
        LEFT JOIN __.hold h ON h.queue = p_queue AND h.authority = r.authority;
        -- All other entries are due later.
        IF _first <= _last THEN
            RETURN _first;
        END IF;
    END IF;
    RETURN (
        SELECT min(greatest(a.due_at, CASE WHEN h.until > p_now THEN h.until END))
        FROM __.authorities(p_queue, NULL) a LEFT JOIN __.hold h ON h.queue = p_queue AND h.authority = a.authority
        WHERE h.authority IS NULL OR h.until > p_now OR NOT _full AND h.authority <> ALL (_leased)
    );
END $$;
