//! How a store in memory is made.

use std::sync::Arc;

use tiergate_clock::{Clock, SystemClock};

use super::MemoryUsage;

/// The bounds used when none are given.
const DEFAULT_BOUND: usize = 1_000_000;

/// Sets up a [`MemoryUsage`].
///
/// ```
/// use std::sync::Arc;
/// use tiergate_clock::ManualClock;
/// use tiergate_usage::MemoryUsage;
///
/// let usage = MemoryUsage::builder()
///     .clock(Arc::new(ManualClock::default()))
///     .max_counters(10_000)
///     .build();
/// # drop(usage);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder makes nothing until `build` is called"]
pub struct MemoryUsageBuilder {
    clock: Arc<dyn Clock>,
    pub(super) max_counters: usize,
    pub(super) max_reservations: usize,
    pub(super) max_remembered_keys: usize,
}

impl MemoryUsageBuilder {
    pub(super) fn new() -> Self {
        Self {
            clock: Arc::new(SystemClock::new()),
            max_counters: DEFAULT_BOUND,
            max_reservations: DEFAULT_BOUND,
            max_remembered_keys: DEFAULT_BOUND,
        }
    }

    /// Takes the time from `clock` instead of the machine.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Holds at most this many counters; 1,000,000 unless set, and never more than `u32::MAX`. When
    /// they are all in use, an operation that needs another one fails.
    pub fn max_counters(mut self, most: usize) -> Self {
        self.max_counters = most;
        self
    }

    /// Keeps at most this many places for open reservations; 1,000,000 unless set, and never more
    /// than `u32::MAX`. A reservation takes a place for each of its subjects that lie apart. When
    /// they are all in use, operations fail.
    pub fn max_reservations(mut self, most: usize) -> Self {
        self.max_reservations = most;
        self
    }

    /// Remembers at most this many idempotency keys of committed operations; 1,000,000 unless set,
    /// and never more than `u32::MAX`. When there are more, those committed first are forgotten, and
    /// a retry of theirs counts again.
    pub fn max_remembered_keys(mut self, most: usize) -> Self {
        self.max_remembered_keys = most;
        self
    }

    /// The store.
    #[must_use]
    pub fn build(self) -> MemoryUsage {
        let clock = Arc::clone(&self.clock);
        MemoryUsage::from_parts(clock, &self)
    }
}
