-- The parts of the operations.
--
-- The order of locks prevents deadlocks. An operation that changes whether entries of a key are pending first
-- locks the key by its stripe, all stripes of the transaction together and in their order; then slots,
-- entries, rows of `ready`, and holds. Dead letters of several keys are locked in the order of `seq`, holds
-- in the order of their authorities. A claim does not wait: it skips locked rows.
--
-- Outside of external transactions, no operation waits for a lock longer than 30 s. A store that gives up an
-- operation drops the connection and makes another, but the server does not notice that while the old one
-- waits for a lock.

-- The time `wait` after `moment`, or the last time that can be stored.
CREATE FUNCTION __.after(moment bigint, wait bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN moment + least(wait, 253402207200999999 - moment);

-- The given time, or the time of the server's clock.
CREATE FUNCTION __.moment(given bigint) RETURNS bigint LANGUAGE sql VOLATILE
RETURN coalesce(given, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint);

-- Begins an operation that writes in its own transaction, and returns the time. It makes the commit durable,
-- and checks that the transaction sees what others commit, whatever the settings of the session, which other
-- clients may use before and after.
--
-- A commit that does not wait for the disk may be lost after it was acknowledged. A local setting lasts to
-- the commit, but a function with a `SET` clause for the same setting would end it, so no function has one.
--
-- The isolation cannot be changed at this point. After MT004 the store begins its transactions explicitly.
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

-- Merges rows of `tally`.
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

-- Puts the oldest pending entry of a key into `ready`, unless an entry of the key is leased. The caller has
-- locked the key.
CREATE FUNCTION __.set_head(p_queue text, p_key text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    _head __.ready;
    _first bigint;
BEGIN
    IF p_key IS NULL THEN
        RETURN;
    END IF;
    -- Waits for a claim in progress, after which the entry is leased.
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

-- Does the same for the keys of these entries.
CREATE FUNCTION __.set_heads(p_seqs bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM __.set_head(queue, order_key) FROM (
        SELECT DISTINCT queue, order_key FROM __.entry WHERE seq = ANY (p_seqs) AND order_key IS NOT NULL
    ) AS keys;
END $$;

-- Puts an entry that became ready into `ready`, if it is the head of its key. The caller has locked the key.
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

-- Ends a ready entry in the given state. Returns false if it is leased or has ended. The caller has locked
-- its key.
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

-- Cancels the ready entries of the key that are older than this one. The caller has locked the key.
CREATE FUNCTION __.supersede(p_seq bigint, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    _by __.entry;
    _many bigint;
BEGIN
    SELECT * INTO _by FROM __.entry WHERE seq = p_seq;
    -- Waits for a claim of the head in progress, after which it is leased.
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

-- Makes a dead letter ready again, due at this time. The caller has locked its key.
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
