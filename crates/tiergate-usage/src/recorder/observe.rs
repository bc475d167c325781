//! What is told to logs and metrics. The crate documentation lists the names.

use std::io;
use std::path::Path;
use std::time::Duration;

use tracing::{debug, error, info, warn};

use super::sink::{SinkError, SinkErrorKind};
use crate::journal::{Figures, Repairs};

const TARGET: &str = "tiergate::usage";

macro_rules! counted {
    ($(#[doc = $doc:literal])* $kind:ident of $metric:literal by $label:literal: $($name:ident $word:literal)*) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum $kind {
            $($name,)*
        }

        impl $kind {
            const ALL: &[Self] = &[$(Self::$name),*];
            pub(super) const COUNT: usize = Self::ALL.len();

            pub(super) fn index(self) -> usize {
                self as usize
            }

            // A label is allocated each time unless it is a literal.
            pub(super) fn count(self, records: u64) {
                #[cfg(not(feature = "metrics"))]
                let _ = records;
                match self {
                    $(Self::$name => {
                        #[cfg(feature = "metrics")]
                        metrics::counter!($metric, $label => $word).increment(records);
                    })*
                }
            }
        }
    };
}

counted! {
    /// What became of a record.
    Fate of "tiergate_usage_records_total" by "outcome":
    Recorded "recorded"
    Delivered "delivered"
    Duplicate "duplicate"
    Rejected "rejected"
    Expired "expired"
    Damaged "damaged"
}

counted! {
    /// Why a record was refused.
    Reason of "tiergate_usage_records_refused_total" by "reason":
    QueueFull "queue_full"
    JournalFull "journal_full"
    Disk "disk"
    Invalid "invalid"
    ShutDown "shut_down"
}

pub(super) fn opened(folder: &Path, figures: Figures, repairs: Repairs) {
    let Figures { records, bytes } = figures;
    info!(
        target: TARGET, event = "recorder.opened",
        folder = %folder.display(), records, bytes,
        "the usage journal is open",
    );
    let Repairs {
        torn_tails,
        broken_tails,
        bytes_cut,
        headers,
        cursors,
    } = repairs;
    if repairs != Repairs::default() {
        warn!(
            target: TARGET, event = "journal.repaired",
            torn_tails, broken_tails, bytes_cut, headers, cursors,
            "the usage journal was not left as it should be",
        );
    }
}

pub(super) fn damaged(records: u64) {
    error!(target: TARGET, event = "journal.damaged", records, "usage records cannot be read and are lost");
}

pub(super) fn set_aside(file: &str) {
    error!(target: TARGET, event = "journal.set_aside", file, "a damaged segment is kept for inspection");
}

pub(super) fn disk_failed(doing: &'static str, error: &io::Error) {
    error!(target: TARGET, event = "journal.failed", doing, %error, "the usage journal fails");
    #[cfg(feature = "metrics")]
    metrics::counter!("tiergate_usage_journal_failures_total").increment(1);
}

/// Not the first of an episode, so it is only counted.
pub(super) fn disk_fails_on() {
    #[cfg(feature = "metrics")]
    metrics::counter!("tiergate_usage_journal_failures_total").increment(1);
}

pub(super) fn disk_recovered() {
    info!(target: TARGET, event = "journal.recovered", "the usage journal works again");
}

pub(super) fn journal_full(bytes: u64) {
    error!(target: TARGET, event = "journal.full", bytes, "the usage journal is full, records are refused");
}

pub(super) fn queue_full(records: usize) {
    error!(target: TARGET, event = "queue.full", records, "usage records come faster than they are written, some are refused");
}

pub(super) fn figures(figures: Figures) {
    #[cfg(feature = "metrics")]
    {
        metrics::gauge!("tiergate_usage_journal_records").set(to_f64(figures.records));
        metrics::gauge!("tiergate_usage_journal_bytes").set(to_f64(figures.bytes));
    }
    #[cfg(not(feature = "metrics"))]
    let _ = figures;
}

pub(super) fn oldest(age: Duration) {
    #[cfg(feature = "metrics")]
    metrics::gauge!("tiergate_usage_journal_oldest_seconds").set(age.as_secs_f64());
    #[cfg(not(feature = "metrics"))]
    let _ = age;
}

#[cfg(feature = "metrics")]
#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float, and a journal has far fewer than 2^52 bytes"
)]
fn to_f64(figure: u64) -> f64 {
    figure as f64
}

pub(super) fn delivery_failed(error: &SinkError, failures: u32, pause: Duration) {
    let pause = pause.as_secs_f64();
    match error.kind() {
        SinkErrorKind::Unauthorized => error!(
            target: TARGET, event = "delivery.unauthorized",
            %error, failures, pause,
            "usage is not delivered because the credential is refused; look at the token",
        ),
        SinkErrorKind::Unavailable | SinkErrorKind::BadBatch => warn!(
            target: TARGET, event = "delivery.failed",
            %error, failures, pause,
            "usage is not delivered, trying again",
        ),
    }
    #[cfg(feature = "metrics")]
    metrics::counter!("tiergate_usage_delivery_failures_total", "kind" => error.kind().as_str())
        .increment(1);
}

pub(super) fn delivery_recovered() {
    info!(target: TARGET, event = "delivery.recovered", "usage is delivered again");
}

pub(super) fn halved(records: usize, error: &SinkError) {
    debug!(target: TARGET, event = "delivery.halved", records, %error, "a batch is refused as such, sending a half of it");
}

pub(super) fn rejected(id: &dyn std::fmt::Display, reason: &str) {
    warn!(target: TARGET, event = "record.rejected", %id, reason, "a usage record will not be billed; it is in rejected.jsonl");
}

pub(super) fn sender_failed() {
    error!(target: TARGET, event = "sender.failed", "the sink panicked; delivering begins anew");
}
