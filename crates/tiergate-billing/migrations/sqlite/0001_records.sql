-- Times are microseconds since 1970 UTC, money is in minor units, shares are in basis points.

CREATE TABLE subscriptions (
    id                     BLOB PRIMARY KEY,
    user_id                TEXT,
    organization_id        TEXT,
    tier                   TEXT NOT NULL,
    status                 TEXT NOT NULL,
    billing_cycle          TEXT CHECK (billing_cycle IN ('monthly', 'annual')),
    provider               TEXT NOT NULL,
    stripe_customer_id     TEXT,
    stripe_subscription_id TEXT UNIQUE,
    period_start           BIGINT,
    period_end             BIGINT,
    -- Where the first period started: what keeps the others on its day of the month.
    billing_anchor         BIGINT,
    cancel_at_period_end   BOOLEAN NOT NULL DEFAULT FALSE,
    canceled_at            BIGINT,
    trial_start            BIGINT,
    trial_end              BIGINT,
    seats                  BIGINT CHECK (seats > 0),
    discount               BIGINT NOT NULL DEFAULT 0 CHECK (discount BETWEEN 0 AND 10000),
    -- What the next renewal changes; the columns are null where it leaves things as they are.
    pending_tier           TEXT,
    pending_cycle          TEXT CHECK (pending_cycle IN ('monthly', 'annual')),
    pending_seats          BIGINT CHECK (pending_seats > 0),
    metadata               TEXT NOT NULL,
    version                BIGINT NOT NULL CHECK (version > 0),
    created_at             BIGINT NOT NULL,
    updated_at             BIGINT NOT NULL,
    CHECK ((user_id IS NULL) <> (organization_id IS NULL)),
    CHECK (period_start IS NULL OR period_end IS NULL OR period_start < period_end)
);

-- An owner has at most one subscription that lives. The two words are those that nothing follows.
CREATE UNIQUE INDEX subscriptions_live_user ON subscriptions (user_id)
    WHERE status NOT IN ('canceled', 'incomplete_expired') AND user_id IS NOT NULL;
CREATE UNIQUE INDEX subscriptions_live_organization ON subscriptions (organization_id)
    WHERE status NOT IN ('canceled', 'incomplete_expired') AND organization_id IS NOT NULL;
CREATE INDEX subscriptions_user ON subscriptions (user_id);
CREATE INDEX subscriptions_organization ON subscriptions (organization_id);
CREATE INDEX subscriptions_tier ON subscriptions (tier);
CREATE INDEX subscriptions_status ON subscriptions (status);
CREATE INDEX subscriptions_stripe_customer ON subscriptions (stripe_customer_id);
CREATE INDEX subscriptions_created ON subscriptions (created_at);
CREATE INDEX subscriptions_period_end ON subscriptions (period_end);
CREATE INDEX subscriptions_trial_end ON subscriptions (trial_end) WHERE status = 'trialing';

CREATE TABLE overrides (
    subscription_id BLOB NOT NULL REFERENCES subscriptions (id),
    feature_key     TEXT NOT NULL,
    value           TEXT NOT NULL,
    reason          TEXT NOT NULL,
    expires_at      BIGINT,
    created_by      TEXT NOT NULL,
    created_at      BIGINT NOT NULL,
    PRIMARY KEY (subscription_id, feature_key)
);

CREATE TABLE usage_records (
    id              BLOB PRIMARY KEY,
    subscription_id BLOB NOT NULL REFERENCES subscriptions (id),
    idempotency_key TEXT NOT NULL,
    user_id         TEXT,
    metric          TEXT NOT NULL,
    quantity        BIGINT NOT NULL,
    unit            TEXT,
    cost            BIGINT,
    currency        TEXT,
    period_start    BIGINT NOT NULL,
    period_end      BIGINT NOT NULL,
    billing_month   TEXT NOT NULL,
    metadata        TEXT NOT NULL,
    occurred_at     BIGINT NOT NULL,
    recorded_at     BIGINT NOT NULL,
    UNIQUE (subscription_id, idempotency_key),
    CHECK ((cost IS NULL) = (currency IS NULL)),
    CHECK (period_start < period_end)
);
CREATE INDEX usage_user ON usage_records (user_id);
CREATE INDEX usage_metric ON usage_records (metric, billing_month);
CREATE INDEX usage_month ON usage_records (billing_month);
CREATE INDEX usage_subscription_metric_month ON usage_records (subscription_id, metric, billing_month);
CREATE INDEX usage_recorded ON usage_records (recorded_at);
CREATE INDEX usage_period ON usage_records (period_start, period_end);

