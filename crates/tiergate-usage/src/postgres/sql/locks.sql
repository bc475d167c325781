CREATE FUNCTION @schema@.micros() RETURNS bigint LANGUAGE sql AS $$
    SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
$$;

-- Waits until nobody else works on these subjects, until this transaction ends.
--
-- Everything of a subject is under its lock, so the statements after this one need none of their own.
-- They see what those who had the lock before have committed, because in READ COMMITTED each statement of
-- a volatile function sees what is committed when it begins. Under a stricter isolation they would see
-- the past.
CREATE FUNCTION @schema@.lock(p_subjects text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_hash integer;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the isolation is %, and has to be read committed', current_setting('transaction_isolation')
            USING ERRCODE = 'invalid_transaction_state';
    END IF;
    IF cardinality(p_subjects) = 1 THEN
        PERFORM pg_advisory_xact_lock(@class@, hashtext(p_subjects[1]));
        RETURN;
    END IF;
    -- In the same order for everybody, so that no two wait for each other.
    FOR v_hash IN SELECT DISTINCT hashtext(s) AS hash FROM unnest(p_subjects) s ORDER BY hash LOOP
        PERFORM pg_advisory_xact_lock(@class@, v_hash);
    END LOOP;
END
$$;

-- The same for those who would rather not wait.
CREATE FUNCTION @schema@.try_lock(p_subjects text[]) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_subject text;
BEGIN
    FOREACH v_subject IN ARRAY p_subjects LOOP
        IF NOT pg_try_advisory_xact_lock(@class@, hashtext(v_subject)) THEN
            RETURN false;
        END IF;
    END LOOP;
    RETURN true;
END
$$;
