-- What the operations are made of.
--
-- Who changes whether entries of a key are pending locks the key first, by its stripe: all stripes of a transaction at
-- once and in their order, then slots, then entries, then what is ready, then holds. Dead letters of several keys are locked
-- in the order of their places, and holds in that of their authorities. A claim waits for nothing: it passes over what is
-- locked. So nobody waits in a circle.
--
-- And nobody waits for a lock for longer than 30 s, except in a transaction of somebody else's: a store that has given up
-- an operation drops the connection, of which the server takes no notice while it waits, and makes another.

-- The time so much later, or the last that there is.
CREATE FUNCTION __.after(moment bigint, wait bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN moment + least(wait, 253402207200999999 - moment);

-- The moment that is given, or the server's.
CREATE FUNCTION __.moment(given bigint) RETURNS bigint LANGUAGE sql VOLATILE
RETURN coalesce(given, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint);

-- What each operation begins with that writes in a transaction of its own. Has that be as durable and see as much as it needs,
-- whatever the session is set to, which may be another's before and afterwards; and yields the moment.
--
-- A commit that does not wait for the disk may be lost, though it was acknowledged. A setting that is local lasts to the
-- commit, but not beyond a function with a clause that sets the same: so no function has one.
--
-- Which isolation it is cannot be changed any more when this is called: with MT004, the transaction is to be begun by hand.
CREATE FUNCTION __.begin_write(given bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE SQLSTATE 'MT004' USING MESSAGE = 'the transaction must be READ COMMITTED';
    END IF;
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    RETURN __.moment(given);
END $$;

CREATE FUNCTION __.stripe(order_key text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN hashtext(order_key) & 255;

CREATE FUNCTION __.lock_stripes(stripes integer[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('martello in __'), stripe)
    FROM (SELECT DISTINCT unnest(stripes) AS stripe ORDER BY 1) AS sorted WHERE stripe IS NOT NULL;
END $$;

CREATE FUNCTION __.note(p_seq bigint, p_now bigint, p_kind text, p_detail text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO __.event (entry, at, kind, detail) VALUES (p_seq, p_now, p_kind, p_detail);
END $$;

-- Puts the rows of the tally together.
CREATE FUNCTION __.add_up() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH old AS (
        DELETE FROM __.tally WHERE ctid = ANY (ARRAY(SELECT ctid FROM __.tally LIMIT 5000 FOR UPDATE SKIP LOCKED))
        RETURNING *
    )
    INSERT INTO __.tally (queue, pending, done, dead, cancelled)
    SELECT queue, sum(pending), sum(done), sum(dead), sum(cancelled) FROM old GROUP BY queue;
END $$;

-- Whether an entry is leased.
CREATE FUNCTION __.is_leased(p_seq bigint, p_queue text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RETURN EXISTS (SELECT FROM __.slot WHERE queue = p_queue AND seq = p_seq);
END $$;

-- Puts the oldest pending entry of a key to its head, unless one of it is leased. The key is locked.
CREATE FUNCTION __.set_head(p_queue text, p_key text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    _head __.ready;
    _first bigint;
BEGIN
    IF p_key IS NULL THEN
        RETURN;
    END IF;
    -- Whoever is claiming it now is waited for: then it is leased.
    SELECT * INTO _head FROM __.ready WHERE queue = p_queue AND order_key = p_key FOR UPDATE;
    SELECT seq INTO _first FROM __.entry
    WHERE order_key = p_key AND queue = p_queue AND state = 0 ORDER BY seq LIMIT 1;
    IF _head.seq = _first OR _first IS NULL THEN
        RETURN;
    END IF;
    IF _head.seq IS NOT NULL THEN
        DELETE FROM __.ready WHERE queue = p_queue AND due_at = _head.due_at AND seq = _head.seq;
    ELSIF EXISTS (SELECT FROM __.slot s JOIN __.entry e ON e.seq = s.seq
            WHERE s.queue = p_queue AND e.order_key = p_key) THEN
        RETURN;
    END IF;
    INSERT INTO __.ready (queue, due_at, seq, expires_at, order_key, authority)
    SELECT queue, due_at, seq, expires_at, order_key, authority FROM __.entry WHERE seq = _first;
END $$;

-- The same for the keys of these entries.
CREATE FUNCTION __.set_heads(p_seqs bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM __.set_head(queue, order_key) FROM (
        SELECT DISTINCT queue, order_key FROM __.entry WHERE seq = ANY (p_seqs) AND order_key IS NOT NULL
    ) AS keys;
END $$;

-- Makes an entry claimable, which has just become ready. Its key is locked.
CREATE FUNCTION __.make_ready(p_seq bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    _entry __.entry;
BEGIN
    SELECT * INTO _entry FROM __.entry WHERE seq = p_seq;
    IF _entry.order_key IS NULL THEN
        INSERT INTO __.ready (queue, due_at, seq, expires_at, authority)
        VALUES (_entry.queue, _entry.due_at, p_seq, _entry.expires_at, _entry.authority);
    ELSE
        PERFORM __.set_head(_entry.queue, _entry.order_key);
    END IF;
END $$;

-- Brings a ready entry to an end, and tells whether it could: it may be leased, or over. Its key is locked.
CREATE FUNCTION __.leave(
    p_seq bigint, p_now bigint, p_state smallint, p_reason text, p_by uuid
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    _entry __.entry;
BEGIN
    SELECT * INTO _entry FROM __.entry WHERE seq = p_seq FOR UPDATE;
    IF _entry.state IS DISTINCT FROM 0 THEN
        RETURN false;
    END IF;
    DELETE FROM __.ready WHERE queue = _entry.queue AND due_at = _entry.due_at AND seq = p_seq;
    IF NOT FOUND AND __.is_leased(p_seq, _entry.queue) THEN
        RETURN false;
    END IF;
    UPDATE __.entry SET state = p_state, changed_at = p_now, untouched = false, reason = coalesce(p_reason, reason),
        superseded_by = coalesce(p_by, superseded_by)
    WHERE seq = p_seq;
    INSERT INTO __.tally (queue, pending, done, dead, cancelled)
    VALUES (_entry.queue, -1, 0, (p_state = 3)::integer, (p_state = 4)::integer);
    PERFORM __.set_head(_entry.queue, _entry.order_key);
    RETURN true;
END $$;

-- Calls off what is ready of a key and older than this entry, for it. The key is locked.
CREATE FUNCTION __.supersede(p_seq bigint, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    _by __.entry;
    _many bigint;
BEGIN
    SELECT * INTO _by FROM __.entry WHERE seq = p_seq;
    -- Whoever is claiming the head now is waited for: then it is leased.
    DELETE FROM __.ready WHERE queue = _by.queue AND order_key = _by.order_key AND seq < p_seq;
    WITH older AS (
        UPDATE __.entry SET state = 4, changed_at = p_now, untouched = false, superseded_by = _by.id
        WHERE order_key = _by.order_key AND queue = _by.queue AND state = 0 AND seq < p_seq
            AND NOT EXISTS (SELECT FROM __.slot WHERE slot.queue = _by.queue AND slot.seq = entry.seq)
        RETURNING seq
    ), noted AS (
        INSERT INTO __.event (entry, at, kind, detail) SELECT seq, p_now, 'superseded', _by.id::text FROM older
    )
    SELECT count(*) INTO _many FROM older;
    IF _many > 0 THEN
        INSERT INTO __.tally (queue, pending, cancelled) VALUES (_by.queue, -_many, _many);
    END IF;
    PERFORM __.set_head(_by.queue, _by.order_key);
END $$;

-- Makes a dead letter ready again, due at this time. Its key is locked.
CREATE FUNCTION __.put_back(p_seq bigint, p_now bigint, p_due bigint, p_job uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    _queue text;
BEGIN
    UPDATE __.entry SET state = 0, changed_at = p_now, tries = 0, due_at = p_due,
        expires_at = __.after(p_due, expires_in), job = p_job, untouched = p_job IS NOT NULL
    WHERE seq = p_seq RETURNING queue INTO _queue;
    INSERT INTO __.tally (queue, pending, dead) VALUES (_queue, 1, -1);
    PERFORM __.make_ready(p_seq);
END $$;
