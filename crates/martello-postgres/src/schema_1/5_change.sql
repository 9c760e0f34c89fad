-- Changes one entry by hand. It fails with MT001 if there is none, and with MT002 and the state as its detail if that does
-- not allow it, and with MT003 and the last revision as its detail if `p_on` names another.
CREATE FUNCTION __.change(
    p_now bigint, p_id uuid, p_change text, p_method text, p_url text, p_headers text, p_sealed boolean, p_body bytea,
    p_host text, p_on bigint DEFAULT NULL
) RETURNS SETOF __.glance LANGUAGE plpgsql
SET lock_timeout = '30s'
SET jit = off SET enable_seqscan = off AS $$
DECLARE
    _now bigint := __.moment(p_now);
    _seq bigint;
    _key text;
    _state smallint;
    _revision integer;
    _changed boolean := true;
BEGIN
    SELECT seq, order_key INTO _seq, _key FROM __.entry WHERE id = p_id;
    PERFORM __.lock_stripes(ARRAY[__.stripe(_key)]);
    -- Its place may have been taken by another since, or it may be gone.
    SELECT seq, state, revision INTO _seq, _state, _revision FROM __.entry WHERE seq = _seq AND id = p_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE SQLSTATE 'MT001' USING MESSAGE = 'no entry';
    END IF;
    IF p_change IN ('cancel', 'bury') THEN
        _changed := __.leave(_seq, _now, CASE p_change WHEN 'cancel' THEN 4 ELSE 3 END::smallint,
            CASE p_change WHEN 'bury' THEN 'by_hand' END, NULL);
        IF _changed THEN
            PERFORM __.note(_seq, _now, CASE p_change WHEN 'cancel' THEN 'cancelled' ELSE 'died' END,
                CASE p_change WHEN 'bury' THEN 'by_hand' END);
        END IF;
    ELSIF _state <> 3 THEN
        _changed := false;
    ELSIF _revision <> p_on THEN
        RAISE SQLSTATE 'MT003' USING MESSAGE = 'another revision', DETAIL = _revision::text;
    ELSIF p_change = 'replay' THEN
        PERFORM __.put_back(_seq, _now, _now, NULL);
        PERFORM __.note(_seq, _now, 'replayed', NULL);
    ELSIF p_change = 'edit' THEN
        UPDATE __.entry SET revision = revision + 1, host = p_host WHERE seq = _seq RETURNING revision INTO _revision;
        INSERT INTO __.request VALUES (_seq, _revision, _now, p_method, p_url, p_headers, p_sealed, p_body);
        PERFORM __.note(_seq, _now, 'edited', _revision::text);
    ELSIF p_change IN ('keep', 'unkeep') THEN
        UPDATE __.entry SET kept = (p_change = 'keep') WHERE seq = _seq AND kept <> (p_change = 'keep');
        IF FOUND THEN
            PERFORM __.note(_seq, _now, CASE p_change WHEN 'keep' THEN 'kept' ELSE 'unkept' END, NULL);
        END IF;
    END IF;
    IF NOT _changed THEN
        RAISE SQLSTATE 'MT002' USING MESSAGE = 'another state',
            DETAIL = (SELECT state::text FROM __.glance WHERE seq = _seq);
    END IF;
    RETURN QUERY SELECT * FROM __.glance WHERE seq = _seq;
END $$;

-- Makes a job of these dead letters: one after the other becomes due.
CREATE FUNCTION __.replay(
    p_now bigint, p_job uuid, p_filter text, p_per_second double precision, p_seqs bigint[]
) RETURNS void LANGUAGE plpgsql
SET lock_timeout = '30s'
SET jit = off SET enable_seqscan = off AS $$
DECLARE
    _now bigint := __.moment(p_now);
    _total bigint;
BEGIN
    PERFORM __.lock_stripes(ARRAY(SELECT DISTINCT __.stripe(order_key) FROM __.entry
        WHERE seq = ANY (p_seqs) AND order_key IS NOT NULL));
    WITH locked AS MATERIALIZED (
        SELECT seq FROM __.entry WHERE seq = ANY (p_seqs) AND state = 3 ORDER BY seq FOR UPDATE
    ), due AS MATERIALIZED (
        SELECT seq, __.after(_now, floor(round((row_number() OVER (ORDER BY seq) - 1) / p_per_second * 1e9) / 1e3)::bigint)
            AS at FROM locked
    ), put_back AS (
        UPDATE __.entry e SET state = 0, changed_at = _now, tries = 0, due_at = due.at,
            expires_at = __.after(due.at, e.expires_in), job = p_job, untouched = true
        FROM due WHERE e.seq = due.seq RETURNING e.*
    ), ready AS (
        INSERT INTO __.ready SELECT queue, due_at, seq, expires_at, NULL FROM put_back WHERE order_key IS NULL
    ), noted AS (
        INSERT INTO __.event (entry, at, kind, detail) SELECT seq, _now, 'replayed', p_job::text FROM put_back
    ), counted AS (
        INSERT INTO __.tally (queue, pending, dead) SELECT queue, count(*), -count(*) FROM put_back GROUP BY queue
    )
    SELECT count(*) INTO _total FROM put_back;
    PERFORM __.set_heads(p_seqs);
    INSERT INTO __.replay (id, created_at, filter, per_second, total)
    VALUES (p_job, _now, p_filter, p_per_second, _total);
