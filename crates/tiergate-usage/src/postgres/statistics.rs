//! Numbers about a store.

use std::sync::atomic::{AtomicU64, Ordering};

use super::fault::Fault;
use super::observe;

/// What a [`PostgresUsage`](super::PostgresUsage) has done so far, in this process, its clones included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PostgresStatistics {
    /// Calls that wait for their turn now.
    pub waiting: usize,
    /// Connections that are in use now.
    pub under_way: usize,
    /// Calls that failed at once, because too many were waiting.
    pub refused_calls: u64,
    /// Calls that got no answer within the deadline, also those whose place was not reached.
    pub timed_out: u64,
    /// Messages that were sent once more, because their connection broke or they were in each other's way.
    pub repeated: u64,
    /// Operations that went in the same message as others of their subject, instead of one after the
    /// other.
    pub grouped: u64,
    /// Connections that were made.
    pub connections: u64,
    /// Reservations and leases that were found expired by calls of this process.
    pub expired: u64,
}

/// What is counted as it happens.
#[derive(Debug, Default)]
pub(super) struct Counts {
    refused: AtomicU64,
    timed_out: AtomicU64,
    repeated: AtomicU64,
    grouped: AtomicU64,
    expired: AtomicU64,
}

impl Counts {
    pub(super) fn crowded(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        observe::crowded();
    }

    pub(super) fn timed_out(&self, operation: &'static str) {
        self.timed_out.fetch_add(1, Ordering::Relaxed);
        observe::timed_out(operation);
    }

    pub(super) fn repeated(&self, operation: &'static str, fault: &Fault) {
        self.repeated.fetch_add(1, Ordering::Relaxed);
        observe::repeated(operation, fault);
    }

    pub(super) fn grouped(&self, operations: usize) {
        if operations > 1 {
            self.grouped.fetch_add(operations as u64, Ordering::Relaxed);
        }
    }

    /// So many reservations and leases had expired, the database says.
    pub(super) fn expired(&self, reservations: i64) {
        if let Ok(expired @ 1..) = u64::try_from(reservations) {
            self.expired.fetch_add(expired, Ordering::Relaxed);
            observe::expired(expired);
        }
    }

    /// The numbers, with those that are known elsewhere.
    pub(super) fn statistics(
        &self,
        waiting: usize,
        under_way: usize,
        connections: u64,
    ) -> PostgresStatistics {
        PostgresStatistics {
            waiting,
            under_way,
            refused_calls: self.refused.load(Ordering::Relaxed),
            timed_out: self.timed_out.load(Ordering::Relaxed),
            repeated: self.repeated.load(Ordering::Relaxed),
            grouped: self.grouped.load(Ordering::Relaxed),
            connections,
            expired: self.expired.load(Ordering::Relaxed),
        }
    }
}
