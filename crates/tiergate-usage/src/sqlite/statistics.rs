//! What a store in a file has done.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a [`SqliteUsage`](super::SqliteUsage) has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SqliteStatistics {
    operations: u64,
    batches: u64,
    expired: u64,
    turned_away: u64,
    timed_out: u64,
    faults: u64,
}

impl SqliteStatistics {
    /// Operations that were done.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.operations
    }

    /// Transactions they were done in.
    #[must_use]
    pub fn batches(&self) -> u64 {
        self.batches
    }

    /// Reservations and leases released because nobody settled or extended them in time.
    #[must_use]
    pub fn expired(&self) -> u64 {
        self.expired
    }

    /// Calls that failed because too many were waiting.
    #[must_use]
    pub fn turned_away(&self) -> u64 {
        self.turned_away
    }

    /// Calls that had no answer within their deadline.
    #[must_use]
    pub fn timed_out(&self) -> u64 {
        self.timed_out
    }

    /// Faults of the file, each of which failed a transaction.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.faults
    }
}

/// The same, while it is counted.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) operations: AtomicU64,
    pub(super) batches: AtomicU64,
    pub(super) expired: AtomicU64,
    pub(super) turned_away: AtomicU64,
    pub(super) timed_out: AtomicU64,
    pub(super) faults: AtomicU64,
}

impl Counts {
    pub(super) fn read(&self) -> SqliteStatistics {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        SqliteStatistics {
            operations: read(&self.operations),
            batches: read(&self.batches),
            expired: read(&self.expired),
            turned_away: read(&self.turned_away),
            timed_out: read(&self.timed_out),
            faults: read(&self.faults),
        }
    }
}

pub(super) fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}
