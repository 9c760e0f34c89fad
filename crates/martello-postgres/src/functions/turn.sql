-- One turn of a worker. Rows of kind 1 are claimed entries, of kind 2 entries that died. One row of kind 0
-- has the results of the settlements, the number of lost leases, and the wait until the next turn.
CREATE FUNCTION __.turn(
    p_now bigint, p_queue text, p_worker text, p_claim bigint, p_cap bigint, p_lease bigint, p_outcome text,
    p_fault text, p_settlements json
) RETURNS TABLE (
    kind smallint, settled smallint[], lost integer, next bigint, slot integer, fence uuid, until bigint,
    holds bigint, headers text, sealed boolean, body bytea,
    seq bigint, id uuid, queue text, state smallint, reason text, revision integer, order_key text, dedup_key text,
    repeatable boolean, attempts integer, tries integer, max_attempts bigint, created_at bigint, due_at bigint,
    expires_at bigint, changed_at bigint, last_outcome text, last_status smallint, last_tracking_id text,
    kept boolean, job uuid, superseded_by uuid, overtaken smallint, method text, url text
) LANGUAGE plpgsql
SET lock_timeout = '30s'
SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    _now bigint := __.begin_write(p_now);
    _settlements __.settlement_input[] :=
        ARRAY(SELECT n FROM json_populate_recordset(NULL::__.settlement_input, p_settlements) AS n);
    _settled smallint[] := '{}';
    _applied bigint[];
    _since bigint[];
    _lost bigint[] := '{}';
    _died bigint[] := '{}';
    _expired bigint[];
    _more boolean := false;
    _arriving boolean := false;
    _next bigint;
    _expiring boolean;
    _stripes integer[];
    _rows bigint := 0;
    _slots integer[];
    _beyond bigint;
    _paused boolean;
    _holds boolean;
    _probes text[] := '{}';
    _picked tid[];
