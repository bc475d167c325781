-- Times are microseconds. `deadline`, `due` and `at` are of the store's steady line, `ends` is of the
-- calendar; both are this server's clock, except in tests.

-- One counter. Of a rate, `committed` is the sum of its entries and nothing is ever open.
CREATE TABLE @schema@.counters (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject text COLLATE "C" NOT NULL,
    feature text COLLATE "C" NOT NULL,
    span text COLLATE "C" NOT NULL,
    -- How long a unit counts: of rates.
    length bigint,
    -- When the window ends: of quotas.
    ends bigint,
    committed numeric NOT NULL DEFAULT 0 CHECK (committed >= 0),
    open numeric NOT NULL DEFAULT 0 CHECK (open >= 0),
    -- How many rows of `holds` refer to it.
    holds bigint NOT NULL DEFAULT 0,
    -- How many rows of `entries` are its, and the time of the last that was made.
    entries bigint NOT NULL DEFAULT 0,
    latest bigint NOT NULL DEFAULT 0,
    -- When to look whether it can go. A gauge goes with its last unit.
    due bigint,
    CHECK (length IS NULL OR ends IS NULL),
    UNIQUE (subject, feature, span)
) WITH (fillfactor = 70);
CREATE INDEX counters_due ON @schema@.counters (due) WHERE due IS NOT NULL;

-- What rates admitted, and when.
CREATE TABLE @schema@.entries (
    counter bigint NOT NULL,
    at bigint NOT NULL,
    units numeric NOT NULL,
    PRIMARY KEY (counter, at)
);

-- Admitted operations, open ones and those that are remembered. The lock of the first subject guards
-- the row.
CREATE TABLE @schema@.reservations (
    id bytea PRIMARY KEY,
    subjects text[] NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'settled', 'expired')),
    -- Whether who made it has not left yet, how many joined it ever, and how many hold it now.
    maker text NOT NULL DEFAULT 'present' CHECK (maker IN ('present', 'left')),
    joined integer NOT NULL DEFAULT 0,
    present integer NOT NULL DEFAULT 1,
    -- When it expires, or when it is forgotten.
    due bigint NOT NULL,
    key_subject text COLLATE "C",
    key text COLLATE "C",
    -- What it asked for, to know a retry of it by; and until when a retry is one.
    fingerprint text[],
    key_until bigint
) WITH (fillfactor = 70);
CREATE INDEX reservations_due ON @schema@.reservations (due);
CREATE UNIQUE INDEX reservations_key ON @schema@.reservations (key_subject, key) WHERE key IS NOT NULL;

-- Retries that joined an open operation.
CREATE TABLE @schema@.joins (
    id bytea PRIMARY KEY,
    reservation bytea NOT NULL,
    state text NOT NULL DEFAULT 'present' CHECK (state IN ('present', 'left'))
);
CREATE INDEX joins_reservation ON @schema@.joins (reservation);

-- Blocks of units that processes hold, open ones and those that are remembered.
CREATE TABLE @schema@.leases (
    id bytea PRIMARY KEY,
    subject text COLLATE "C" NOT NULL,
    feature text COLLATE "C" NOT NULL,
    span text COLLATE "C" NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'expired', 'ended')),
    units numeric NOT NULL,
    kept numeric NOT NULL,
    -- When it expires, or when it is forgotten.
    due bigint NOT NULL
);
CREATE INDEX leases_due ON @schema@.leases (due);

-- Units of one counter that an open reservation or lease holds. `kept` stay counted when it expires.
CREATE TABLE @schema@.holds (
    id bytea NOT NULL,
    claim smallint NOT NULL,
    holder text NOT NULL CHECK (holder IN ('reservation', 'lease')),
    subject text COLLATE "C" NOT NULL,
    counter bigint NOT NULL,
    units numeric NOT NULL,
    kept numeric NOT NULL DEFAULT 0,
    deadline bigint NOT NULL,
    PRIMARY KEY (id, claim, holder)
);
CREATE INDEX holds_deadline ON @schema@.holds (subject, deadline);

-- Rows come and go by the thousand. Plans and free room depend on whether that is noticed.
ALTER TABLE @schema@.entries SET (autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE @schema@.reservations SET (autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE @schema@.holds SET (autovacuum_vacuum_scale_factor = 0.05);
