//! What this store tells to logs and metrics. The crate documentation lists the names.

use tracing::{debug, info, warn};

use super::fault::Fault;

const TARGET: &str = "tiergate::usage";

pub(super) fn expired(reservations: u64) {
    warn!(
        target: TARGET, event = "reservations.expired", reservations,
        "released reservations that nobody settled in time",
    );
}

pub(super) fn repeated(operation: &'static str, fault: &Fault) {
    debug!(target: TARGET, event = "store.repeated", operation, error = fault.detail(), "asked again");
    #[cfg(feature = "metrics")]
    metrics::counter!("tiergate_usage_store_repeats_total").increment(1);
}

pub(super) fn crowded() {
    warn!(target: TARGET, event = "store.full", "too many calls wait for a connection");
    #[cfg(feature = "metrics")]
    metrics::counter!("tiergate_usage_store_full_total").increment(1);
}

pub(super) fn timed_out(operation: &'static str) {
    debug!(target: TARGET, event = "store.timed_out", operation, "no answer in time");
    #[cfg(feature = "metrics")]
    metrics::counter!("tiergate_usage_store_timeouts_total").increment(1);
}

pub(super) fn schema_made(schema: &str, version: i32) {
    info!(target: TARGET, event = "store.schema_made", schema, version, "made the schema");
}
