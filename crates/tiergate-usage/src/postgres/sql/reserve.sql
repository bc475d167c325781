-- Takes the units of all claims, or of none. `p_id` is made by the caller: the same call made again, because
-- its answer was lost, is answered the same and counts once.
--
-- Outcomes: 'admitted', 'joined' (an open operation, by its key), 'repeated' (it is done), 'full' and
-- 'never' (the claim `o_claim` does not fit), 'conflict', 'crowded'.
CREATE FUNCTION @schema@.reserve(
    p_id bytea, p_subjects text[], p_features text[], p_spans text[], p_lengths bigint[],
    p_ends bigint[], p_units text[], p_limits text[], p_ttl bigint, p_key text,
    p_steady bigint, p_wall bigint,
    OUT o_outcome text, OUT o_id bytea, OUT o_claim integer, OUT o_used text[],
    OUT o_waits bigint[], OUT o_expired bigint
) LANGUAGE plpgsql AS $$
DECLARE
    v_units numeric[] := p_units::numeric[];
    v_limits numeric[] := p_limits::numeric[];
    v_now bigint;
    v_wall bigint;
    v_known @schema@.reservations;
    v_counter @schema@.counters;
    v_counters bigint[];
    v_used numeric;
    v_created boolean := false;
BEGIN
    PERFORM @schema@.lock(p_subjects);
    -- After the wait: who has a lock later reads no earlier time.
    v_now := coalesce(p_steady, @schema@.micros());
    v_wall := coalesce(p_wall, v_now);
    o_expired := @schema@.expire(p_subjects, v_now, v_wall);
    o_id := p_id;

    IF EXISTS (SELECT FROM @schema@.reservations WHERE id = p_id) THEN
        o_outcome := 'admitted';
    ELSIF EXISTS (SELECT FROM @schema@.joins WHERE id = p_id) THEN
        o_outcome := 'joined';
    ELSIF p_key IS NOT NULL THEN
        SELECT * INTO v_known FROM @schema@.reservations
        WHERE key_subject = p_subjects[1] AND key = p_key;
        IF v_known.key_until <= v_now THEN
            UPDATE @schema@.reservations SET key = NULL, fingerprint = NULL WHERE id = v_known.id;
        ELSIF v_known.fingerprint <> p_subjects || p_features || p_units THEN
            o_outcome := 'conflict';
            RETURN;
        ELSIF v_known.state = 'settled' THEN
            o_outcome := 'repeated';
            o_id := v_known.id;
        ELSIF v_known.joined >= 63 THEN
            o_outcome := 'crowded';
            RETURN;
        ELSIF v_known.state = 'open' THEN
            o_outcome := 'joined';
            INSERT INTO @schema@.joins (id, reservation) VALUES (p_id, v_known.id);
            -- Who joins has as long to settle as if it were new.
            UPDATE @schema@.reservations
            SET joined = joined + 1, present = present + 1, due = greatest(due, v_now + p_ttl)
            WHERE id = v_known.id;
            UPDATE @schema@.holds SET deadline = greatest(deadline, v_now + p_ttl)
            WHERE id = v_known.id AND holder = 'reservation';
        END IF;
    END IF;
    IF o_outcome IS NOT NULL THEN
        SELECT p.o_used, p.o_waits INTO o_used, o_waits
        FROM @schema@.peek(p_subjects, p_features, p_spans, p_ends, v_now, v_wall) p;
        RETURN;
    END IF;

    FOR i IN 1 .. cardinality(p_subjects) LOOP
        SELECT * INTO v_counter FROM @schema@.counters
        WHERE subject = p_subjects[i] AND feature = p_features[i] AND span = p_spans[i];
        IF v_counter.length IS NOT NULL THEN
            PERFORM @schema@.forget_elapsed(v_counter.id, v_now - v_counter.length);
            SELECT * INTO v_counter FROM @schema@.counters WHERE id = v_counter.id;
        END IF;
        v_counters[i] := v_counter.id;
        v_used := coalesce(v_counter.committed + v_counter.open, 0);
        CONTINUE WHEN v_limits[i] IS NULL OR v_used + v_units[i] <= v_limits[i];
        o_claim := i - 1;
        o_used[1] := @schema@.shown(v_used);
        IF v_units[i] > v_limits[i] THEN
            o_outcome := 'never';
            o_waits[1] := NULL;
            RETURN;
        END IF;
        o_outcome := 'full';
        IF v_counter.length IS NULL THEN
            o_waits[1] := @schema@.until_end(p_ends[i], v_wall);
        ELSE
            o_waits[1] := @schema@.until_at_most(
                v_counter.id, v_counter.length, v_used, v_limits[i] - v_units[i], v_now
            );
        END IF;
        RETURN;
    END LOOP;

    o_outcome := 'admitted';
    FOR i IN 1 .. cardinality(p_subjects) LOOP
        IF v_counters[i] IS NULL THEN
            v_created := true;
            v_counters[i] := @schema@.create_counter(
                p_subjects[i], p_features[i], p_spans[i], p_lengths[i], p_ends[i], v_now, v_wall
            );
        END IF;
        IF p_lengths[i] IS NOT NULL THEN
            PERFORM @schema@.enter(v_counters[i], v_units[i], v_now, v_wall);
        END IF;
        UPDATE @schema@.counters
        SET holds = holds + 1, open = CASE WHEN length IS NULL THEN open + v_units[i] ELSE open END
        WHERE id = v_counters[i] RETURNING committed + open INTO v_used;
        INSERT INTO @schema@.holds (id, claim, holder, subject, counter, units, deadline)
        VALUES (p_id, i - 1, 'reservation', p_subjects[i], v_counters[i], v_units[i], v_now + p_ttl);
        o_used[i] := @schema@.shown(v_used);
        IF p_lengths[i] IS NULL THEN
            o_waits[i] := @schema@.until_end(p_ends[i], v_wall);
        ELSE
            o_waits[i] := (
                SELECT at + p_lengths[i] - v_now FROM @schema@.entries
                WHERE counter = v_counters[i] ORDER BY at LIMIT 1
            );
        END IF;
    END LOOP;
    INSERT INTO @schema@.reservations (id, subjects, state, due, key_subject, key, fingerprint)
    VALUES (
        p_id, p_subjects, 'open', v_now + p_ttl,
        CASE WHEN p_key IS NOT NULL THEN p_subjects[1] END, p_key,
        CASE WHEN p_key IS NOT NULL THEN p_subjects || p_features || p_units END
    );

    -- More than one row goes for each that comes, so that what is over does not pile up.
    IF EXISTS (SELECT FROM @schema@.reservations WHERE due <= v_now) THEN
        PERFORM @schema@.tidy_reservations(v_now, v_wall, 4);
    END IF;
    IF v_created THEN
        PERFORM @schema@.tidy_counters(v_now, v_wall, 4);
    END IF;
END
$$;
