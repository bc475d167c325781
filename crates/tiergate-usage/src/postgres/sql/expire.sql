-- Releases what nobody settled in time of these subjects, and tells how many reservations and leases that
-- were. The caller has the subjects' locks.
--
-- A reservation over several subjects expires in each of them alone, when it is next looked at. It is
-- counted as expired with the first.
CREATE FUNCTION @schema@.expire(p_subjects text[], p_now bigint, p_wall bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_expired bigint;
BEGIN
    IF NOT EXISTS (
        SELECT FROM @schema@.holds WHERE subject = ANY (p_subjects) AND deadline <= p_now
    ) THEN
        RETURN 0;
    END IF;
    WITH gone AS (
        DELETE FROM @schema@.holds WHERE subject = ANY (p_subjects) AND deadline <= p_now
        RETURNING id, holder, counter, units, kept
    ), sums AS (
        SELECT counter, sum(units) AS units, sum(kept) AS kept, count(*) AS holds FROM gone
        GROUP BY counter
    ), counted AS (
        UPDATE @schema@.counters c
        SET open = CASE WHEN c.length IS NULL THEN c.open - s.units ELSE c.open END,
            committed = c.committed + s.kept, holds = c.holds - s.holds
        FROM sums s WHERE c.id = s.counter
    ), released AS (
        UPDATE @schema@.reservations r
        SET state = 'expired', key = NULL, fingerprint = NULL, due = p_now + 3600000000
        FROM gone g
        WHERE r.id = g.id AND g.holder = 'reservation' AND r.state = 'open'
            AND r.subjects[1] = ANY (p_subjects)
        RETURNING r.id
    ), ended AS (
        UPDATE @schema@.leases l
        SET state = 'expired',
            due = p_now + 86400000000 + coalesce(@schema@.until_end(c.ends, p_wall), 0)
        FROM gone g JOIN @schema@.counters c ON c.id = g.counter
        WHERE l.id = g.id AND g.holder = 'lease'
        RETURNING l.id
    )
    SELECT (SELECT count(*) FROM released) + (SELECT count(*) FROM ended) INTO v_expired;
    DELETE FROM @schema@.counters
    WHERE subject = ANY (p_subjects) AND length IS NULL AND holds = 0 AND committed = 0 AND open = 0;
    RETURN v_expired;
END
$$;

-- Each of these looks at the next few rows that are due, whoever's they are, and passes over what others
-- work on. They tell how many rows they did something about.

CREATE FUNCTION @schema@.tidy_reservations(p_now bigint, p_wall bigint, p_most integer) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_row record;
    v_held boolean;
    v_done bigint := 0;
BEGIN
    FOR v_row IN
        SELECT id, state, subjects FROM @schema@.reservations WHERE due <= p_now
        ORDER BY due LIMIT p_most FOR UPDATE SKIP LOCKED
    LOOP
        -- One over several subjects can have expired in the first alone.
        v_held := EXISTS (
            SELECT FROM @schema@.holds WHERE id = v_row.id AND holder = 'reservation'
        );
        IF v_held THEN
            CONTINUE WHEN NOT @schema@.try_lock(v_row.subjects);
            v_done := v_done + @schema@.expire(v_row.subjects, p_now, p_wall);
            v_held := EXISTS (
                SELECT FROM @schema@.holds WHERE id = v_row.id AND holder = 'reservation'
            );
        END IF;
        IF v_row.state <> 'open' AND NOT v_held THEN
            DELETE FROM @schema@.joins WHERE reservation = v_row.id;
            DELETE FROM @schema@.reservations WHERE id = v_row.id;
            v_done := v_done + 1;
        END IF;
    END LOOP;
    RETURN v_done;
END
$$;

CREATE FUNCTION @schema@.tidy_leases(p_now bigint, p_wall bigint, p_most integer) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_row record;
    v_done bigint := 0;
BEGIN
    FOR v_row IN
        SELECT id, state, subject FROM @schema@.leases WHERE due <= p_now
        ORDER BY due LIMIT p_most FOR UPDATE SKIP LOCKED
    LOOP
        IF v_row.state <> 'open' THEN
            DELETE FROM @schema@.leases WHERE id = v_row.id;
            v_done := v_done + 1;
        ELSIF @schema@.try_lock(ARRAY[v_row.subject]) THEN
            v_done := v_done + @schema@.expire(ARRAY[v_row.subject], p_now, p_wall);
        END IF;
    END LOOP;
    RETURN v_done;
END
$$;

CREATE FUNCTION @schema@.tidy_counters(p_now bigint, p_wall bigint, p_most integer) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_row record;
    v_done bigint := 0;
BEGIN
    FOR v_row IN
        SELECT id, subject, length FROM @schema@.counters WHERE due <= p_now ORDER BY due LIMIT p_most
    LOOP
        CONTINUE WHEN NOT @schema@.try_lock(ARRAY[v_row.subject]);
        IF v_row.length IS NOT NULL THEN
            PERFORM @schema@.forget_elapsed(v_row.id, p_now - v_row.length);
        END IF;
        DELETE FROM @schema@.counters
        WHERE id = v_row.id AND holds = 0
            AND (entries = 0 AND length IS NOT NULL OR ends + 86400000000 <= p_wall);
        IF NOT FOUND THEN
            UPDATE @schema@.counters
            SET due = greatest(due, @schema@.due(length, ends, p_now, p_wall)) WHERE id = v_row.id;
        END IF;
        v_done := v_done + 1;
    END LOOP;
    RETURN v_done;
END
$$;

CREATE FUNCTION @schema@.sweep(p_most integer, p_steady bigint, p_wall bigint, OUT o_done bigint)
LANGUAGE plpgsql AS $$
DECLARE
    v_now bigint := coalesce(p_steady, @schema@.micros());
    v_wall bigint := coalesce(p_wall, v_now);
BEGIN
    o_done := @schema@.tidy_reservations(v_now, v_wall, p_most)
        + @schema@.tidy_leases(v_now, v_wall, p_most)
        + @schema@.tidy_counters(v_now, v_wall, p_most);
END
$$;
