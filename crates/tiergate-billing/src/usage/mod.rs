//! Usage: what was used of each metric, recorded once for each key, and what is left of each limit.
//!
//! A batch goes through four steps. `check` holds each record against the catalog and the time,
//! without a database; `period` says in which period and month it counts; `batch` finds whose it
//! is and writes what is new; `watch` tells which thresholds of limits are reached by that. What is
//! wrong with one record keeps none of the others out.

mod batch;
mod check;
mod ledger;
mod meters;
mod outcome;
mod period;
mod same;
mod submission;
mod summary;
mod thresholds;
mod watch;

pub(crate) use batch::record;
pub(crate) use ledger::{TotalQuestion, totals};
pub use ledger::{UsageTotal, UsageTotals};
pub(crate) use meters::Meters;
pub use outcome::{BatchOutcome, Outcome, RecordOutcome};
pub(crate) use period::months;
pub use submission::Submission;
pub(crate) use summary::of_subscription;
pub use summary::{MetricUsage, UsageSummary};
pub use thresholds::{Thresholds, ThresholdsError};

#[cfg(test)]
mod tests;
