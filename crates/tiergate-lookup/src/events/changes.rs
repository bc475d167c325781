//! What is told of the stream of changes.

use std::error::Error;
use std::time::Duration;

use tiergate_core::Subject;
use tracing::{info, warn};

use super::{Chain, TARGET};
use crate::LookupError;
use crate::follow::Outcome;

pub(crate) fn changes_connected(resumed: bool) {
    info!(target: TARGET, event = "changes.connected", resumed);
    metric!(metrics::gauge!("tiergate_changes_connected").set(1.0););
}

pub(crate) fn changes_disconnected() {
    metric!(metrics::gauge!("tiergate_changes_connected").set(0.0););
}

pub(crate) fn changes_lost(error: &LookupError, pause: Duration) {
    warn!(
        target: TARGET,
        event = "changes.lost",
        kind = error.kind().as_str(),
        status = error.status(),
        retry_ms = millis(pause),
        cause = error.source().map(|source| tracing::field::display(Chain(source))),
    );
}

pub(crate) fn changes_not_offered(status: u16, pause: Duration) {
    warn!(
        target: TARGET,
        event = "changes.not_offered",
        status,
        retry_ms = millis(pause),
        "the billing service has no stream of changes, they are noticed when answers grow old"
    );
}

/// Counts a stream that ended or could not be opened, for whatever reason.
pub(crate) fn changes_counted_lost() {
    metric!(metrics::counter!("tiergate_changes_lost_total").increment(1););
}

pub(crate) fn change_unreadable(subject: Option<&Subject>, cause: &dyn Error) {
    warn!(
        target: TARGET,
        event = "changes.unreadable",
        subject = subject.map(tracing::field::display),
        %cause,
    );
}

pub(crate) fn change_oversized() {
    warn!(target: TARGET, event = "changes.oversized");
}

pub(crate) fn catalog_announced(revision: Option<&str>) {
    // It comes from elsewhere: printed so that it cannot break a line of a log.
    info!(target: TARGET, event = "changes.catalog", revision = revision.map(tracing::field::debug));
}

/// Counts an event by what became of it.
pub(crate) fn change(outcome: Outcome) {
    metric! {
        metrics::counter!("tiergate_changes_total", "outcome" => outcome.as_str()).increment(1);
    }
    #[cfg(not(feature = "metrics"))]
    let _ = outcome.as_str();
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
