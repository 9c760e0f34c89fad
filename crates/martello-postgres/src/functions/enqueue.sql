-- Stores entries, in this order, all or none, and tells what became of each, unless all are stored. A guest comes in a
-- transaction that is somebody else's and may last: it locks no key, but waits in `arriving` for its place in it, and brings
-- the channel on which it is to be told of.
CREATE FUNCTION __.enqueue(
    p_now bigint, p_guest text,
    e_id uuid[], e_queue text[], e_order_key text[], e_supersede boolean[], e_dedup_key text[], e_delay bigint[],
    e_expires_in bigint[], e_max_attempts bigint[], e_repeatable boolean[], e_dead text[], e_method text[],
    e_url text[], e_headers text[], e_sealed boolean[], e_body bytea[], e_host text[], e_authority text[],
    e_attempts integer[], e_last_outcome text[], e_last_status smallint[], e_last_tracking_id text[],
    a_of integer[], a_number integer[], a_revision integer[], a_started_at bigint[], a_duration bigint[],
    a_outcome text[], a_status smallint[], a_tracking_id text[], a_fault text[], a_worker text[]
) RETURNS TABLE (id uuid, stored boolean) LANGUAGE plpgsql
SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    _now bigint := CASE WHEN p_guest IS NULL THEN __.begin_write(p_now) ELSE __.moment(p_now) END;
    _many integer := cardinality(e_id);
    _keyed boolean := array_remove(e_order_key, NULL) <> '{}';
    _may_wait boolean := p_guest IS NULL AND array_remove(e_dedup_key, NULL) <> '{}';
    _lock_timeout text;
    _seqs bigint[];
    _new bigint[];
    _row record;
