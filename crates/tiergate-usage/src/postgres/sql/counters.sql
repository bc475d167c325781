-- A number of units as the program reads it.
CREATE FUNCTION @schema@.shown(p_units numeric) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT least(p_units, 18446744073709551615)::text
$$;

-- How long until a window ends; nothing where there is none.
CREATE FUNCTION @schema@.until_end(p_ends bigint, p_wall bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_ends IS NOT NULL THEN greatest(p_ends - p_wall, 0) END
$$;

-- When to look whether a counter can go. On a grid for rates, so that it is the same for many operations
-- in turn and the index need not be written.
CREATE FUNCTION @schema@.due(p_length bigint, p_ends bigint, p_now bigint, p_wall bigint)
RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN p_length IS NOT NULL THEN
            (p_now / greatest(p_length, 60000000) + 2) * greatest(p_length, 60000000)
        WHEN p_ends IS NOT NULL THEN p_now + @schema@.until_end(p_ends, p_wall) + 86400000000
    END
$$;

-- Makes a counter that is not there. The caller has the subject's lock.
CREATE FUNCTION @schema@.create_counter(
    p_subject text, p_feature text, p_span text, p_length bigint, p_ends bigint,
    p_now bigint, p_wall bigint
) RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO @schema@.counters (subject, feature, span, length, ends, due)
    VALUES (p_subject, p_feature, p_span, p_length, p_ends, @schema@.due(p_length, p_ends, p_now, p_wall))
    RETURNING id
$$;

-- Drops what no longer counts from the log of a rate.
CREATE FUNCTION @schema@.forget_elapsed(p_counter bigint, p_until bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_units numeric;
    v_rows bigint;
BEGIN
    WITH gone AS (
        DELETE FROM @schema@.entries WHERE counter = p_counter AND at <= p_until RETURNING units
    )
    SELECT sum(units), count(*) INTO v_units, v_rows FROM gone;
    IF v_rows > 0 THEN
        UPDATE @schema@.counters SET committed = committed - v_units, entries = entries - v_rows
        WHERE id = p_counter;
    END IF;
END
$$;

-- Counts units of a rate from now on. No entry is before the last, also when the clock steps back.
--
-- A log has at most 1,024 entries. When it is full, those of one cell are merged to the latest of them:
-- the limit is kept, and a unit leaves at most a 512th of the length late. Cells are cut by absolute
-- time, so that merging again adds no delay.
CREATE FUNCTION @schema@.enter(p_counter bigint, p_units numeric, p_now bigint, p_wall bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_counter @schema@.counters;
    v_at bigint;
    v_cell bigint;
    v_merged bigint;
BEGIN
    IF p_units = 0 THEN
        RETURN;
    END IF;
    SELECT * INTO v_counter FROM @schema@.counters WHERE id = p_counter;
    v_at := greatest(p_now, v_counter.latest);
    IF v_counter.entries >= 1024 AND v_at > v_counter.latest THEN
        v_cell := greatest(v_counter.length / 512, 1);
        UPDATE @schema@.entries e SET units = cell.units
        FROM (
            SELECT max(at) AS at, sum(units) AS units FROM @schema@.entries
            WHERE counter = p_counter GROUP BY at / v_cell HAVING count(*) > 1
        ) cell
        WHERE e.counter = p_counter AND e.at = cell.at;
        DELETE FROM @schema@.entries e USING (
            SELECT at, max(at) OVER (PARTITION BY at / v_cell) AS last FROM @schema@.entries
            WHERE counter = p_counter
        ) cell
        WHERE e.counter = p_counter AND e.at = cell.at AND cell.at < cell.last;
        GET DIAGNOSTICS v_merged = ROW_COUNT;
        v_counter.entries := v_counter.entries - v_merged;
    END IF;
    UPDATE @schema@.entries SET units = units + p_units WHERE counter = p_counter AND at = v_at;
    IF NOT FOUND THEN
        INSERT INTO @schema@.entries (counter, at, units) VALUES (p_counter, v_at, p_units);
        v_counter.entries := v_counter.entries + 1;
    END IF;
    UPDATE @schema@.counters
    SET committed = committed + p_units, entries = v_counter.entries, latest = v_at,
        due = @schema@.due(length, ends, v_at, p_wall)
    WHERE id = p_counter;
END
$$;

-- How a counter stands, what is overdue taken into account. Changes nothing and waits for nobody: it is
-- one statement, so it sees one moment.
CREATE FUNCTION @schema@.look(
    p_subject text, p_feature text, p_span text, p_now bigint,
    OUT o_committed numeric, OUT o_open numeric, OUT o_wait bigint
) LANGUAGE plpgsql AS $$
BEGIN
    SELECT
        CASE
            WHEN c.length IS NULL THEN c.committed + coalesce((
                SELECT sum(h.kept) FROM @schema@.holds h
                WHERE h.subject = p_subject AND h.deadline <= p_now AND h.counter = c.id
            ), 0)
            ELSE c.committed - coalesce((
                SELECT sum(e.units) FROM @schema@.entries e
                WHERE e.counter = c.id AND e.at <= p_now - c.length
            ), 0)
        END,
        CASE
            WHEN c.length IS NULL THEN c.open - coalesce((
                SELECT sum(h.units) FROM @schema@.holds h
                WHERE h.subject = p_subject AND h.deadline <= p_now AND h.counter = c.id
            ), 0)
            ELSE 0
        END,
        CASE WHEN c.length IS NOT NULL THEN (
            SELECT e.at + c.length - p_now FROM @schema@.entries e
            WHERE e.counter = c.id AND e.at > p_now - c.length ORDER BY e.at LIMIT 1
        ) END
    INTO o_committed, o_open, o_wait
    FROM @schema@.counters c
    WHERE c.subject = p_subject AND c.feature = p_feature AND c.span = p_span;
    o_committed := coalesce(o_committed, 0);
    o_open := coalesce(o_open, 0);
END
$$;

-- Where counters stand, as texts and waits in the order of the names.
CREATE FUNCTION @schema@.peek(
    p_subjects text[], p_features text[], p_spans text[], p_ends bigint[],
    p_steady bigint, p_wall bigint,
    OUT o_used text[], OUT o_waits bigint[]
) LANGUAGE plpgsql AS $$
DECLARE
    v_now bigint;
    v_look record;
BEGIN
    FOR i IN 1 .. cardinality(p_subjects) LOOP
        v_now := coalesce(p_steady, @schema@.micros());
        SELECT * INTO v_look FROM @schema@.look(p_subjects[i], p_features[i], p_spans[i], v_now);
        o_used[i] := @schema@.shown(v_look.o_committed + v_look.o_open);
        o_waits[i] := coalesce(v_look.o_wait, @schema@.until_end(p_ends[i], coalesce(p_wall, v_now)));
    END LOOP;
END
$$;

-- What a counter is made of.
CREATE FUNCTION @schema@.tally(
    p_subject text, p_feature text, p_span text, p_steady bigint,
    OUT o_committed text, OUT o_open text
) LANGUAGE sql AS $$
    SELECT @schema@.shown(l.o_committed), @schema@.shown(l.o_open)
    FROM @schema@.look(p_subject, p_feature, p_span, coalesce(p_steady, @schema@.micros())) l
$$;

-- Adds to what is committed, or takes up to so much off it, and tells how much was taken.
CREATE FUNCTION @schema@.adjust(
    p_subject text, p_feature text, p_span text, p_ends bigint, p_change text,
    p_steady bigint, p_wall bigint,
    OUT o_lowered text, OUT o_committed text, OUT o_open text, OUT o_used text, OUT o_expired bigint
) LANGUAGE plpgsql AS $$
DECLARE
    v_change numeric := p_change::numeric;
    v_now bigint;
    v_counter @schema@.counters;
    v_lowered numeric;
BEGIN
    PERFORM @schema@.lock(ARRAY[p_subject]);
    v_now := coalesce(p_steady, @schema@.micros());
    o_expired := @schema@.expire(ARRAY[p_subject], v_now, coalesce(p_wall, v_now));
    SELECT * INTO v_counter FROM @schema@.counters
    WHERE subject = p_subject AND feature = p_feature AND span = p_span;
    IF NOT FOUND AND v_change > 0 THEN
        v_counter.id := @schema@.create_counter(
            p_subject, p_feature, p_span, NULL, p_ends, v_now, coalesce(p_wall, v_now)
        );
        v_counter.committed := 0;
    END IF;
    v_lowered := least(greatest(-v_change, 0), coalesce(v_counter.committed, 0));
    UPDATE @schema@.counters SET committed = committed + greatest(v_change, 0) - v_lowered
    WHERE id = v_counter.id RETURNING * INTO v_counter;
    PERFORM @schema@.drop_unused(v_counter.id);
    o_lowered := @schema@.shown(v_lowered);
    o_committed := @schema@.shown(coalesce(v_counter.committed, 0));
    o_open := @schema@.shown(coalesce(v_counter.open, 0));
    o_used := @schema@.shown(coalesce(v_counter.committed + v_counter.open, 0));
END
$$;

-- Forgets a gauge or quota of which nothing is used: that changes no answer.
CREATE FUNCTION @schema@.drop_unused(p_counter bigint) RETURNS void LANGUAGE sql AS $$
    DELETE FROM @schema@.counters
    WHERE id = p_counter AND length IS NULL AND holds = 0 AND committed = 0 AND open = 0
$$;
