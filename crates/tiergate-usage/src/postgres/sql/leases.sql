-- Takes a block of units.
--
-- Outcomes: 'granted', 'full', 'never', 'over', 'foreign' (the id names a lease of another counter).
CREATE FUNCTION @schema@.lease(
    p_id bytea, p_subject text, p_feature text, p_span text, p_ends bigint, p_units text, p_kept text,
    p_limit text, p_ttl bigint, p_steady bigint, p_wall bigint,
    OUT o_outcome text, OUT o_used text, OUT o_wait bigint, OUT o_expired bigint
) LANGUAGE plpgsql AS $$
DECLARE
    v_units numeric := p_units::numeric;
    v_limit numeric := p_limit::numeric;
    v_now bigint;
    v_wall bigint;
    v_known @schema@.leases;
    v_counter @schema@.counters;
    v_used numeric;
BEGIN
    PERFORM @schema@.lock(ARRAY[p_subject]);
    v_now := coalesce(p_steady, @schema@.micros());
    v_wall := coalesce(p_wall, v_now);
    o_wait := @schema@.until_end(p_ends, v_wall);
    o_expired := @schema@.expire(ARRAY[p_subject], v_now, v_wall);

    SELECT * INTO v_counter FROM @schema@.counters
    WHERE subject = p_subject AND feature = p_feature AND span = p_span;
    v_used := coalesce(v_counter.committed + v_counter.open, 0);
    SELECT * INTO v_known FROM @schema@.leases WHERE id = p_id;
    IF FOUND THEN
        o_outcome := CASE
            WHEN (v_known.subject, v_known.feature, v_known.span)
                <> (p_subject, p_feature, p_span) THEN 'foreign'
            WHEN v_known.state = 'open' THEN 'granted'
            ELSE 'over'
        END;
    ELSIF v_units > v_limit THEN
        o_outcome := 'never';
        o_wait := NULL;
    ELSIF v_used + v_units > v_limit THEN
        o_outcome := 'full';
    ELSE
        o_outcome := 'granted';
        v_used := v_used + v_units;
        IF v_counter.id IS NULL THEN
            v_counter.id := @schema@.create_counter(
                p_subject, p_feature, p_span, NULL, p_ends, v_now, v_wall
            );
        END IF;
        UPDATE @schema@.counters SET holds = holds + 1, open = open + v_units WHERE id = v_counter.id;
        INSERT INTO @schema@.holds (id, claim, holder, subject, counter, units, kept, deadline)
        VALUES (p_id, 0, 'lease', p_subject, v_counter.id, v_units, p_kept::numeric, v_now + p_ttl);
        INSERT INTO @schema@.leases (id, subject, feature, span, state, units, kept, due)
        VALUES (
            p_id, p_subject, p_feature, p_span, 'open', v_units, p_kept::numeric, v_now + p_ttl
        );
        PERFORM @schema@.tidy_leases(v_now, v_wall, 4);
        PERFORM @schema@.tidy_counters(v_now, v_wall, 4);
    END IF;
    o_used := @schema@.shown(v_used);
END
$$;

-- Gives an open lease more time, and keeps at least so many of its units.
--
-- Outcomes: 'extended', 'expired', 'ended', 'unknown', 'senseless' (more is kept than leased, or there is no
-- time; nothing changed).
CREATE FUNCTION @schema@.extend(
    p_id bytea, p_subject text, p_feature text, p_span text, p_kept text, p_ttl bigint,
    p_steady bigint, p_wall bigint,
    OUT o_outcome text, OUT o_expired bigint
) LANGUAGE plpgsql AS $$
DECLARE
    v_kept numeric := p_kept::numeric;
    v_now bigint;
    v_known @schema@.leases;
BEGIN
    PERFORM @schema@.lock(ARRAY[p_subject]);
    v_now := coalesce(p_steady, @schema@.micros());
    o_expired := @schema@.expire(ARRAY[p_subject], v_now, coalesce(p_wall, v_now));
    SELECT * INTO v_known FROM @schema@.leases
    WHERE id = p_id AND subject = p_subject AND feature = p_feature AND span = p_span;
    IF NOT FOUND THEN
        o_outcome := 'unknown';
    ELSIF v_known.state <> 'open' THEN
        o_outcome := v_known.state;
    ELSIF v_kept > v_known.units OR p_ttl <= 0 THEN
        o_outcome := 'senseless';
    ELSE
        o_outcome := 'extended';
        UPDATE @schema@.leases
        SET kept = greatest(kept, v_kept), due = greatest(due, v_now + p_ttl) WHERE id = p_id;
        UPDATE @schema@.holds
        SET kept = greatest(kept, v_kept), deadline = greatest(deadline, v_now + p_ttl)
        WHERE id = p_id AND holder = 'lease';
    END IF;
END
$$;

-- Ends a lease of which so much was used.
--
-- Outcomes: 'ended', 'corrected', 'before' (it was ended already), 'unknown'.
CREATE FUNCTION @schema@.end_lease(
    p_id bytea, p_subject text, p_feature text, p_span text, p_ends bigint, p_used text,
    p_steady bigint, p_wall bigint,
    OUT o_outcome text, OUT o_expired bigint
) LANGUAGE plpgsql AS $$
DECLARE
    v_used numeric := p_used::numeric;
    v_now bigint;
    v_wall bigint;
    v_known @schema@.leases;
    v_counter bigint;
BEGIN
    PERFORM @schema@.lock(ARRAY[p_subject]);
    v_now := coalesce(p_steady, @schema@.micros());
    v_wall := coalesce(p_wall, v_now);
    o_expired := @schema@.expire(ARRAY[p_subject], v_now, v_wall);
    SELECT * INTO v_known FROM @schema@.leases
    WHERE id = p_id AND subject = p_subject AND feature = p_feature AND span = p_span;
    IF NOT FOUND THEN
        o_outcome := 'unknown';
        RETURN;
    ELSIF v_known.state = 'ended' THEN
        o_outcome := 'before';
        RETURN;
    END IF;
    SELECT id INTO v_counter FROM @schema@.counters
    WHERE subject = p_subject AND feature = p_feature AND span = p_span;
    IF v_known.state = 'open' THEN
        o_outcome := 'ended';
        DELETE FROM @schema@.holds WHERE id = p_id AND holder = 'lease';
        UPDATE @schema@.counters
        SET holds = holds - 1, open = open - v_known.units, committed = committed + v_used
        WHERE id = v_counter;
    ELSE
        o_outcome := 'corrected';
        -- Nothing may have been left of it, so that it was forgotten.
        IF v_counter IS NULL AND v_used > v_known.kept THEN
            v_counter := @schema@.create_counter(
                p_subject, p_feature, p_span, NULL, p_ends, v_now, v_wall
            );
        END IF;
        UPDATE @schema@.counters SET committed = greatest(committed + v_used - v_known.kept, 0)
        WHERE id = v_counter;
    END IF;
    PERFORM @schema@.drop_unused(v_counter);
    UPDATE @schema@.leases
    SET state = 'ended', due = v_now + 86400000000 + coalesce(@schema@.until_end(p_ends, v_wall), 0)
    WHERE id = p_id;
END
$$;
