-- Ends a reservation for one of its holders: with the units of each claim, or with none named to release.
--
-- Outcomes: 'settled', 'before' (it was settled already), 'expired', 'unknown', 'miscounted' (not as many
-- units as claims; nothing changed).
CREATE FUNCTION @schema@.settle(
    p_id bytea, p_units text[], p_steady bigint, p_wall bigint,
    OUT o_outcome text, OUT o_expired bigint
) LANGUAGE plpgsql AS $$
DECLARE
    v_units numeric[] := p_units::numeric[];
    v_id bytea := p_id;
    v_now bigint;
    v_wall bigint;
    v_row @schema@.reservations;
    v_hold record;
    v_holder text;
    v_holds bigint;
    v_length bigint;
    v_until bigint;
BEGIN
    o_expired := 0;
    -- The subjects of a reservation never change, so they are read before their locks are taken.
    SELECT * INTO v_row FROM @schema@.reservations WHERE id = v_id;
    IF NOT FOUND THEN
        SELECT reservation INTO v_id FROM @schema@.joins WHERE id = p_id;
        SELECT * INTO v_row FROM @schema@.reservations WHERE id = v_id;
        IF NOT FOUND THEN
            o_outcome := 'unknown';
            RETURN;
        END IF;
    END IF;
    PERFORM @schema@.lock(v_row.subjects);
    v_now := coalesce(p_steady, @schema@.micros());
    v_wall := coalesce(p_wall, v_now);
    o_expired := @schema@.expire(v_row.subjects, v_now, v_wall);

    SELECT * INTO v_row FROM @schema@.reservations WHERE id = v_id;
    IF NOT FOUND THEN
        o_outcome := 'unknown';
        RETURN;
    ELSIF v_row.state = 'settled' THEN
        o_outcome := 'before';
        RETURN;
    ELSIF v_row.state = 'expired' THEN
        o_outcome := 'expired';
        RETURN;
    ELSIF cardinality(p_units) <> cardinality(v_row.subjects) THEN
        o_outcome := 'miscounted';
        RETURN;
    END IF;
    v_holder := v_row.maker;
    IF v_id <> p_id THEN
        SELECT state INTO v_holder FROM @schema@.joins WHERE id = p_id;
    END IF;
    IF v_holder = 'left' THEN
        o_outcome := 'before';
        RETURN;
    END IF;

    o_outcome := 'settled';
    SELECT count(*) INTO v_holds FROM @schema@.holds WHERE id = v_id AND holder = 'reservation';
    IF v_holds < cardinality(v_row.subjects) THEN
        -- The clock stepped back after a part of it had expired, so all of it has.
        o_outcome := 'expired';
        v_units := NULL;
    ELSIF p_units IS NULL AND v_row.present > 1 THEN
        -- Others go on with it.
        UPDATE @schema@.reservations
        SET present = present - 1, maker = CASE WHEN v_id = p_id THEN 'left' ELSE maker END
        WHERE id = v_id;
        UPDATE @schema@.joins SET state = 'left' WHERE id = p_id;
        RETURN;
    END IF;

    v_until := v_now;
    FOR v_hold IN
        DELETE FROM @schema@.holds WHERE id = v_id AND holder = 'reservation'
        RETURNING claim, counter, units
    LOOP
        UPDATE @schema@.counters
        SET holds = holds - 1,
            open = CASE WHEN length IS NULL THEN open - v_hold.units ELSE open END,
            committed = CASE
                WHEN length IS NULL THEN committed + coalesce(v_units[v_hold.claim + 1], 0)
                ELSE committed
            END
        WHERE id = v_hold.counter
        RETURNING length, greatest(v_until, v_now + CASE
            WHEN length IS NOT NULL THEN length
            ELSE coalesce(@schema@.until_end(ends, v_wall), 86400000000)
        END) INTO v_length, v_until;
        IF v_length IS NULL THEN
            PERFORM @schema@.drop_unused(v_hold.counter);
        ELSIF v_units[v_hold.claim + 1] > v_hold.units THEN
            -- What was admitted stays counted; what was used beyond it counts from now on.
            PERFORM @schema@.enter(
                v_hold.counter, v_units[v_hold.claim + 1] - v_hold.units, v_now, v_wall
            );
        END IF;
    END LOOP;

    IF o_outcome = 'expired' THEN
        UPDATE @schema@.reservations
        SET state = 'expired', key = NULL, fingerprint = NULL, due = v_now + 3600000000
        WHERE id = v_id;
    ELSIF v_row.key IS NOT NULL AND p_units IS NOT NULL THEN
        UPDATE @schema@.reservations
        SET state = 'settled', key_until = v_until, due = v_until + 300000000 WHERE id = v_id;
    ELSE
        UPDATE @schema@.reservations
        SET state = 'settled', key = NULL, fingerprint = NULL, due = v_now + 300000000 WHERE id = v_id;
    END IF;
END
$$;
