-- Deletes those of these entries that are still in one of these states and not protected. Returns how many.
CREATE FUNCTION __.remove(p_seqs bigint[], p_states smallint[]) RETURNS bigint LANGUAGE plpgsql
SET lock_timeout = '30s'
SET jit = off SET enable_seqscan = off AS $$
DECLARE
    _gone bigint[];
BEGIN
    PERFORM __.begin_write(NULL);
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

-- Deletes entries that ended `p_age` ago, and replays of that age without entries. Also deletes holds that
-- have been over for an hour, whatever `p_age` is.
CREATE FUNCTION __.prune(p_now bigint, p_age bigint, p_limit bigint) RETURNS bigint LANGUAGE plpgsql
SET lock_timeout = '30s'
SET jit = off SET enable_seqscan = off AS $$
DECLARE
    _now bigint := __.begin_write(p_now);
    _before bigint := _now - p_age;
    _kept CONSTANT bigint := 3600000000;
    _removed bigint;
BEGIN
    _removed := __.remove(
        ARRAY(SELECT seq FROM __.entry WHERE state IN (2, 4) AND changed_at < _before
            ORDER BY changed_at, seq LIMIT p_limit),
        '{2,4}'
    );
    DELETE FROM __.replay WHERE created_at < _before
        AND NOT EXISTS (SELECT FROM __.entry WHERE entry.job = replay.id);
    DELETE FROM __.hold WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM __.hold WHERE until < _now - _kept ORDER BY queue, authority FOR UPDATE));
    PERFORM __.add_up();
    RETURN _removed;
END $$;