CREATE TABLE invoices (
    id                BLOB PRIMARY KEY,
    subscription_id   BLOB NOT NULL REFERENCES subscriptions (id),
    number            TEXT NOT NULL UNIQUE,
    stripe_invoice_id TEXT UNIQUE,
    tier              TEXT NOT NULL,
    status            TEXT NOT NULL
        CHECK (status IN ('draft', 'open', 'paid', 'uncollectible', 'void')),
    subtotal          BIGINT NOT NULL,
    tax               BIGINT NOT NULL,
    discount          BIGINT NOT NULL,
    total             BIGINT NOT NULL,
    refunded          BIGINT NOT NULL DEFAULT 0,
    currency          TEXT NOT NULL,
    period_start      BIGINT,
    period_end        BIGINT,
    due_at            BIGINT,
    paid_at           BIGINT,
    attempted_at      BIGINT,
    next_attempt_at   BIGINT,
    attempts          BIGINT NOT NULL DEFAULT 0,
    lines             TEXT NOT NULL,
    metadata          TEXT NOT NULL,
    version           BIGINT NOT NULL CHECK (version > 0),
    created_at        BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL,
    CHECK (refunded BETWEEN 0 AND total OR refunded = 0)
);
CREATE INDEX invoices_subscription ON invoices (subscription_id, created_at);
CREATE INDEX invoices_status ON invoices (status);
CREATE INDEX invoices_period ON invoices (period_start, period_end);
CREATE INDEX invoices_due ON invoices (due_at);
CREATE INDEX invoices_paid ON invoices (paid_at);

-- The last number that was given in each month. A number is taken in the transaction that writes its
-- invoice, so that none is given twice and none is left out.
CREATE TABLE invoice_numbers (
    month TEXT PRIMARY KEY,
    last  BIGINT NOT NULL
);

-- Money that moved or failed to: what the provider calls it, and what it was for.
CREATE TABLE payments (
    id              BLOB PRIMARY KEY,
    provider        TEXT NOT NULL,
    provider_ref    TEXT NOT NULL,
    kind            TEXT NOT NULL CHECK (kind IN ('payment', 'failure', 'refund')),
    -- The provider's id of the invoice, where the payment names it; the invoice may come later.
    invoice_ref     TEXT,
    invoice_id      BLOB REFERENCES invoices (id),
    subscription_id BLOB REFERENCES subscriptions (id),
    amount          BIGINT NOT NULL,
    currency        TEXT NOT NULL,
    detail          TEXT NOT NULL,
    occurred_at     BIGINT NOT NULL,
    recorded_at     BIGINT NOT NULL,
    UNIQUE (provider, provider_ref, kind)
);
CREATE INDEX payments_invoice ON payments (invoice_id);
CREATE INDEX payments_invoice_ref ON payments (provider, invoice_ref);
CREATE INDEX payments_subscription ON payments (subscription_id);

-- The catalog file as it was last loaded. The file is the source; this is what reports read.
CREATE TABLE catalog_versions (
    digest    TEXT PRIMARY KEY,
    yaml      TEXT NOT NULL,
    seeded_at BIGINT NOT NULL
);

CREATE TABLE feature_flags (
    key         TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    description TEXT NOT NULL,
    category    TEXT NOT NULL,
    tiers       TEXT NOT NULL,
    enabled     BOOLEAN NOT NULL,
    metadata    TEXT NOT NULL,
    catalog     TEXT NOT NULL REFERENCES catalog_versions (digest),
    updated_at  BIGINT NOT NULL
);
CREATE INDEX feature_flags_category ON feature_flags (category);
CREATE INDEX feature_flags_enabled ON feature_flags (enabled);

