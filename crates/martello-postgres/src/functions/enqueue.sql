-- Stores entries, in this order, all or none. It returns what became of each, or no row if all are stored.
-- With `p_channel`, it runs in an external transaction, which may last: it locks no key, puts entries with a
-- key into `arriving`, where they wait for their place in the order of the key, and notifies that channel at
-- the commit.
CREATE FUNCTION __.enqueue(p_now bigint, p_channel text, p_entries json, p_bodies bytea[])
RETURNS TABLE (id uuid, stored boolean) LANGUAGE plpgsql
SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    _now bigint := CASE WHEN p_channel IS NULL THEN __.begin_write(p_now) ELSE __.moment(p_now) END;
    _entries __.entry_input[] := ARRAY(SELECT n FROM json_populate_recordset(NULL::__.entry_input, p_entries) AS n);
    _many integer := cardinality(_entries);
    _keys text[] := ARRAY(SELECT order_key FROM unnest(_entries));
    _keyed boolean := array_remove(_keys, NULL) <> '{}';
    _may_wait boolean := p_channel IS NULL AND EXISTS (SELECT FROM unnest(_entries) WHERE dedup_key IS NOT NULL);
    _lock_timeout text;
    _seqs bigint[];
    _new bigint[];
    _row record;
BEGIN
    IF p_channel IS NULL THEN
        _lock_timeout := set_config('lock_timeout', '30s', true);
    END IF;
    IF _keyed AND p_channel IS NULL THEN
        PERFORM __.lock_stripes(ARRAY(SELECT __.stripe(k) FROM unnest(_keys) AS k));
    END IF;
    _seqs := ARRAY(SELECT nextval('__.place') FROM generate_series(1, _many));
    -- An external transaction that has stored the same `dedup_key` may last. While this waits for it, others
    -- wait for the keys that this has locked.
    IF _may_wait THEN
        _lock_timeout := set_config('lock_timeout', '2s', true);
    END IF;

    WITH new AS (
        INSERT INTO __.entry (seq, id, queue, state, due_at, expires_at, changed_at, created_at, expires_in,
            max_attempts, attempts, last_status, repeatable, host, authority, order_key, dedup_key, reason,
            last_outcome, last_tracking_id)
        SELECT n.seq, n.id, n.queue, CASE WHEN n.dead IS NULL THEN 0 ELSE 3 END, __.after(_now, n.delay),
            __.after(_now, n.expires_in), _now, _now, n.expires_in, n.max_attempts, coalesce(last.number, 0), last.status,
            n.repeatable, n.host, n.authority, n.order_key, n.dedup_key, n.dead, last.outcome, last.tracking_id
        FROM unnest(_seqs, _entries) AS n (seq)
        CROSS JOIN LATERAL (SELECT (n.attempts[cardinality(n.attempts)]).*) AS last
        ON CONFLICT DO NOTHING
        RETURNING seq
    )
    SELECT coalesce(array_agg(seq), '{}') INTO _new FROM new;
    IF _may_wait THEN
        _lock_timeout := set_config('lock_timeout', '30s', true);
    END IF;

    INSERT INTO __.request (entry, number, made_at, method, url, headers, sealed, body)
    SELECT n.seq, 1, _now, n.method, n.url, n.headers, n.sealed, n.body
    FROM unnest(_seqs, p_bodies, _entries) AS n (seq, body)
    WHERE cardinality(_new) = _many OR n.seq = ANY (_new);

    INSERT INTO __.attempt
    SELECT n.seq, a.number, a.revision, a.started_at, a.duration, a.outcome, a.status, a.tracking_id, a.fault, a.worker
    FROM unnest(_seqs, _entries) AS n (seq) CROSS JOIN LATERAL unnest(n.attempts) AS a
    WHERE n.seq = ANY (_new);

    INSERT INTO __.event (entry, at, kind, detail)
    SELECT n.seq, _now, 'died', n.dead FROM unnest(_seqs, _entries) AS n (seq)
    WHERE n.dead IS NOT NULL AND n.seq = ANY (_new);

    INSERT INTO __.tally (queue, pending, dead)
    SELECT n.queue, count(*) FILTER (WHERE n.dead IS NULL), count(n.dead) FROM unnest(_seqs, _entries) AS n (seq)
    WHERE cardinality(_new) = _many OR n.seq = ANY (_new) GROUP BY n.queue;

    IF array_position(_keys, NULL) IS NOT NULL THEN
        INSERT INTO __.ready (queue, due_at, seq, expires_at, authority)
        SELECT n.queue, __.after(_now, n.delay), n.seq, __.after(_now, n.expires_in), n.authority
        FROM unnest(_seqs, _entries) AS n (seq)
        WHERE n.order_key IS NULL AND n.dead IS NULL AND (cardinality(_new) = _many OR n.seq = ANY (_new));
    END IF;

    IF _keyed AND p_channel IS NOT NULL THEN
        INSERT INTO __.arriving (queue, seq, supersede)
        SELECT n.queue, n.seq, n.supersede FROM unnest(_seqs, _entries) AS n (seq)
        WHERE n.order_key IS NOT NULL AND n.dead IS NULL AND n.seq = ANY (_new);
    ELSIF _keyed THEN
        FOR _row IN SELECT n.seq FROM unnest(_seqs, _entries) WITH ORDINALITY AS n (seq)
            WHERE n.supersede AND n.order_key IS NOT NULL AND n.dead IS NULL AND n.seq = ANY (_new) ORDER BY n.ordinality
        LOOP
            PERFORM __.supersede(_row.seq, _now);
        END LOOP;
        -- It is at the head if nothing older of its key is pending.
        INSERT INTO __.ready (queue, due_at, seq, expires_at, order_key, authority)
        SELECT n.queue, __.after(_now, n.delay), n.seq, __.after(_now, n.expires_in), n.order_key, n.authority
        FROM unnest(_seqs, _entries) AS n (seq)
        WHERE n.order_key IS NOT NULL AND n.dead IS NULL AND (cardinality(_new) = _many OR n.seq = ANY (_new))
            AND n.seq = (SELECT seq FROM __.entry
                WHERE order_key = n.order_key AND queue = n.queue AND state = 0 ORDER BY seq LIMIT 1)
        ON CONFLICT DO NOTHING;
    END IF;

    IF p_channel IS NOT NULL THEN
        PERFORM pg_notify(p_channel, '3');
    END IF;

    IF cardinality(_new) = _many THEN
        RETURN;
    END IF;
    FOR _row IN SELECT n.seq, n.id, n.queue, n.dedup_key FROM unnest(_seqs, _entries) WITH ORDINALITY AS n (seq)
        ORDER BY n.ordinality
    LOOP
        id := _row.id;
        stored := _row.seq = ANY (_new);
        IF NOT stored AND NOT EXISTS (SELECT FROM __.entry e WHERE e.id = _row.id) THEN
            SELECT e.id INTO id FROM __.entry e WHERE e.queue = _row.queue AND e.dedup_key = _row.dedup_key;
            IF NOT FOUND THEN
                -- The entry that this one duplicates was deleted meanwhile.
                RAISE SQLSTATE '40001' USING MESSAGE = 'a duplicate was deleted meanwhile';
            END IF;
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;

-- At the commit of an external transaction, moves its entries behind everything that was stored since they
-- were.
CREATE FUNCTION __.arrive() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    _seq bigint;
BEGIN
    IF (SELECT last_value FROM __.place) = NEW.seq THEN
        RETURN NULL;
    END IF;
    UPDATE __.entry SET seq = nextval('__.place') WHERE seq = NEW.seq RETURNING seq INTO _seq;
    UPDATE __.request SET entry = _seq WHERE entry = NEW.seq;
    UPDATE __.attempt SET entry = _seq WHERE entry = NEW.seq;
    UPDATE __.event SET entry = _seq WHERE entry = NEW.seq;
    UPDATE __.arriving SET seq = _seq WHERE queue = NEW.queue AND seq = NEW.seq;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER arrive AFTER INSERT ON __.arriving DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION __.arrive();