BEGIN
    IF p_guest IS NULL THEN
        _lock_timeout := set_config('lock_timeout', '30s', true);
    END IF;
    IF _keyed AND p_guest IS NULL THEN
        PERFORM __.lock_stripes(ARRAY(SELECT __.stripe(k) FROM unnest(e_order_key) AS k));
    END IF;
    _seqs := ARRAY(SELECT nextval('__.place') FROM generate_series(1, _many));
    -- A transaction that has stored the same `dedup_key` may last. Whoever waits for it keeps others from their keys.
    IF _may_wait THEN
        _lock_timeout := set_config('lock_timeout', '2s', true);
    END IF;

    WITH new AS (
        INSERT INTO __.entry (seq, id, queue, state, due_at, expires_at, changed_at, created_at, expires_in,
            max_attempts, attempts, last_status, repeatable, host, authority, order_key, dedup_key, reason,
            last_outcome, last_tracking_id)
        SELECT n.seq, n.id, n.queue, CASE WHEN n.dead IS NULL THEN 0 ELSE 3 END, __.after(_now, n.delay),
            __.after(_now, n.expires_in), _now, _now, n.expires_in, n.max_attempts, n.attempts, n.last_status,
            n.repeatable, n.host, n.authority, n.order_key, n.dedup_key, n.dead, n.last_outcome, n.last_tracking_id
        FROM unnest(_seqs, e_id, e_queue, e_order_key, e_dedup_key, e_delay, e_expires_in, e_max_attempts,
            e_repeatable, e_dead, e_host, e_authority, e_attempts, e_last_outcome, e_last_status, e_last_tracking_id)
            AS n (seq, id, queue, order_key, dedup_key, delay, expires_in, max_attempts, repeatable, dead, host,
            authority, attempts, last_outcome, last_status, last_tracking_id)
        ON CONFLICT DO NOTHING
        RETURNING seq
    )
    SELECT coalesce(array_agg(seq), '{}') INTO _new FROM new;
    IF _may_wait THEN
        _lock_timeout := set_config('lock_timeout', '30s', true);
    END IF;

    INSERT INTO __.request (entry, number, made_at, method, url, headers, sealed, body)
    SELECT n.seq, 1, _now, n.method, n.url, n.headers, n.sealed, n.body
    FROM unnest(_seqs, e_method, e_url, e_headers, e_sealed, e_body) AS n (seq, method, url, headers, sealed, body)
    WHERE cardinality(_new) = _many OR n.seq = ANY (_new);

    IF cardinality(a_of) > 0 THEN
        INSERT INTO __.attempt
        SELECT _seqs[a.of], a.number, a.revision, a.started_at, a.duration, a.outcome, a.status, a.tracking_id,
            a.fault, a.worker
        FROM unnest(a_of, a_number, a_revision, a_started_at, a_duration, a_outcome, a_status, a_tracking_id,
            a_fault, a_worker)
            AS a (of, number, revision, started_at, duration, outcome, status, tracking_id, fault, worker)
        WHERE _seqs[a.of] = ANY (_new);
    END IF;

    IF array_remove(e_dead, NULL) <> '{}' THEN
        INSERT INTO __.event (entry, at, kind, detail)
        SELECT n.seq, _now, 'died', n.dead FROM unnest(_seqs, e_dead) AS n (seq, dead)
        WHERE n.dead IS NOT NULL AND n.seq = ANY (_new);
    END IF;

    INSERT INTO __.tally (queue, pending, dead)
    SELECT n.queue, count(*) FILTER (WHERE n.dead IS NULL), count(n.dead)
    FROM unnest(_seqs, e_queue, e_dead) AS n (seq, queue, dead)
    WHERE cardinality(_new) = _many OR n.seq = ANY (_new) GROUP BY n.queue;

    IF array_position(e_order_key, NULL) IS NOT NULL THEN
        INSERT INTO __.ready (queue, due_at, seq, expires_at, authority)
        SELECT n.queue, __.after(_now, n.delay), n.seq, __.after(_now, n.expires_in), n.authority
        FROM unnest(_seqs, e_queue, e_delay, e_expires_in, e_authority, e_order_key, e_dead)
            AS n (seq, queue, delay, expires_in, authority, order_key, dead)
        WHERE n.order_key IS NULL AND n.dead IS NULL AND (cardinality(_new) = _many OR n.seq = ANY (_new));
    END IF;

    IF _keyed AND p_guest IS NOT NULL THEN
        INSERT INTO __.arriving (queue, seq, supersede)
        SELECT n.queue, n.seq, n.supersede
        FROM unnest(_seqs, e_queue, e_supersede, e_order_key, e_dead) AS n (seq, queue, supersede, order_key, dead)
        WHERE n.order_key IS NOT NULL AND n.dead IS NULL AND n.seq = ANY (_new);
    ELSIF _keyed THEN
        IF true = ANY (e_supersede) THEN
            FOR _row IN SELECT n.seq
                FROM unnest(_seqs, e_supersede, e_order_key, e_dead) WITH ORDINALITY
                    AS n (seq, supersede, order_key, dead, nth)
                WHERE n.supersede AND n.order_key IS NOT NULL AND n.dead IS NULL AND n.seq = ANY (_new) ORDER BY n.nth
            LOOP
                PERFORM __.supersede(_row.seq, _now);
            END LOOP;
        END IF;
        -- It is at the head if nothing older of its key is pending.
        INSERT INTO __.ready (queue, due_at, seq, expires_at, order_key, authority)
        SELECT n.queue, __.after(_now, n.delay), n.seq, __.after(_now, n.expires_in), n.order_key, n.authority
        FROM unnest(_seqs, e_queue, e_delay, e_expires_in, e_authority, e_order_key, e_dead)
            AS n (seq, queue, delay, expires_in, authority, order_key, dead)
        WHERE n.order_key IS NOT NULL AND n.dead IS NULL AND (cardinality(_new) = _many OR n.seq = ANY (_new))
            AND n.seq = (SELECT seq FROM __.entry
                WHERE order_key = n.order_key AND queue = n.queue AND state = 0 ORDER BY seq LIMIT 1)
        ON CONFLICT DO NOTHING;
    END IF;

    IF p_guest IS NOT NULL THEN
        PERFORM pg_notify(p_guest, '3');
    END IF;

    IF cardinality(_new) = _many THEN
        RETURN;
    END IF;
    FOR _row IN SELECT * FROM unnest(_seqs, e_id, e_queue, e_dedup_key) WITH ORDINALITY
        AS n (seq, id, queue, dedup_key, nth) ORDER BY n.nth
    LOOP
        id := _row.id;
        stored := _row.seq = ANY (_new);
        IF NOT stored AND NOT EXISTS (SELECT FROM __.entry e WHERE e.id = _row.id) THEN
            SELECT e.id INTO id FROM __.entry e WHERE e.queue = _row.queue AND e.dedup_key = _row.dedup_key;
            IF NOT FOUND THEN
                -- The one that it was a duplicate of is gone since.
                RAISE SQLSTATE '40001' USING MESSAGE = 'a duplicate was deleted meanwhile';
            END IF;
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;

-- When the transaction of a guest is committed, its entries take the place in the order that they have from then on:
-- behind whatever was stored since they were.
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