END $$;

-- Makes dead letters again of what a job has put back and no worker has claimed since. It fails with MT001 if there is no
-- such job.
CREATE FUNCTION __.cancel_replay(p_now bigint, p_job uuid) RETURNS void LANGUAGE plpgsql
SET lock_timeout = '30s'
SET jit = off SET enable_seqscan = off AS $$
DECLARE
    _now bigint := __.moment(p_now);
    _seqs bigint[];
BEGIN
    PERFORM __.lock_stripes(ARRAY(SELECT DISTINCT __.stripe(order_key) FROM __.entry
        WHERE job = p_job AND untouched AND order_key IS NOT NULL));
    UPDATE __.replay SET cancelled_at = _now WHERE id = p_job AND cancelled_at IS NULL;
    IF NOT FOUND THEN
        IF NOT EXISTS (SELECT FROM __.replay WHERE id = p_job) THEN
            RAISE SQLSTATE 'MT001' USING MESSAGE = 'no replay';
        END IF;
        RETURN;
    END IF;
    _seqs := ARRAY(SELECT seq FROM __.entry WHERE job = p_job AND untouched AND state = 0 ORDER BY seq FOR UPDATE);
    -- Whoever is claiming one now is waited for: then it is leased.
    DELETE FROM __.ready r USING __.entry e
    WHERE e.seq = ANY (_seqs) AND r.queue = e.queue AND r.due_at = e.due_at AND r.seq = e.seq;
    WITH returned AS (
        UPDATE __.entry e SET state = 3, changed_at = _now WHERE e.seq = ANY (_seqs)
            AND NOT EXISTS (SELECT FROM __.slot s WHERE s.queue = e.queue AND s.seq = e.seq)
        RETURNING seq, queue
    ), noted AS (
        INSERT INTO __.event (entry, at, kind, detail) SELECT seq, _now, 'returned', p_job::text FROM returned
    ), counted AS (
        INSERT INTO __.tally (queue, pending, dead) SELECT queue, -count(*), count(*) FROM returned GROUP BY queue
    )
    UPDATE __.replay SET returned = (SELECT count(*) FROM returned) WHERE id = p_job;
    PERFORM __.set_heads(_seqs);
END $$;

-- Deletes those of these entries that are still in this state, and not kept; and tells how many.
CREATE FUNCTION __.remove(p_seqs bigint[], p_states smallint[]) RETURNS bigint LANGUAGE plpgsql
SET lock_timeout = '30s'
SET jit = off SET enable_seqscan = off AS $$
DECLARE
    _gone bigint[];
BEGIN
    _gone := ARRAY(SELECT seq FROM __.entry
        WHERE seq = ANY (p_seqs) AND state = ANY (p_states) AND NOT (kept AND state = 3) ORDER BY seq FOR UPDATE);
    WITH gone AS (DELETE FROM __.entry WHERE seq = ANY (_gone) RETURNING queue, state)
    INSERT INTO __.tally (queue, done, dead, cancelled)
    SELECT queue, -count(*) FILTER (WHERE state = 2), -count(*) FILTER (WHERE state = 3),
        -count(*) FILTER (WHERE state = 4)
    FROM gone GROUP BY queue;
    DELETE FROM __.request WHERE entry = ANY (_gone);
    DELETE FROM __.attempt WHERE entry = ANY (_gone);
    DELETE FROM __.event WHERE entry = ANY (_gone);
    DELETE FROM __.arriving WHERE seq = ANY (_gone);
    RETURN cardinality(_gone);
END $$;

-- Deletes what has long been over, and forgets the replays that are as old and of which nothing is left.
CREATE FUNCTION __.prune(p_now bigint, p_age bigint, p_limit bigint) RETURNS bigint LANGUAGE plpgsql
SET lock_timeout = '30s'
SET jit = off SET enable_seqscan = off AS $$
DECLARE
    _before bigint := __.moment(p_now) - p_age;
    _removed bigint;
BEGIN
    _removed := __.remove(
        ARRAY(SELECT seq FROM __.entry WHERE state IN (2, 4) AND changed_at < _before
            ORDER BY changed_at, seq LIMIT p_limit),
        '{2,4}'
    );
    DELETE FROM __.replay WHERE created_at < _before
        AND NOT EXISTS (SELECT FROM __.entry WHERE entry.job = replay.id);
    PERFORM __.add_up();
    RETURN _removed;
END $$;
