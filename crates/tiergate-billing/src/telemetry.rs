//! Metrics: their names, and who collects them.
//!
//! | metric | kind | labels |
//! |---|---|---|
//! | `tiergate_billing_requests_total` | counter | `method`, `route`, `status` |
//! | `tiergate_billing_request_seconds` | histogram, until the head of the answer | `method`, `route` |
//! | `tiergate_billing_connections` | gauge | – |
//! | `tiergate_billing_streams` | gauge of open event streams | – |
//! | `tiergate_billing_events_total` | counter of events read from the outbox | – |
//! | `tiergate_billing_outbox_lag` | gauge of changes committed and not read yet | – |
//! | `tiergate_billing_inbox_waiting` | gauge of webhooks not done with | – |
//! | `tiergate_billing_inbox_dead` | gauge of webhooks given up | – |
//! | `tiergate_billing_inbox_oldest_seconds` | gauge: how long the oldest of those waits | – |
//! | `tiergate_billing_database_connections` | gauge | `pool`, `state`: `used`, `idle` |
//! | `tiergate_billing_job_runs_total` | counter | `job`, `outcome`: `done`, `failed` |
//! | `tiergate_billing_job_seconds` | histogram | `job` |
//!
//! `route` is the template of a route or `none`, and `method` a word of RFC 9110 or `other`: no label
//! takes a value from a request, so the number of series is bounded.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Bounds of histograms, in seconds: from what a cached answer takes to where requests are cut off.
const BUCKETS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

/// Who collects the metrics of this process; none if the program around this service has another
/// recorder. The first call takes the place, if it is free.
pub(crate) fn recorder() -> Option<&'static PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    RECORDER
        .get_or_init(|| {
            let suffix = Matcher::Suffix("_seconds".to_owned());
            let builder = PrometheusBuilder::new();
            let recorder = builder
                .set_buckets_for_metric(suffix, &BUCKETS)
                .ok()?
                .build_recorder();
            let handle = recorder.handle();
            metrics::set_global_recorder(recorder).ok()?;
            Some(handle)
        })
        .as_ref()
}
