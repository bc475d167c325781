-- How much a subscription used of a metric within a window, kept up by every batch of usage records, so
-- that a batch knows what it adds to without summing up all that came before it. It is worked out from
-- the records where a row is missing, so that rows of windows that are over can go. A level counts in
-- all of time.
CREATE TABLE usage_running_totals (
    subscription_id UUID NOT NULL REFERENCES subscriptions (id),
    metric          TEXT NOT NULL,
    window_start    BIGINT NOT NULL,
    window_end      BIGINT NOT NULL,
    total           BIGINT NOT NULL,
    -- By how much the last batch changed it.
    added           BIGINT NOT NULL,
    -- How many batches there were since the row was made.
    batches         BIGINT NOT NULL CHECK (batches > 0),
    PRIMARY KEY (subscription_id, metric, window_start, window_end),
    CHECK (window_start < window_end)
-- Room in each page, so that a new version of a row stays in its page and no index changes.
) WITH (fillfactor = 60);