BEGIN
    SELECT coalesce(min(until) <= _now, false)
        OR EXISTS (SELECT FROM __.entry WHERE queue = p_queue AND state = 0 AND expires_at <= _now)
        OR EXISTS (SELECT FROM __.arriving WHERE queue = p_queue),
        count(seq) FILTER (WHERE number > p_cap)
    INTO _expiring, _beyond FROM __.slot WHERE queue = p_queue;
    IF cardinality(_settlements) > 0 THEN
        _stripes := ARRAY(SELECT __.stripe(order_key) FROM __.entry
            WHERE seq = ANY (ARRAY(SELECT seq FROM unnest(_settlements))) AND order_key IS NOT NULL);
    END IF;
    IF _expiring THEN
        _stripes := _stripes || ARRAY(
            SELECT __.stripe(e.order_key) FROM __.slot s JOIN __.entry e ON e.seq = s.seq
            WHERE s.queue = p_queue AND s.until <= _now
        ) || ARRAY(
            SELECT __.stripe(order_key) FROM __.entry
            WHERE queue = p_queue AND state = 0 AND expires_at <= _now ORDER BY expires_at, seq LIMIT 1000
        ) || ARRAY(
            SELECT __.stripe(e.order_key) FROM __.arriving a JOIN __.entry e ON e.seq = a.seq
            WHERE a.queue = p_queue ORDER BY a.seq LIMIT 1000
        );
    END IF;
    IF cardinality(_stripes) > 0 THEN
        PERFORM __.lock_stripes(_stripes);
    END IF;

    IF cardinality(_settlements) > 0 THEN
        _since := __.claimed_at(_settlements);
        SELECT s.settled, s.applied INTO _settled, _applied FROM __.settle(_now, _settlements) s;
    END IF;
    IF _expiring THEN
        SELECT r.lost, r.died INTO _lost, _died
        FROM __.reap(_now, p_queue, _stripes, p_outcome, p_fault) r;
    END IF;
    -- A lost entry may have been processed. Entries without a key overtake none.
    IF cardinality(_stripes) > 0 AND (cardinality(_applied) > 0 OR cardinality(_lost) > 0) THEN
        PERFORM __.mark_overtaken(
            ARRAY(SELECT (_settlements[nth]).seq FROM unnest(_applied) AS nth) || _lost,
            ARRAY(SELECT (_settlements[nth]).overtakes FROM unnest(_applied) AS nth) || array_fill(1::smallint, ARRAY[cardinality(_lost)])
        );
    END IF;
    IF _expiring THEN
        _arriving := __.take_in(_now, p_queue, _stripes);
        SELECT x.died, x.more INTO _expired, _more FROM __.expire(_now, p_queue, _stripes) x;
        _died := _died || _expired;
    END IF;

    IF _since IS NOT NULL THEN
        PERFORM __.change_holds(_now, _applied, _settlements, _since);
    END IF;

    SELECT EXISTS (SELECT FROM __.queue WHERE name = p_queue AND paused IS NOT NULL),
        EXISTS (SELECT FROM __.hold WHERE queue = p_queue)
    INTO _paused, _holds;
    -- An entry that has no place yet may supersede what would be claimed.
    IF p_claim > 0 AND NOT _paused AND NOT _arriving THEN
        _slots := __.free_slots(p_queue, p_claim, p_cap, _beyond);
        IF cardinality(_slots) < p_claim AND __.add_slots(p_queue, p_claim, p_cap) THEN
            _slots := __.free_slots(p_queue, p_claim, p_cap, _beyond);
        END IF;
    END IF;

    IF cardinality(_slots) > 0 THEN
        IF _holds THEN
            _probes := __.lock_probes(_now, p_queue, cardinality(_slots), p_cap);
            _picked := __.pick(_now, p_queue, cardinality(_slots), _probes);
        ELSE
            _picked := ARRAY(
                SELECT ctid FROM __.ready WHERE queue = p_queue AND due_at <= _now AND expires_at > _now
                ORDER BY due_at, seq LIMIT cardinality(_slots) FOR UPDATE SKIP LOCKED
            );
        END IF;
        RETURN QUERY WITH taken AS (
            DELETE FROM __.ready WHERE ctid = ANY (_picked) RETURNING seq
        ), numbered AS (
            SELECT seq, _slots[row_number() OVER ()] AS slot FROM taken
        ), leased AS (
            UPDATE __.slot s SET seq = n.seq, fence = gen_random_uuid(), until = __.after(_now, p_lease), since = _now,
                worker = p_worker
            FROM numbered n WHERE s.id = n.slot RETURNING s.id, s.seq, s.fence, s.until
        )
        SELECT 1::smallint, NULL::smallint[], NULL::integer, NULL::bigint, l.id, l.fence, l.until,
            CASE WHEN e.authority = ANY (_probes)
                THEN (SELECT in_row FROM __.hold h WHERE h.queue = p_queue AND h.authority = e.authority) ELSE 0 END,
            r.headers, r.sealed, r.body,
            e.seq, e.id, e.queue, 1::smallint, e.reason, e.revision, e.order_key, e.dedup_key, e.repeatable,
            e.attempts + 1, e.tries + 1, e.max_attempts, e.created_at, e.due_at, e.expires_at, _now, e.last_outcome,
            e.last_status, e.last_tracking_id, e.kept, e.job, e.superseded_by, e.overtaken, r.method, r.url
        FROM leased l JOIN __.entry e ON e.seq = l.seq JOIN __.request r ON r.entry = e.seq AND r.number = e.revision
        ORDER BY e.due_at, e.seq;
        GET DIAGNOSTICS _rows = ROW_COUNT;
    END IF;

    IF cardinality(_died) > 0 THEN
        RETURN QUERY SELECT 2::smallint, NULL::smallint[], NULL::integer, NULL::bigint, NULL::integer, NULL::uuid,
            NULL::bigint, NULL::bigint, NULL::text, NULL::boolean, NULL::bytea, o.*
        FROM unnest(_died) WITH ORDINALITY AS d (seq, nth) JOIN __.overview o ON o.seq = d.seq ORDER BY d.nth;
    END IF;

    IF _more OR _arriving OR _rows = p_claim THEN
        _next := 0;
    ELSE
        SELECT least(min(until),
            (SELECT expires_at FROM __.entry WHERE queue = p_queue AND state = 0
                AND seq <> ALL (coalesce(array_agg(s.seq) FILTER (WHERE s.seq IS NOT NULL), '{}'))
                ORDER BY expires_at LIMIT 1),
            CASE WHEN _paused OR count(s.seq) >= p_cap THEN NULL WHEN _holds THEN __.next_start(_now, p_queue, p_cap)
            ELSE (SELECT due_at FROM __.ready WHERE queue = p_queue ORDER BY due_at LIMIT 1) END) - _now
        INTO _next FROM __.slot s WHERE s.queue = p_queue;
        _next := CASE WHEN _next < 0 THEN 0 ELSE _next END;
    END IF;
    IF random() < 0.01 THEN
        PERFORM __.add_up();
    END IF;
    kind := 0;
    settled := _settled;
    lost := cardinality(_lost);
    next := _next;
    RETURN NEXT;
END $$;

-- Prolongs these leases to `p_lease` from now, and returns for each whether it is still held. Its parameters
-- stay those of version 1, so that a program of an older version renews its leases after an upgrade until its
-- deliveries end.
CREATE FUNCTION __.heartbeat(
    p_now bigint, p_lease bigint, s_slot integer[], s_seq bigint[], s_fence uuid[], s_id uuid[]
) RETURNS boolean[] LANGUAGE plpgsql
SET lock_timeout = '30s'
SET jit = off SET enable_seqscan = off AS $$
DECLARE
    _now bigint := __.begin_write(p_now);
    _held integer[];
BEGIN
    _held := ARRAY(
        SELECT s.id FROM unnest(s_slot, s_seq, s_fence, s_id) AS g (slot, seq, fence, id)
        JOIN __.slot s ON s.id = g.slot JOIN __.entry e ON e.seq = g.seq
        WHERE s.seq = g.seq AND s.fence = g.fence AND e.id = g.id ORDER BY s.id FOR UPDATE OF s
    );
    UPDATE __.slot SET until = __.after(_now, p_lease) WHERE id = ANY (_held);
    RETURN ARRAY(
        SELECT coalesce(s.fence = g.fence AND s.seq = g.seq AND e.id = g.id, false)
        FROM unnest(s_slot, s_seq, s_fence, s_id) WITH ORDINALITY AS g (slot, seq, fence, id, nth)
        LEFT JOIN __.slot s ON s.id = g.slot LEFT JOIN __.entry e ON e.seq = g.seq ORDER BY g.nth
    );
END $$;
