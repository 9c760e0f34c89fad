-- Checks dead letters before a replay. The caller has locked them and their keys. Without `p_overwrite`, it
-- fails for the first that has a newer request, with its id as the detail: with MT005 if it is overtaken,
-- with MT006 if a newer entry of its key is leased. With `p_overwrite`, it marks those with a leased newer
-- entry as possibly overtaken.
CREATE FUNCTION __.check_overtaken(p_seqs bigint[], p_overwrite boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    _overtaking bigint[];
    _first record;
BEGIN
    -- Waits for claims in progress, after which the entries are leased.
    PERFORM FROM __.entry e JOIN __.ready r ON r.queue = e.queue AND r.order_key = e.order_key
    WHERE e.seq = ANY (p_seqs) FOR UPDATE OF r;
    _overtaking := ARRAY(
        SELECT e.seq FROM __.slot s JOIN __.entry n ON n.seq = s.seq
        JOIN __.entry e ON e.queue = n.queue AND e.order_key = n.order_key AND e.seq < n.seq
        WHERE e.seq = ANY (p_seqs) AND e.overtaken IS NULL
    );
    IF p_overwrite THEN
        UPDATE __.entry SET overtaken = 1 WHERE seq = ANY (_overtaking);
        RETURN;
    END IF;
    SELECT id, overtaken INTO _first FROM __.entry
    WHERE seq = ANY (p_seqs) AND (overtaken IS NOT NULL OR seq = ANY (_overtaking)) ORDER BY seq LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING MESSAGE = 'overtaken', DETAIL = _first.id::text,
            ERRCODE = CASE WHEN _first.overtaken IS NULL THEN 'MT006' ELSE 'MT005' END;
    END IF;
END $$;

-- Replays these dead letters as a job: they become due one after the other. It fails with MT005 or MT006 if
-- one of them would overwrite a newer request, unless `p_overwrite`.
CREATE FUNCTION __.replay(
    p_now bigint, p_job uuid, p_filter text, p_per_second double precision, p_overwrite boolean,
    p_seqs bigint[]
) RETURNS void LANGUAGE plpgsql
SET lock_timeout = '30s'
SET jit = off SET enable_seqscan = off AS $$
DECLARE
    _now bigint := __.begin_write(p_now);
    _seqs bigint[];
    _total bigint;
BEGIN
    PERFORM __.lock_stripes(ARRAY(SELECT DISTINCT __.stripe(order_key) FROM __.entry
        WHERE seq = ANY (p_seqs) AND order_key IS NOT NULL));
    _seqs := ARRAY(SELECT seq FROM __.entry WHERE seq = ANY (p_seqs) AND state = 3 ORDER BY seq FOR UPDATE);
    PERFORM __.check_overtaken(_seqs, p_overwrite);
    WITH due AS MATERIALIZED (
        SELECT seq, __.after(_now, floor(round((row_number() OVER (ORDER BY seq) - 1) / p_per_second * 1e9) / 1e3)::bigint)
            AS at FROM unnest(_seqs) AS seq
    ), put_back AS (
        UPDATE __.entry e SET state = 0, changed_at = _now, tries = 0, due_at = due.at,
            expires_at = __.after(due.at, e.expires_in), job = p_job, untouched = true
        FROM due WHERE e.seq = due.seq RETURNING e.*
    ), ready AS (
        INSERT INTO __.ready (queue, due_at, seq, expires_at, authority)
        SELECT queue, due_at, seq, expires_at, authority FROM put_back WHERE order_key IS NULL
    ), noted AS (
        INSERT INTO __.event (entry, at, kind, detail) SELECT seq, _now, 'replayed', p_job::text FROM put_back
    ), counted AS (
        INSERT INTO __.tally (queue, pending, dead) SELECT queue, count(*), -count(*) FROM put_back GROUP BY queue
    )
    SELECT count(*) INTO _total FROM put_back;
    PERFORM __.set_heads(_seqs);
    INSERT INTO __.replay (id, created_at, filter, per_second, total)
    VALUES (p_job, _now, p_filter, p_per_second, _total);
END $$;

-- Cancels a replay: entries that no worker has claimed since become dead letters again. It fails with MT001
-- if the job does not exist.
CREATE FUNCTION __.cancel_replay(p_now bigint, p_job uuid) RETURNS void LANGUAGE plpgsql
SET lock_timeout = '30s'
SET jit = off SET enable_seqscan = off AS $$
DECLARE
    _now bigint := __.begin_write(p_now);
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
    -- Waits for claims in progress, after which the entries are leased.
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