CREATE TABLE audit_log (
    id          BLOB PRIMARY KEY,
    at          BIGINT NOT NULL,
    actor_kind  TEXT NOT NULL,
    actor_id    TEXT NOT NULL,
    action      TEXT NOT NULL,
    object_kind TEXT NOT NULL,
    object_id   TEXT NOT NULL,
    before      TEXT,
    after       TEXT,
    reason      TEXT,
    request_id  TEXT
);
CREATE INDEX audit_log_at ON audit_log (at);
CREATE INDEX audit_log_object ON audit_log (object_id, at);
CREATE INDEX audit_log_actor ON audit_log (actor_id, at);

-- What others have to hear of, in the order in which it was committed: the sequence is counted by a row
-- that a transaction locks until it ends, so a reader who has seen a number has seen all below it.
CREATE TABLE outbox (
    sequence        BIGINT PRIMARY KEY,
    kind            TEXT NOT NULL,
    user_id         TEXT,
    organization_id TEXT,
    version         BIGINT,
    payload         TEXT NOT NULL,
    -- Says what happened to what, so that one happening is told once.
    dedupe_key      TEXT UNIQUE,
    created_at      BIGINT NOT NULL
);
CREATE INDEX outbox_created ON outbox (created_at);

CREATE TABLE outbox_position (
    id   BIGINT PRIMARY KEY CHECK (id = 1),
    last BIGINT NOT NULL
);
INSERT INTO outbox_position (id, last) VALUES (1, 0);

CREATE TABLE webhook_inbox (
    id               BLOB PRIMARY KEY,
    provider         TEXT NOT NULL,
    event_id         TEXT NOT NULL,
    kind             TEXT NOT NULL,
    object_kind      TEXT,
    object_id        TEXT,
    subscription_ref TEXT,
    customer_ref     TEXT,
    livemode         BOOLEAN NOT NULL,
    -- The provider's own time, in whole seconds as it tells them.
    created          BIGINT NOT NULL,
    payload          BLOB NOT NULL,
    state            TEXT NOT NULL
        CHECK (state IN ('received', 'waiting', 'failed', 'done', 'ignored', 'dead')),
    attempts         BIGINT NOT NULL DEFAULT 0,
    next_attempt_at  BIGINT NOT NULL,
    claimed_until    BIGINT,
    fault            TEXT,
    received_at      BIGINT NOT NULL,
    finished_at      BIGINT,
    UNIQUE (provider, event_id)
);
CREATE INDEX webhook_inbox_due ON webhook_inbox (next_attempt_at)
    WHERE state IN ('received', 'waiting', 'failed');
CREATE INDEX webhook_inbox_subscription ON webhook_inbox (subscription_ref, created);
CREATE INDEX webhook_inbox_object ON webhook_inbox (object_kind, object_id, created);
CREATE INDEX webhook_inbox_customer ON webhook_inbox (customer_ref);
CREATE INDEX webhook_inbox_received ON webhook_inbox (received_at);
CREATE INDEX webhook_inbox_state ON webhook_inbox (state, received_at);

-- Whose a provider's customer is. Written once; nothing that an event says moves a customer.
CREATE TABLE customers (
    provider        TEXT NOT NULL,
    customer_ref    TEXT NOT NULL,
    user_id         TEXT,
    organization_id TEXT,
    created_at      BIGINT NOT NULL,
    PRIMARY KEY (provider, customer_ref),
    CHECK ((user_id IS NULL) <> (organization_id IS NULL))
);

-- The first answer to each key. `scope` is the caller and the request line.
CREATE TABLE idempotency_keys (
    scope       TEXT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    status      BIGINT NOT NULL,
    headers     TEXT NOT NULL,
    body        BLOB NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);

CREATE TRIGGER audit_log_keeps BEFORE UPDATE ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
CREATE TRIGGER audit_log_keeps_all BEFORE DELETE ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
