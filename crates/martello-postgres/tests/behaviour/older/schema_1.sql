-- Version 1. `__` stands for the schema. Times and durations are microseconds; times count from 1970.
-- States: 0 ready, 1 leased, 2 done, 3 dead, 4 cancelled. Other words are as `martello` writes them.

-- The order of the entries.
CREATE SEQUENCE __.place;

CREATE TABLE __.queue (
    name text COLLATE "C" PRIMARY KEY,
    paused text,
    held_until bigint,
    held text
);

-- By how much each transaction has changed the number of a queue's entries: their sum is how many there are. Rows are
-- only ever added, so that nobody waits for anybody, and now and then put together. Where nothing is added up, a row
-- still says that something has changed.
CREATE TABLE __.tally (
    n bigint GENERATED ALWAYS AS IDENTITY,
    queue text COLLATE "C" NOT NULL,
    pending bigint NOT NULL DEFAULT 0,
    done bigint NOT NULL DEFAULT 0,
    dead bigint NOT NULL DEFAULT 0,
    cancelled bigint NOT NULL DEFAULT 0
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- A claim does not touch this row: what is leased stands in `slot`, and counts one attempt and one try more.
CREATE TABLE __.entry (
    seq bigint PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    queue text COLLATE "C" NOT NULL,
    -- 0 while it is ready or leased.
    state smallint NOT NULL,
    due_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    changed_at bigint NOT NULL,
    created_at bigint NOT NULL,
    expires_in bigint NOT NULL,
    max_attempts bigint NOT NULL,
    attempts integer NOT NULL,
    tries integer NOT NULL DEFAULT 0,
    -- The number of its last revision.
    revision integer NOT NULL DEFAULT 1,
    last_status smallint,
    repeatable boolean NOT NULL,
    kept boolean NOT NULL DEFAULT false,
    -- Its job has put it back, or has taken that back, and nothing but a claim has moved it since.
    untouched boolean NOT NULL DEFAULT false,
    -- The host of its last revision, in lower case.
    host text COLLATE "C" NOT NULL,
    order_key text COLLATE "C",
    dedup_key text COLLATE "C",
    reason text COLLATE "C",
    last_outcome text COLLATE "C",
    last_tracking_id text COLLATE "C",
    -- The fence of the settlement that was applied last.
    settled uuid,
    job uuid,
    superseded_by uuid
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);

CREATE INDEX entry_expiring ON __.entry (queue, expires_at) WHERE state = 0;
-- Those behind the head of their key are due as well.
CREATE INDEX entry_behind ON __.entry (queue, due_at) WHERE state = 0 AND order_key IS NOT NULL;
CREATE INDEX entry_key ON __.entry (order_key, queue, state, seq) WHERE order_key IS NOT NULL;
CREATE UNIQUE INDEX entry_dedup ON __.entry (queue, dedup_key) WHERE dedup_key IS NOT NULL;
CREATE INDEX entry_job ON __.entry (job) WHERE job IS NOT NULL;
CREATE INDEX entry_over ON __.entry (changed_at, seq) WHERE state IN (2, 4);
-- A list of dead letters is read off one of these, in its order.
CREATE INDEX dead ON __.entry (seq) WHERE state = 3;
CREATE INDEX dead_queue ON __.entry (queue, seq) WHERE state = 3;
CREATE INDEX dead_host ON __.entry (host, seq) WHERE state = 3;
CREATE INDEX dead_status ON __.entry (last_status, seq) WHERE state = 3;
CREATE INDEX dead_reason ON __.entry (reason, seq) WHERE state = 3;
CREATE INDEX dead_changed ON __.entry (changed_at) WHERE state = 3;

-- The entries that are ready and at the head of their key, or have none: a claim takes them away from here.
CREATE TABLE __.ready (
    queue text COLLATE "C" NOT NULL,
    due_at bigint NOT NULL,
    seq bigint NOT NULL,
    expires_at bigint NOT NULL,
    order_key text COLLATE "C",
    PRIMARY KEY (queue, due_at, seq)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
CREATE UNIQUE INDEX ready_key ON __.ready (queue, order_key) WHERE order_key IS NOT NULL;

-- Entries of a key that came in a transaction of somebody else's, until a turn gives them their place in it.
CREATE TABLE __.arriving (
    queue text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    supersede boolean NOT NULL,
    PRIMARY KEY (queue, seq)
);

-- The leases of a queue: one row for each that there may be, taken by one claim at a time. No index is about what changes.
CREATE TABLE __.slot (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queue text COLLATE "C" NOT NULL,
    number integer NOT NULL,
    -- The entry that is leased; without one it is free.
    seq bigint,
    fence uuid,
    until bigint,
    since bigint,
    worker text,
    UNIQUE (queue, number)
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- Every revision of each entry.
CREATE TABLE __.request (
    entry bigint NOT NULL,
    number integer NOT NULL,
    made_at bigint NOT NULL,
    method text NOT NULL,
    url text NOT NULL,
    -- A JSON array of pairs of name and value.
    headers text NOT NULL,
    sealed boolean NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (entry, number)
);

-- Every attempt that has ended.
CREATE TABLE __.attempt (
    entry bigint NOT NULL,
    number integer NOT NULL,
    revision integer NOT NULL,
    started_at bigint NOT NULL,
    duration bigint NOT NULL,
    outcome text NOT NULL,
    status smallint,
    tracking_id text COLLATE "C",
    fault text,
    worker text,
    PRIMARY KEY (entry, number)
);
CREATE INDEX attempt_tracking_id ON __.attempt (tracking_id) WHERE tracking_id IS NOT NULL;

-- What else happened, in order.
CREATE TABLE __.event (
    entry bigint NOT NULL,
    n bigint GENERATED ALWAYS AS IDENTITY,
    at bigint NOT NULL,
    kind text NOT NULL,
    detail text,
    PRIMARY KEY (entry, n)
);

CREATE TABLE __.replay (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    created_at bigint NOT NULL,
    cancelled_at bigint,
    -- As JSON.
    filter text NOT NULL,
    per_second double precision NOT NULL,
    total bigint NOT NULL,
    returned bigint NOT NULL DEFAULT 0
);

-- The entries as they are to be seen: with their leases.
CREATE VIEW __.glance AS
SELECT e.seq, e.id, e.queue, CASE WHEN s.seq IS NULL THEN e.state ELSE 1 END::smallint AS state, e.reason,
    e.revision, e.order_key, e.dedup_key, e.repeatable,
    e.attempts + (s.seq IS NOT NULL)::integer AS attempts, e.tries + (s.seq IS NOT NULL)::integer AS tries,
    e.max_attempts, e.created_at, e.due_at, e.expires_at, coalesce(s.since, e.changed_at) AS changed_at,
    e.last_outcome, e.last_status, e.last_tracking_id, e.kept, e.job, e.superseded_by, r.method, r.url
FROM __.entry e
JOIN __.request r ON r.entry = e.seq AND r.number = e.revision
LEFT JOIN __.slot s ON s.seq = e.seq;
-- What the operations are made of.
--
-- Who changes whether entries of a key are pending locks the key first, by its stripe: all stripes of a transaction at
-- once and in their order, then slots, then entries, then what is ready. A claim waits for nothing: it passes over what
-- is locked. So nobody waits in a circle.
--
-- And nobody waits for a lock for longer than 30 s, except in a transaction of somebody else's: a store that has given up
-- an operation drops the connection, of which the server takes no notice while it waits, and makes another.

-- The time so much later, or the last that there is.
CREATE FUNCTION __.after(moment bigint, wait bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN moment + least(wait, 253402207200999999 - moment);

-- The moment that is given, or the server's.
CREATE FUNCTION __.moment(given bigint) RETURNS bigint LANGUAGE sql VOLATILE
RETURN coalesce(given, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint);

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

-- Puts the rows of the tally together.
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

-- Puts the oldest pending entry of a key to its head, unless one of it is leased. The key is locked.
CREATE FUNCTION __.set_head(p_queue text, p_key text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    _head __.ready;
    _first bigint;
BEGIN
    IF p_key IS NULL THEN
        RETURN;
    END IF;
    -- Whoever is claiming it now is waited for: then it is leased.
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
    INSERT INTO __.ready SELECT queue, due_at, seq, expires_at, order_key FROM __.entry WHERE seq = _first;
END $$;

-- The same for the keys of these entries.
CREATE FUNCTION __.set_heads(p_seqs bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM __.set_head(queue, order_key) FROM (
        SELECT DISTINCT queue, order_key FROM __.entry WHERE seq = ANY (p_seqs) AND order_key IS NOT NULL
    ) AS keys;
END $$;

-- Makes an entry claimable, which has just become ready. Its key is locked.
CREATE FUNCTION __.make_ready(p_seq bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    _entry __.entry;
BEGIN
    SELECT * INTO _entry FROM __.entry WHERE seq = p_seq;
    IF _entry.order_key IS NULL THEN
        INSERT INTO __.ready VALUES (_entry.queue, _entry.due_at, p_seq, _entry.expires_at, NULL);
    ELSE
        PERFORM __.set_head(_entry.queue, _entry.order_key);
    END IF;
END $$;

-- Brings a ready entry to an end, and tells whether it could: it may be leased, or over. Its key is locked.
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

-- Calls off what is ready of a key and older than this entry, for it. The key is locked.
CREATE FUNCTION __.supersede(p_seq bigint, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    _by __.entry;
    _many bigint;
BEGIN
    SELECT * INTO _by FROM __.entry WHERE seq = p_seq;
    -- Whoever is claiming the head now is waited for: then it is leased.
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

-- Makes a dead letter ready again, due at this time. Its key is locked.
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
-- Stores entries, in this order, all or none, and tells what became of each, unless all are stored. A guest comes in a transaction that is somebody else's and may last: it
-- locks no key, but waits in `arriving` for its place in it, and brings the channel on which it is to be told of.
CREATE FUNCTION __.enqueue(
    p_now bigint, p_guest text,
    e_id uuid[], e_queue text[], e_order_key text[], e_supersede boolean[], e_dedup_key text[], e_delay bigint[],
    e_expires_in bigint[], e_max_attempts bigint[], e_repeatable boolean[], e_dead text[], e_method text[],
    e_url text[], e_headers text[], e_sealed boolean[], e_body bytea[], e_host text[], e_attempts integer[],
    e_last_outcome text[], e_last_status smallint[], e_last_tracking_id text[],
    a_of integer[], a_number integer[], a_revision integer[], a_started_at bigint[], a_duration bigint[],
    a_outcome text[], a_status smallint[], a_tracking_id text[], a_fault text[], a_worker text[]
) RETURNS TABLE (id uuid, stored boolean) LANGUAGE plpgsql
SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    _now bigint := __.moment(p_now);
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
            max_attempts, attempts, last_status, repeatable, host, order_key, dedup_key, reason, last_outcome,
            last_tracking_id)
        SELECT n.seq, n.id, n.queue, CASE WHEN n.dead IS NULL THEN 0 ELSE 3 END, __.after(_now, n.delay),
            __.after(_now, n.expires_in), _now, _now, n.expires_in, n.max_attempts, n.attempts, n.last_status,
            n.repeatable, n.host, n.order_key, n.dedup_key, n.dead, n.last_outcome, n.last_tracking_id
        FROM unnest(_seqs, e_id, e_queue, e_order_key, e_dedup_key, e_delay, e_expires_in, e_max_attempts,
            e_repeatable, e_dead, e_host, e_attempts, e_last_outcome, e_last_status, e_last_tracking_id)
            AS n (seq, id, queue, order_key, dedup_key, delay, expires_in, max_attempts, repeatable, dead, host,
            attempts, last_outcome, last_status, last_tracking_id)
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
        INSERT INTO __.ready (queue, due_at, seq, expires_at, order_key)
        SELECT n.queue, __.after(_now, n.delay), n.seq, __.after(_now, n.expires_in), NULL
        FROM unnest(_seqs, e_queue, e_delay, e_expires_in, e_order_key, e_dead)
            AS n (seq, queue, delay, expires_in, order_key, dead)
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
        INSERT INTO __.ready (queue, due_at, seq, expires_at, order_key)
        SELECT n.queue, __.after(_now, n.delay), n.seq, __.after(_now, n.expires_in), n.order_key
        FROM unnest(_seqs, e_queue, e_delay, e_expires_in, e_order_key, e_dead)
            AS n (seq, queue, delay, expires_in, order_key, dead)
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
-- Changes one entry by hand. It fails with MT001 if there is none, and with MT002 and the state as its detail if that does
-- not allow it.
CREATE FUNCTION __.change(
    p_now bigint, p_id uuid, p_change text, p_method text, p_url text, p_headers text, p_sealed boolean, p_body bytea,
    p_host text
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
    SELECT seq, state INTO _seq, _state FROM __.entry WHERE seq = _seq AND id = p_id FOR UPDATE;
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
