-- Applies what came of claims, where they still hold. Tells for each 1 if it is the last that was applied to its entry, 2 if
-- it was until this call, and else 0. The keys are locked, and the settlements come in the order of their slots, so that
-- these are locked in it.
CREATE FUNCTION __.settle(
    p_now bigint,
    s_slot integer[], s_seq bigint[], s_fence uuid[], s_id uuid[], s_state smallint[], s_reason text[],
    s_wait bigint[], s_tries integer[], s_attempted boolean[], s_revision integer[], s_started_at bigint[],
    s_duration bigint[], s_outcome text[], s_status smallint[], s_tracking_id text[], s_fault text[], s_worker text[]
) RETURNS smallint[] LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    _freed bigint[];
    _before uuid[];
BEGIN
    WITH free AS (
        UPDATE __.slot s SET seq = NULL, fence = NULL, until = NULL, since = NULL, worker = NULL
        FROM unnest(s_slot, s_seq, s_fence, s_id, s_state, s_wait, s_tries) WITH ORDINALITY
            AS g (slot, seq, fence, id, state, wait, tries, nth)
        JOIN __.entry e ON e.seq = g.seq AND e.id = g.id
        WHERE s.id = g.slot AND s.seq = g.seq AND s.fence = g.fence
        RETURNING g.*, e.settled AS before
    ), freed AS (
        UPDATE __.entry e SET state = f.state, changed_at = p_now, settled = f.fence, untouched = false,
            reason = coalesce(s_reason[f.nth], e.reason),
            due_at = CASE WHEN f.wait IS NULL THEN e.due_at ELSE __.after(p_now, f.wait) END,
            attempts = e.attempts + (f.tries IS NOT NULL)::integer, tries = e.tries + coalesce(f.tries, 0),
            last_outcome = CASE WHEN s_attempted[f.nth] THEN s_outcome[f.nth] ELSE e.last_outcome END,
            last_status = CASE WHEN s_attempted[f.nth] THEN s_status[f.nth] ELSE e.last_status END,
            last_tracking_id = CASE WHEN s_attempted[f.nth] THEN s_tracking_id[f.nth] ELSE e.last_tracking_id END
        FROM free f WHERE e.seq = f.seq
        RETURNING e.seq, e.queue, e.order_key, e.due_at, e.expires_at, e.attempts, e.state, f.nth, f.before
    ), attempts AS (
        INSERT INTO __.attempt
        SELECT seq, attempts, s_revision[nth], s_started_at[nth], s_duration[nth], s_outcome[nth],
            s_status[nth], s_tracking_id[nth], s_fault[nth], s_worker[nth]
        FROM freed WHERE s_attempted[nth]
    ), deaths AS (
        INSERT INTO __.event (entry, at, kind, detail)
        SELECT seq, p_now, 'died', s_reason[nth] FROM freed WHERE state = 3
    ), counted AS (
        INSERT INTO __.tally (queue, pending, done, dead)
        SELECT queue, -count(*) FILTER (WHERE state <> 0), count(*) FILTER (WHERE state = 2),
            count(*) FILTER (WHERE state = 3)
        FROM freed GROUP BY queue
    ), heads AS (
        -- The oldest that is pending of its key, which has no other that is leased: this one, or one that waits.
        INSERT INTO __.ready (queue, due_at, seq, expires_at, order_key)
        SELECT f.queue, head.due_at, head.seq, head.expires_at, f.order_key
        FROM freed f CROSS JOIN LATERAL (
            SELECT f.due_at, f.seq, f.expires_at WHERE f.state = 0
            UNION ALL (
                SELECT due_at, seq, expires_at FROM __.entry
                WHERE order_key = f.order_key AND queue = f.queue AND state = 0 AND seq <> f.seq
                ORDER BY seq LIMIT 1
            )
            ORDER BY seq LIMIT 1
        ) AS head
    )
    SELECT array_agg(seq), array_agg(before) INTO _freed, _before FROM freed;
    IF cardinality(_freed) = cardinality(s_seq) THEN
        RETURN array_fill(1::smallint, ARRAY[cardinality(s_seq)]);
    END IF;
    -- A worker that did not hear of it asks again.
    RETURN ARRAY(
        SELECT CASE WHEN e.settled = g.fence THEN 1
            WHEN _before[array_position(_freed, g.seq)] = g.fence AND e.id = g.id THEN 2 ELSE 0 END::smallint
        FROM unnest(s_seq, s_fence, s_id) WITH ORDINALITY AS g (seq, fence, id, nth)
        LEFT JOIN __.entry e ON e.seq = g.seq AND e.id = g.id ORDER BY g.nth
    );
END $$;

