-- Applies what came of claims, where they still hold. `settled` tells for each 1 if it is the last that was applied to its
-- entry, 2 if it was until this call, and else 0; and `applied` which were by this call. The keys are locked, and the
-- settlements come in the order of their slots, so that these are locked in it.
CREATE FUNCTION __.settle(
    p_now bigint,
    s_slot integer[], s_seq bigint[], s_fence uuid[], s_id uuid[], s_state smallint[], s_reason text[],
    s_wait bigint[], s_tries integer[], s_attempted boolean[], s_revision integer[], s_started_at bigint[],
    s_duration bigint[], s_outcome text[], s_status smallint[], s_tracking_id text[], s_fault text[], s_worker text[],
    OUT settled smallint[], OUT applied bigint[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
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
        RETURNING e.seq, e.queue, e.order_key, e.authority, e.due_at, e.expires_at, e.attempts, e.state, f.nth, f.before
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
        INSERT INTO __.ready (queue, due_at, seq, expires_at, order_key, authority)
        SELECT f.queue, head.due_at, head.seq, head.expires_at, f.order_key, head.authority
        FROM freed f CROSS JOIN LATERAL (
            SELECT f.due_at, f.seq, f.expires_at, f.authority WHERE f.state = 0
            UNION ALL (
                SELECT due_at, seq, expires_at, authority FROM __.entry
                WHERE order_key = f.order_key AND queue = f.queue AND state = 0 AND seq <> f.seq
                ORDER BY seq LIMIT 1
            )
            ORDER BY seq LIMIT 1
        ) AS head
    )
    SELECT coalesce(array_agg(nth), '{}'), array_agg(before) INTO applied, _before FROM freed;
    IF cardinality(applied) = cardinality(s_seq) THEN
        settled := array_fill(1::smallint, ARRAY[cardinality(s_seq)]);
        RETURN;
    END IF;
    -- A worker that did not hear of it asks again.
    settled := ARRAY(
        SELECT CASE WHEN e.settled = g.fence THEN 1
            WHEN e.id = g.id AND g.fence IN (SELECT b.fence FROM unnest(applied, _before) AS b (nth, fence)
                WHERE s_seq[b.nth] = g.seq) THEN 2
            ELSE 0 END::smallint
        FROM unnest(s_seq, s_fence, s_id) WITH ORDINALITY AS g (seq, fence, id, nth)
        LEFT JOIN __.entry e ON e.seq = g.seq AND e.id = g.id ORDER BY g.nth
    );
END $$;

-- Marks those dead letters as overtaken, so surely, that are older than these entries, of their keys. These are locked.
CREATE FUNCTION __.mark_overtaken(p_seqs bigint[], p_overtakes smallint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE __.entry e SET overtaken = marked.overtaken FROM (
        SELECT seq, max(overtakes) AS overtaken FROM (
            SELECT d.seq, n.overtakes FROM unnest(p_seqs, p_overtakes) AS n (seq, overtakes)
            JOIN __.entry o ON o.seq = n.seq
            JOIN __.entry d ON d.order_key = o.order_key AND d.queue = o.queue AND d.state = 3 AND d.seq < o.seq
            WHERE coalesce(d.overtaken, 0) < n.overtakes
            ORDER BY d.seq FOR UPDATE OF d
        ) AS locked GROUP BY seq
    ) AS marked WHERE e.seq = marked.seq;
END $$;

-- When those were claimed whose leases are in these slots, if a settlement of them may change a hold. What is settled is the
-- lease that is there.
CREATE FUNCTION __.claimed_at(s_slot integer[], s_answered boolean[]) RETURNS bigint[] LANGUAGE plpgsql AS $$
BEGIN
    -- Where there are no holds, none ends.
    IF false = ANY (s_answered) OR true = ANY (s_answered) AND EXISTS (SELECT FROM __.hold) THEN
        RETURN ARRAY(SELECT s.since FROM unnest(s_slot) WITH ORDINALITY AS g (slot, nth)
            LEFT JOIN __.slot s ON s.id = g.slot ORDER BY g.nth);
    END IF;
    RETURN NULL;
END $$;

-- Does to the holds of their authorities what these settlements say, in the order in which they were given: it ends where the
-- API has answered, and is made, or prolonged, where it has not. What was claimed before the hold was over says nothing, nor
-- that it is down after another number of holds in a row.
CREATE FUNCTION __.change_holds(
    p_now bigint, p_applied bigint[], s_seq bigint[], s_since bigint[], s_place integer[], s_answered boolean[],
    s_hold_after bigint[], s_hold_wait bigint[], s_hold_why text[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    _one record;
    _until bigint;
    _queues text[] := '{}';
    _made text[] := '{}';
BEGIN
    FOR _one IN
        SELECT e.queue, e.authority, s_since[nth] AS since, s_answered[nth] AS answered,
            s_hold_after[nth] AS after, s_hold_wait[nth] AS wait, s_hold_why[nth] AS why
        FROM unnest(p_applied) AS nth JOIN __.entry e ON e.seq = s_seq[nth]
        WHERE s_answered[nth] IS NOT NULL ORDER BY e.queue, e.authority, s_place[nth]
    LOOP
        IF _one.answered THEN
            DELETE FROM __.hold WHERE queue = _one.queue AND authority = _one.authority AND until <= _one.since;
            CONTINUE;
        END IF;
        _until := __.after(p_now, _one.wait);
        IF _one.after = 0 THEN
            INSERT INTO __.hold (queue, authority, until, why, in_row)
            VALUES (_one.queue, _one.authority, _until, _one.why, 1) ON CONFLICT DO NOTHING;
        ELSE
            UPDATE __.hold SET until = _until, why = _one.why, in_row = in_row + 1
            WHERE queue = _one.queue AND authority = _one.authority AND until <= _one.since AND in_row = _one.after;
        END IF;
        IF FOUND THEN
            _queues := _queues || _one.queue;
            _made := _made || _one.authority;
        END IF;
    END LOOP;
    -- Last, because it locks them in another order.
    PERFORM __.forget_holds(p_now, queue, array_agg(authority))
    FROM unnest(_queues, _made) AS m (queue, authority) GROUP BY queue;
END $$;

-- Forgets what a queue has too many of, but not what was just made: of those that are over, the ones with the fewest in a row,
-- and then those that are over first.
CREATE FUNCTION __.forget_holds(p_now bigint, p_queue text, p_made text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    _most CONSTANT integer := 1000;
BEGIN
    -- Whoever has one locked changes it.
    DELETE FROM __.hold WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM __.hold WHERE queue = p_queue AND authority <> ALL (p_made)
        ORDER BY until > p_now, CASE WHEN until <= p_now THEN in_row END, until, authority
        LIMIT greatest(0, (SELECT count(*) FROM __.hold WHERE queue = p_queue) - _most) FOR UPDATE SKIP LOCKED
    ));
END $$;
