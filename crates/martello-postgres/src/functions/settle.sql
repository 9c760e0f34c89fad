-- Applies the settlements whose leases are still held. `settled` has a number for each: 1 if it is the last
-- that was applied to its entry, 2 if it was so until this call, 0 otherwise. `applied` has the positions in
-- `p_settlements` of those that this call applied. The caller has locked the keys, and gives the settlements
-- in the order of their slots, in which this locks the slots.
CREATE FUNCTION __.settle(
    p_now bigint, p_settlements __.settlement_input[], OUT settled smallint[], OUT applied bigint[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    _before uuid[];
BEGIN
    WITH free AS (
        UPDATE __.slot s SET seq = NULL, fence = NULL, until = NULL, since = NULL, worker = NULL
        FROM unnest(p_settlements) WITH ORDINALITY AS g JOIN __.entry e ON e.seq = g.seq AND e.id = g.id
        WHERE s.id = g.slot AND s.seq = g.seq AND s.fence = g.fence
        RETURNING g.seq, g.fence, g.state, g.reason, g.wait, g.tries, g.attempt, g.ordinality AS nth, e.settled AS before
    ), freed AS (
        UPDATE __.entry e SET state = f.state, changed_at = p_now, settled = f.fence, untouched = false,
            reason = coalesce(f.reason, e.reason),
            due_at = CASE WHEN f.wait IS NULL THEN e.due_at ELSE __.after(p_now, f.wait) END,
            attempts = e.attempts + (f.tries IS NOT NULL)::integer, tries = e.tries + coalesce(f.tries, 0),
            last_outcome = coalesce((f.attempt).outcome, e.last_outcome),
            last_status = CASE WHEN (f.attempt).outcome IS NULL THEN e.last_status ELSE (f.attempt).status END,
            last_tracking_id = CASE WHEN (f.attempt).outcome IS NULL THEN e.last_tracking_id
                ELSE (f.attempt).tracking_id END
        FROM free f WHERE e.seq = f.seq
        RETURNING e.seq, e.queue, e.order_key, e.authority, e.due_at, e.expires_at, e.attempts, e.state, f.reason,
            f.attempt, f.nth, f.before
    ), attempts AS (
        INSERT INTO __.attempt
        SELECT seq, attempts, (attempt).revision, (attempt).started_at, (attempt).duration, (attempt).outcome,
            (attempt).status, (attempt).tracking_id, (attempt).fault, (attempt).worker
        FROM freed WHERE (attempt).outcome IS NOT NULL
    ), deaths AS (
        INSERT INTO __.event (entry, at, kind, detail) SELECT seq, p_now, 'died', reason FROM freed WHERE state = 3
    ), counted AS (
        INSERT INTO __.tally (queue, pending, done, dead)
        SELECT queue, -count(*) FILTER (WHERE state <> 0), count(*) FILTER (WHERE state = 2),
            count(*) FILTER (WHERE state = 3)
        FROM freed GROUP BY queue
    ), key_heads AS (
        -- The oldest pending entry of the key, of which no other is leased: this one, or one that waits.
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
    IF cardinality(applied) = cardinality(p_settlements) THEN
        settled := array_fill(1::smallint, ARRAY[cardinality(p_settlements)]);
        RETURN;
    END IF;
    -- A worker that did not receive the answer asks again.
    settled := ARRAY(
        SELECT CASE WHEN e.settled = g.fence THEN 1
            WHEN e.id = g.id AND g.fence IN (SELECT b.fence FROM unnest(applied, _before) AS b (nth, fence)
                WHERE (p_settlements[b.nth]).seq = g.seq) THEN 2
            ELSE 0 END::smallint
        FROM unnest(p_settlements) WITH ORDINALITY AS g
        LEFT JOIN __.entry e ON e.seq = g.seq AND e.id = g.id ORDER BY g.ordinality
    );
END $$;

-- Marks older dead letters of the keys of these entries as overtaken with this certainty. The caller has
-- locked the keys.
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

-- Returns when the leases in the slots of these settlements were claimed; NULL if none of the settlements can
-- change a hold.
CREATE FUNCTION __.claimed_at(p_settlements __.settlement_input[]) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    _answered boolean[] := ARRAY(SELECT answered FROM unnest(p_settlements));
BEGIN
    -- An answer changes nothing where there are no holds.
    IF false = ANY (_answered) OR true = ANY (_answered) AND EXISTS (SELECT FROM __.hold) THEN
        RETURN ARRAY(SELECT s.since FROM unnest(p_settlements) WITH ORDINALITY AS g
            LEFT JOIN __.slot s ON s.id = g.slot ORDER BY g.ordinality);
    END IF;
    RETURN NULL;
END $$;

-- Changes the holds of authorities by the settlements that were applied, in the order in which the caller
-- gave them. A hold ends if the API answered; it is made or prolonged if the API did not. Ignored are
-- settlements of entries that were claimed before the hold was over, and those whose claim knew another
-- number of holds in a row.
CREATE FUNCTION __.change_holds(
    p_now bigint, p_applied bigint[], p_settlements __.settlement_input[], p_since bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    _one record;
    _until bigint;
    _queues text[] := '{}';
    _made text[] := '{}';
BEGIN
    FOR _one IN
        SELECT e.queue, e.authority, s.since, s.answered, s.hold_after AS after, s.hold_wait AS wait, s.hold_why AS why
        FROM unnest(p_since, p_settlements) WITH ORDINALITY AS s (since) JOIN __.entry e ON e.seq = s.seq
        WHERE s.ordinality = ANY (p_applied) AND s.answered IS NOT NULL ORDER BY e.queue, e.authority, s.position
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
    -- Last, because this locks holds in another order.
    PERFORM __.forget_holds(p_now, queue, array_agg(authority))
    FROM unnest(_queues, _made) AS m (queue, authority) GROUP BY queue;
END $$;

-- Deletes the holds beyond the limit of a queue, except new ones: first those that are over, with the fewest
-- in a row first; then those that end first.
CREATE FUNCTION __.forget_holds(p_now bigint, p_queue text, p_made text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    _most CONSTANT integer := 1000;
BEGIN
    -- A locked hold is being changed, and stays.
    DELETE FROM __.hold WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM __.hold WHERE queue = p_queue AND authority <> ALL (p_made)
        ORDER BY until > p_now, CASE WHEN until <= p_now THEN in_row END, until, authority
        LIMIT greatest(0, (SELECT count(*) FROM __.hold WHERE queue = p_queue) - _most) FOR UPDATE SKIP LOCKED
    ));
END $$;
