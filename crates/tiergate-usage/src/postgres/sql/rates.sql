-- How long until no more than so many units of a rate are used; nothing if that is never.
CREATE FUNCTION @schema@.until_at_most(
    p_counter bigint, p_length bigint, p_used numeric, p_most numeric, p_now bigint
) RETURNS bigint LANGUAGE sql AS $$
    SELECT e.at + p_length - p_now
    FROM (
        SELECT at, p_used - sum(units) OVER (ORDER BY at) AS rest FROM @schema@.entries
        WHERE counter = p_counter
    ) e
    WHERE e.rest <= p_most ORDER BY e.at LIMIT 1
$$;

-- Takes a block of a rate's units, which may be spent until `p_ahead` from now: they are entered at that
-- time, and count from now on.
--
-- Outcomes: 'granted', 'full', 'never'.
CREATE FUNCTION @schema@.take_of_rate(
    p_subject text, p_feature text, p_span text, p_length bigint, p_units text, p_limit text,
    p_ahead bigint, p_steady bigint, p_wall bigint,
    OUT o_outcome text, OUT o_used text, OUT o_wait bigint, OUT o_expired bigint
) LANGUAGE plpgsql AS $$
DECLARE
    v_units numeric := p_units::numeric;
    v_limit numeric := p_limit::numeric;
    v_now bigint;
    v_wall bigint;
    v_counter bigint;
    v_used numeric;
BEGIN
    PERFORM @schema@.lock(ARRAY[p_subject]);
    v_now := coalesce(p_steady, @schema@.micros());
    v_wall := coalesce(p_wall, v_now);
    o_expired := @schema@.expire(ARRAY[p_subject], v_now, v_wall);

    SELECT id INTO v_counter FROM @schema@.counters
    WHERE subject = p_subject AND feature = p_feature AND span = p_span;
    PERFORM @schema@.forget_elapsed(v_counter, v_now - p_length);
    v_used := coalesce((SELECT committed FROM @schema@.counters WHERE id = v_counter), 0);
    IF v_units > v_limit THEN
        o_outcome := 'never';
    ELSIF v_used + v_units > v_limit THEN
        o_outcome := 'full';
        o_wait := @schema@.until_at_most(v_counter, p_length, v_used, v_limit - v_units, v_now);
    ELSE
        o_outcome := 'granted';
        IF v_counter IS NULL THEN
            v_counter := @schema@.create_counter(
                p_subject, p_feature, p_span, p_length, NULL, v_now, v_wall
            );
            PERFORM @schema@.tidy_counters(v_now, v_wall, 4);
        END IF;
        PERFORM @schema@.enter(v_counter, v_units, v_now + p_ahead, v_wall);
        v_used := v_used + v_units;
        o_wait := (
            SELECT at + p_length - v_now FROM @schema@.entries
            WHERE counter = v_counter ORDER BY at LIMIT 1
        );
    END IF;
    o_used := @schema@.shown(v_used);
END
$$;
