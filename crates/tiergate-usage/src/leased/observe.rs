//! What is told to logs and metrics. The module documentation lists the names.

use tracing::{debug, warn};

use super::account::Event;

const TARGET: &str = "tiergate::usage";

pub(super) fn answered(event: Event) {
    match event {
        Event::Leased(units) => {
            debug!(target: TARGET, event = "lease.taken", units, "leased units");
            count("leased");
        }
        Event::Refused => {
            debug!(target: TARGET, event = "lease.refused", "there are no units to lease");
            count("refused");
        }
        Event::Reported => count("reported"),
        Event::Returned(units) => {
            debug!(target: TARGET, event = "lease.returned", units, "gave leased units back");
            count("returned");
        }
        Event::Lost(units) => {
            warn!(target: TARGET, event = "lease.lost", units, "the store has let a lease expire");
            count("lost");
        }
        Event::TooLate(units) => {
            debug!(target: TARGET, event = "lease.late", units, "units of a rate came too late to be spent");
            count("late");
        }
        Event::Failed(kind) => {
            debug!(target: TARGET, event = "lease.failed", error = ?kind, "the store did not answer about a lease");
            count("failed");
        }
    }
}

pub(super) fn late() {
    warn!(target: TARGET, event = "commit.late", "an operation committed after its reservation had expired");
    #[cfg(feature = "metrics")]
    metrics::counter!("tiergate_lease_late_commits_total").increment(1);
}

pub(super) fn expired(reservations: u64) {
    warn!(
        target: TARGET, event = "reservations.expired", reservations,
        "released reservations that nobody settled in time",
    );
}

/// How a wait for units ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum Waited {
    Decided,
    Failed,
    TimedOut,
    Left,
}

pub(super) fn waited(waited: Waited) {
    let outcome = match waited {
        Waited::Decided => "decided",
        Waited::Failed => "failed",
        Waited::TimedOut => "timed_out",
        Waited::Left => "left",
    };
    #[cfg(feature = "metrics")]
    metrics::counter!("tiergate_lease_waits_total", "outcome" => outcome).increment(1);
    tracing::trace!(target: TARGET, event = "lease.waited", outcome, "waited for units");
}

pub(super) fn holdings(counters: u64, idle: u64) {
    #[cfg(feature = "metrics")]
    {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a gauge is a floating-point number"
        )]
        metrics::gauge!("tiergate_lease_units_idle").set(idle as f64);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a gauge is a floating-point number"
        )]
        metrics::gauge!("tiergate_lease_counters").set(counters as f64);
    }
    tracing::trace!(target: TARGET, event = "lease.holdings", counters, idle, "leased units");
}

fn count(event: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("tiergate_leases_total", "event" => event).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = event;
}
