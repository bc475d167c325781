//! Why something is not recorded, or not delivered.

use std::io;
use std::sync::Arc;

/// A record was not recorded. It will not be billed, unless it is recorded again.
///
/// When the process ends while the disk fails, a record that was refused with [`Disk`](Self::Disk) may
/// be in the journal all the same, and is then delivered once. Whoever records it again gives it a key
/// of its own.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The record can never be recorded.
    #[error("the usage record is invalid: {0}")]
    Invalid(#[from] InvalidRecord),
    /// Records come faster than the disk takes them.
    #[error(
        "the queue of the usage recorder is full: the disk is too slow or fails; see the log event \
         `journal.failed`"
    )]
    QueueFull,
    /// The journal has reached its bound, because too little is delivered.
    #[error(
        "the usage journal is full: see the log event `delivery.failed`, or give the journal more room"
    )]
    JournalFull,
    /// The disk failed. The recorder goes on trying by itself.
    #[error("the usage journal cannot be written: {0}")]
    Disk(#[source] Arc<io::Error>),
    /// The recorder was shut down.
    #[error("the usage recorder is shut down")]
    ShutDown,
}

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRecord {
    /// The subject's id.
    #[error("the subject's id needs 1 to 256 bytes, none of them zero")]
    Subject,
    /// The metric.
    #[error("the key of the metric needs 1 to 255 bytes, none of them zero")]
    Metric,
    /// The user.
    #[error("the user's id needs 1 to 256 bytes, none of them zero")]
    User,
    /// The metadata.
    #[error("the metadata is more than 4096 bytes of JSON")]
    Metadata,
}

/// Some records are not delivered yet. They are in the journal, and are delivered later, by this
/// recorder or by the next one that opens the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{records} usage records are not delivered yet; they are kept in the journal")]
pub struct Undelivered {
    pub(super) records: u64,
}

impl Undelivered {
    /// How many there are, at most.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }
}
