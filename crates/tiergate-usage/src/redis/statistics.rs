//! Numbers about a store.

/// What a [`RedisUsage`](super::RedisUsage) has done so far, in this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisStatistics {
    /// Calls that are under way now.
    pub calls: usize,
    /// Calls that failed at once, because too many were under way.
    pub refused_calls: u64,
    /// Calls that were sent once more, because their connection broke.
    pub repeated_calls: u64,
    /// Connections that were made. One, unless it was lost.
    pub connections: u64,
    /// Reservations and leases that were found expired by calls of this process.
    pub expired: u64,
}
