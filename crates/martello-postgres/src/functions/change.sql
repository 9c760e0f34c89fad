-- Changes one entry for an operator. It fails with MT001 if there is none; with MT002, and the state as the
-- detail, if the state does not allow the change; with MT003, and the last revision as the detail, if `p_on`
-- names another; and with MT005 or MT006 if the replay would overwrite a newer request, unless `p_overwrite`.
CREATE FUNCTION __.change(
    p_now bigint, p_id uuid, p_change text, p_method text, p_url text, p_headers text, p_sealed boolean, p_body bytea,
    p_host text, p_authority text, p_on bigint, p_overwrite boolean
) RETURNS SETOF __.overview LANGUAGE plpgsql
SET lock_timeout = '30s'
SET jit = off SET enable_seqscan = off AS $$
DECLARE
    _now bigint := __.begin_write(p_now);
    _seq bigint;
    _key text;
    _state smallint;
    _revision integer;
    _changed boolean := true;
BEGIN
    SELECT seq, order_key INTO _seq, _key FROM __.entry WHERE id = p_id;
    PERFORM __.lock_stripes(ARRAY[__.stripe(_key)]);
    -- The entry may have moved to another `seq`, or may be gone.
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
        PERFORM __.check_overtaken(ARRAY[_seq], p_overwrite);
        PERFORM __.put_back(_seq, _now, _now, NULL);
        PERFORM __.note(_seq, _now, 'replayed', NULL);
    ELSIF p_change = 'edit' THEN
        UPDATE __.entry SET revision = revision + 1, host = p_host, authority = p_authority
        WHERE seq = _seq RETURNING revision INTO _revision;
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
            DETAIL = (SELECT state::text FROM __.overview WHERE seq = _seq);
    END IF;
    RETURN QUERY SELECT * FROM __.overview WHERE seq = _seq;
END $$;
