//! What is told to whoever watches: `tracing` events, and metrics if that cargo feature is on.
//!
//! The names, the fields and the labels are part of the public interface. All events have the
//! target `tiergate::lookup` and a field `event`, which is their name.
//!
//! | event | level | fields | when |
//! |---|---|---|---|
//! | `lookup.answered` | debug | `subject`, `outcome` (`found`, `missing`), `took_ms` | a lookup brought an answer |
//! | `lookup.failed` | warn | `subject`, `kind`, `status`, `took_ms`, `cause` | a lookup failed |
//! | `lookup.panicked` | error | `subject` | a lookup panicked; `lookup.failed` follows |
//! | `answer.discarded` | debug | `subject` | an answer came after something newer was known |
//! | `refresh.skipped` | debug | `subject`, `kind` | no refresh was started, for want of room or because the circuit is open |
//! | `push.applied` | debug | `subject` | a pushed change holds |
//! | `push.outdated` | debug | `subject` | a pushed change was older than what is known |
//! | `push.unasked` | debug | `subject` | an overheard change was dropped: nobody asked about its subject |
//! | `cache.doubted` | info | – | changes may have been missed: everything is asked for again when it is used |
//! | `changes.connected` | info | `resumed` | the stream of changes is open |
//! | `changes.lost` | warn | `kind`, `status`, `retry_ms`, `cause` | the stream of changes ended or could not be opened |
//! | `changes.not_offered` | warn, once in a row | `status`, `retry_ms` | the billing service has no stream of changes |
//! | `changes.unreadable` | warn | `subject`, `cause` | a change could not be read; what it may be about is asked for again |
//! | `changes.oversized` | warn | – | an event was too large, and skipped; `cache.doubted` follows |
//! | `changes.catalog` | info | `revision` | the billing service announced a catalog |
//! | `circuit.opened` | warn | – | too many lookups failed: none are made for a while |
//! | `circuit.closed` | info | – | a lookup succeeded again |
//!
//! With the cargo feature `metrics`, through the `metrics` facade:
//!
//! | metric | kind | labels |
//! |---|---|---|
//! | `tiergate_lookups_total` | counter | `outcome`: `found`, `missing`, or the kind of the failure |
//! | `tiergate_lookup_seconds` | histogram | – |
//! | `tiergate_cache_requests_total` | counter | `result`: `fresh`, `stale`, `miss` |
//! | `tiergate_cache_age_seconds` | histogram of the age of what was served stale | – |
//! | `tiergate_cache_entries` | gauge | – |
//! | `tiergate_cache_discarded_total` | counter | – |
//! | `tiergate_cache_refreshes_skipped_total` | counter | – |
//! | `tiergate_cache_revalidations_total` | counter | – |
//! | `tiergate_changes_total` | counter of events | `outcome`: `applied`, `outdated`, `unasked`, `unreadable`, `oversized`, `catalog`, `ignored` |
//! | `tiergate_changes_connected` | gauge, 1 or 0 | – |
//! | `tiergate_changes_lost_total` | counter | – |
//! | `tiergate_circuit_open` | gauge, 1 or 0 | – |
//!
//! No label names a subject, so the number of series is bounded.

use std::error::Error;
use std::time::Duration;

use tiergate_core::Subject;
use tracing::{debug, error, info, warn};

use crate::{Answer, LookupErrorKind};

const TARGET: &str = "tiergate::lookup";

/// Counts for the `metrics` facade; nothing without the cargo feature.
macro_rules! metric {
    ($($body:tt)*) => {
        #[cfg(feature = "metrics")]
        {
            $($body)*
        }
    };
}

pub(crate) fn lookup_finished(subject: &Subject, answer: &Answer, took: Duration) {
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let outcome = match answer {
        Answer::Found(_) => "found",
        Answer::Missing => "missing",
        Answer::Failed(error) => error.kind().as_str(),
    };
    match answer {
        Answer::Found(_) | Answer::Missing => debug!(
            target: TARGET,
            event = "lookup.answered",
            %subject,
            outcome,
            took_ms,
        ),
        Answer::Failed(error) => warn!(
            target: TARGET,
            event = "lookup.failed",
            %subject,
            kind = outcome,
            status = error.status(),
            took_ms,
            cause = error.source().map(|source| tracing::field::display(Chain(source))),
        ),
    }
    metric! {
        metrics::counter!("tiergate_lookups_total", "outcome" => outcome).increment(1);
        metrics::histogram!("tiergate_lookup_seconds").record(took.as_secs_f64());
    }
}

/// An error with everything that lies behind it: the outermost alone rarely says what went wrong.
struct Chain<'a>(&'a (dyn Error + 'static));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut behind = self.0.source();
        while let Some(error) = behind {
            write!(f, ": {error}")?;
            behind = error.source();
        }
        Ok(())
    }
}

pub(crate) fn lookup_panicked(subject: &Subject) {
    error!(target: TARGET, event = "lookup.panicked", %subject);
}

pub(crate) fn answer_discarded(subject: &Subject) {
    debug!(target: TARGET, event = "answer.discarded", %subject);
    metric!(metrics::counter!("tiergate_cache_discarded_total").increment(1););
}

pub(crate) fn refresh_skipped(subject: &Subject, kind: LookupErrorKind) {
    debug!(target: TARGET, event = "refresh.skipped", %subject, kind = kind.as_str());
    metric!(metrics::counter!("tiergate_cache_refreshes_skipped_total").increment(1););
}

pub(crate) fn push_applied(subject: &Subject) {
    debug!(target: TARGET, event = "push.applied", %subject);
}

pub(crate) fn push_outdated(subject: &Subject) {
    debug!(target: TARGET, event = "push.outdated", %subject);
}

pub(crate) fn push_unasked(subject: &Subject) {
    debug!(target: TARGET, event = "push.unasked", %subject);
}

pub(crate) fn doubted() {
    info!(target: TARGET, event = "cache.doubted");
    metric!(metrics::counter!("tiergate_cache_revalidations_total").increment(1););
}

pub(crate) fn circuit_opened() {
    warn!(target: TARGET, event = "circuit.opened");
    metric!(metrics::gauge!("tiergate_circuit_open").set(1.0););
}

pub(crate) fn circuit_closed() {
    info!(target: TARGET, event = "circuit.closed");
    metric!(metrics::gauge!("tiergate_circuit_open").set(0.0););
}

pub(crate) fn served_fresh() {
    metric!(metrics::counter!("tiergate_cache_requests_total", "result" => "fresh").increment(1););
}

pub(crate) fn served_stale(age: Duration) {
    metric! {
        metrics::counter!("tiergate_cache_requests_total", "result" => "stale").increment(1);
        metrics::histogram!("tiergate_cache_age_seconds").record(age.as_secs_f64());
    }
    #[cfg(not(feature = "metrics"))]
    let _ = age;
}

pub(crate) fn missed() {
    metric!(metrics::counter!("tiergate_cache_requests_total", "result" => "miss").increment(1););
}

pub(crate) fn entries(count: u64) {
    metric! {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        metrics::gauge!("tiergate_cache_entries").set(f64::from(count));
    }
    #[cfg(not(feature = "metrics"))]
    let _ = count;
}

#[cfg(feature = "http-client")]
mod changes;
#[cfg(feature = "http-client")]
pub(crate) use changes::*;

#[cfg(test)]
pub(crate) mod tests;