-- Takes the leases that have run out from their workers, and yields what died of it and how many there were.
CREATE FUNCTION __.reap(
    p_now bigint, p_queue text, p_stripes integer[], p_outcome text, p_fault text, OUT lost integer, OUT died bigint[]
) LANGUAGE plpgsql AS $$
DECLARE
    _row record;
    _reason text;
BEGIN
    lost := 0;
    died := '{}';
    FOR _row IN SELECT s.id AS slot, s.since, s.worker, e.* FROM __.slot s JOIN __.entry e ON e.seq = s.seq
        WHERE s.queue = p_queue AND s.until <= p_now
            AND (e.order_key IS NULL OR __.stripe(e.order_key) = ANY (p_stripes))
        ORDER BY e.seq FOR UPDATE OF s SKIP LOCKED
    LOOP
        lost := lost + 1;
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

-- Gives up to 1,000 entries their place in their key that came in transactions of somebody else's, and tells whether there
-- may be more.
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

-- Locks as many free slots as are wanted and the cap leaves.
CREATE FUNCTION __.free_slots(p_queue text, p_many bigint, p_cap bigint, p_beyond bigint) RETURNS integer[]
LANGUAGE plpgsql AS $$
BEGIN
    IF p_beyond = 0 THEN
        -- None is leased that is beyond the cap, so there are only as many as it allows.
        RETURN ARRAY(
            SELECT id FROM __.slot WHERE queue = p_queue AND number <= p_cap AND seq IS NULL
            ORDER BY number LIMIT p_many FOR UPDATE SKIP LOCKED
        );
    END IF;
    -- The cap was higher before, or is for others. Of the first that are free, as many as it leaves: whoever counts an
    -- older state may lock no other than those, so that together they never go beyond it.
    RETURN ARRAY(
        SELECT id FROM __.slot WHERE seq IS NULL AND id IN (
            SELECT id FROM __.slot WHERE queue = p_queue AND seq IS NULL ORDER BY number
            LIMIT greatest(0, p_cap - (SELECT count(seq) FROM __.slot WHERE queue = p_queue))
        ) ORDER BY number LIMIT p_many FOR UPDATE SKIP LOCKED
    );
END $$;

-- Makes slots, some more than are wanted, where the cap allows more than there are; and tells whether it did.
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

-- One turn of a worker. The first row is of kind 0, and tells what was done; then come what was claimed, of kind 1, and
-- what died, of kind 2.
CREATE FUNCTION __.turn(
    p_now bigint, p_queue text, p_worker text, p_claim bigint, p_cap bigint, p_lease bigint, p_outcome text,
    p_fault text,
    s_slot integer[], s_seq bigint[], s_fence uuid[], s_id uuid[], s_state smallint[], s_reason text[],
    s_wait bigint[], s_tries integer[], s_attempted boolean[], s_revision integer[], s_started_at bigint[],
    s_duration bigint[], s_outcome text[], s_status smallint[], s_tracking_id text[], s_fault text[], s_worker text[]
) RETURNS TABLE (
    kind smallint, settled smallint[], lost integer, next bigint, slot integer, fence uuid, until bigint,
    headers text, sealed boolean, body bytea,
    seq bigint, id uuid, queue text, state smallint, reason text, revision integer, order_key text, dedup_key text,
    repeatable boolean, attempts integer, tries integer, max_attempts bigint, created_at bigint, due_at bigint,
    expires_at bigint, changed_at bigint, last_outcome text, last_status smallint, last_tracking_id text,
    kept boolean, job uuid, superseded_by uuid, method text, url text
) LANGUAGE plpgsql
SET lock_timeout = '30s'
SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    _now bigint := __.moment(p_now);
    _settled smallint[] := '{}';
    _lost integer := 0;
    _died bigint[] := '{}';
    _expired bigint[];
    _more boolean := false;
    _arriving boolean := false;
    _next bigint;
    _lapsing boolean;
    _stripes integer[];
    _rows bigint := 0;
    _slots integer[];
    _beyond bigint;
    _paused boolean;
    _held_until bigint;
BEGIN
    SELECT coalesce(min(until) <= _now, false)
        OR EXISTS (SELECT FROM __.entry WHERE queue = p_queue AND state = 0 AND expires_at <= _now)
        OR EXISTS (SELECT FROM __.arriving WHERE queue = p_queue),
        count(seq) FILTER (WHERE number > p_cap)
    INTO _lapsing, _beyond FROM __.slot WHERE queue = p_queue;
    IF cardinality(s_seq) > 0 THEN
        _stripes := ARRAY(SELECT __.stripe(order_key) FROM __.entry
            WHERE seq = ANY (s_seq) AND order_key IS NOT NULL);
    END IF;
    IF _lapsing THEN
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

    IF cardinality(s_seq) > 0 THEN
        _settled := __.settle(_now, s_slot, s_seq, s_fence, s_id, s_state, s_reason, s_wait, s_tries, s_attempted,
            s_revision, s_started_at, s_duration, s_outcome, s_status, s_tracking_id, s_fault, s_worker);
    END IF;
    IF _lapsing THEN
        SELECT r.lost, r.died INTO _lost, _died
        FROM __.reap(_now, p_queue, _stripes, p_outcome, p_fault) r;
        _arriving := __.take_in(_now, p_queue, _stripes);
        SELECT x.died, x.more INTO _expired, _more FROM __.expire(_now, p_queue, _stripes) x;
        _died := _died || _expired;
    END IF;

    SELECT q.paused IS NOT NULL, q.held_until INTO _paused, _held_until FROM __.queue q WHERE name = p_queue;
    _paused := coalesce(_paused, false);
    _held_until := CASE WHEN _held_until > _now THEN _held_until END;
    -- One that has yet to take its place may call off what would be claimed.
    IF p_claim > 0 AND NOT _paused AND _held_until IS NULL AND NOT _arriving THEN
        _slots := __.free_slots(p_queue, p_claim, p_cap, _beyond);
        IF cardinality(_slots) < p_claim AND __.add_slots(p_queue, p_claim, p_cap) THEN
            _slots := __.free_slots(p_queue, p_claim, p_cap, _beyond);
        END IF;
    END IF;

    IF cardinality(_slots) > 0 THEN
        RETURN QUERY WITH taken AS (
            DELETE FROM __.ready WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM __.ready WHERE queue = p_queue AND due_at <= _now AND expires_at > _now
                ORDER BY due_at, seq LIMIT cardinality(_slots) FOR UPDATE SKIP LOCKED
            )) RETURNING seq
        ), numbered AS (
            SELECT seq, _slots[row_number() OVER ()] AS slot FROM taken
        ), leased AS (
            UPDATE __.slot s SET seq = n.seq, fence = gen_random_uuid(), until = __.after(_now, p_lease), since = _now,
                worker = p_worker
            FROM numbered n WHERE s.id = n.slot RETURNING s.id, s.seq, s.fence, s.until
        )
        SELECT 1::smallint, NULL::smallint[], NULL::integer, NULL::bigint, l.id, l.fence, l.until,
            r.headers, r.sealed, r.body,
            e.seq, e.id, e.queue, 1::smallint, e.reason, e.revision, e.order_key, e.dedup_key, e.repeatable,
            e.attempts + 1, e.tries + 1, e.max_attempts, e.created_at, e.due_at, e.expires_at, _now, e.last_outcome,
            e.last_status, e.last_tracking_id, e.kept, e.job, e.superseded_by, r.method, r.url
        FROM leased l JOIN __.entry e ON e.seq = l.seq JOIN __.request r ON r.entry = e.seq AND r.number = e.revision
        ORDER BY e.due_at, e.seq;
        GET DIAGNOSTICS _rows = ROW_COUNT;
    END IF;

    IF cardinality(_died) > 0 THEN
        RETURN QUERY SELECT 2::smallint, NULL::smallint[], NULL::integer, NULL::bigint, NULL::integer, NULL::uuid,
            NULL::bigint, NULL::text, NULL::boolean, NULL::bytea, g.*
        FROM unnest(_died) WITH ORDINALITY AS d (seq, nth) JOIN __.glance g ON g.seq = d.seq ORDER BY d.nth;
    END IF;

    IF _more OR _arriving OR _rows = p_claim THEN
        _next := 0;
    ELSE
        SELECT least(min(until),
            (SELECT expires_at FROM __.entry WHERE queue = p_queue AND state = 0
                AND seq <> ALL (coalesce(array_agg(s.seq) FILTER (WHERE s.seq IS NOT NULL), '{}'))
                ORDER BY expires_at LIMIT 1),
            CASE WHEN _paused OR count(s.seq) >= p_cap THEN NULL WHEN _held_until IS NOT NULL THEN _held_until
            ELSE (SELECT due_at FROM __.ready WHERE queue = p_queue ORDER BY due_at LIMIT 1) END) - _now
        INTO _next FROM __.slot s WHERE s.queue = p_queue;
        _next := CASE WHEN _next < 0 THEN 0 ELSE _next END;
    END IF;
    IF random() < 0.01 THEN
        PERFORM __.add_up();
    END IF;
    kind := 0;
    settled := _settled;
    lost := _lost;
    next := _next;
    RETURN NEXT;
END $$;

-- Makes leases last for so long from now, and tells for each whether it is held.
CREATE FUNCTION __.heartbeat(
    p_now bigint, p_lease bigint, s_slot integer[], s_seq bigint[], s_fence uuid[], s_id uuid[]
) RETURNS boolean[] LANGUAGE plpgsql
SET lock_timeout = '30s'
SET jit = off SET enable_seqscan = off AS $$
DECLARE
    _now bigint := __.moment(p_now);
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
