//! How a front that leases is made.

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::time::Duration;

use tiergate_clock::{Clock, SystemClock};

use crate::SharedStore;

use super::LeasedUsage;
use super::rate::Rates;
use super::terms::Terms;

/// The counters held when no bound is given.
const DEFAULT_COUNTERS: usize = 100_000;

/// The open reservations held when no bound is given.
const DEFAULT_RESERVATIONS: usize = 1_000_000;

/// Sets up a [`LeasedUsage`].
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use tiergate_usage::{LeasedUsage, MemoryUsage};
///
/// let store = Arc::new(MemoryUsage::new());
/// let usage = LeasedUsage::builder(store)
///     .ttl(Duration::from_secs(20))
///     .replicas(std::num::NonZeroU64::MIN.saturating_add(7))
///     .build();
/// # drop(usage);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder makes nothing until `build` is called"]
pub struct LeasedUsageBuilder {
    pub(super) store: Arc<dyn SharedStore>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) terms: Terms,
    request_deadline: Option<Duration>,
    pub(super) max_counters: usize,
    pub(super) max_reservations: usize,
}

impl LeasedUsageBuilder {
    pub(super) fn new(store: Arc<dyn SharedStore>) -> Self {
        Self {
            store,
            clock: Arc::new(SystemClock::new()),
            terms: Terms::default(),
            request_deadline: None,
            max_counters: DEFAULT_COUNTERS,
            max_reservations: DEFAULT_RESERVATIONS,
        }
    }

    /// Takes the time from `clock` instead of the machine. Waiting and pausing follow the tokio
    /// runtime all the same.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// How long a block lives unless it is extended, which happens at a third of it; 30 s unless set.
    /// At least a second.
    ///
    /// So long are units out of reach for others when this process is killed.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.terms.ttl = ttl.max(Duration::from_secs(1));
        self
    }

    /// How much earlier than the store a process takes a block for expired; 1 s unless set, and never
    /// more than a quarter of the time to live.
    pub fn clock_bound(mut self, bound: Duration) -> Self {
        self.terms.clock_bound = bound;
        self
    }

    /// The most units of a counter that the store keeps for operations to come; 10,000 unless set. With 0
    /// every operation waits for the store, many of them for one message.
    ///
    /// So many units may be spent while the store is away, and so many may be lost for the rest of
    /// the window when this process is killed.
    pub fn ahead(mut self, most: u64) -> Self {
        self.terms.ahead_most = most;
        self
    }

    /// What may be ahead is also no more than one in `parts` units of the limit; 1,000 unless set.
    pub fn ahead_share(mut self, parts: NonZeroU64) -> Self {
        self.terms.ahead_share = parts;
        self
    }

    /// How many processes share the limits, about; 4 unless set. With more, blocks are smaller when
    /// little remains.
    pub fn replicas(mut self, replicas: NonZeroU64) -> Self {
        self.terms.replicas = replicas;
        self
    }

    /// The most units of a block beyond what is waited for; 100,000 unless set.
    pub fn max_block(mut self, units: u64) -> Self {
        self.terms.block_most = units;
        self
    }

    /// What becomes of rates; [`Rates::Direct`] unless set. See [`LeasedUsage`] for what
    /// [`Rates::Leased`] promises and costs.
    ///
    /// Processes that share a store may differ in it, and may ask the store without any front.
    pub fn rates(mut self, rates: Rates) -> Self {
        self.terms.rates.rates = rates;
        self
    }

    /// For which part of a rate's length a block of it may be spent: one in `parts`, 20 unless set, and
    /// at most 5 s. A rate of which that part is below 20 ms goes straight to the store.
    ///
    /// A larger part makes for fewer requests, and takes more off the rate that can be kept up. Processes
    /// that share a store may differ in it.
    pub fn rate_share(mut self, parts: NonZeroU32) -> Self {
        self.terms.rates.share = parts;
        self
    }

    /// For how long a counter that was used up is taken for used up; 100 ms unless set.
    pub fn refusal_kept(mut self, length: Duration) -> Self {
        self.terms.refusal_kept = length;
        self
    }

    /// How long an operation waits for units before it fails; 1 s unless set.
    ///
    /// Meanwhile a request to the store that fails is made again, with pauses. Nobody waits on when the
    /// store has said twice in a row that it is away, or what no retry changes; and who comes after two
    /// failures in a row is told so at once, until the next attempt.
    pub fn max_wait(mut self, length: Duration) -> Self {
        self.terms.wait = length;
        self
    }

    /// How long one request to the store may take before it is taken for lost and made again. Unless set,
    /// a second longer than the store's own calls may take, so that the store can tell what went wrong;
    /// 5 s for a store that does not say how long that is. At least a millisecond.
    ///
    /// There is one request at a time for each counter. While it is under way, operations are admitted out
    /// of what the store keeps for them already, and others wait. When it is longer than the time to live
    /// of a block, a message that is lost on its way can cost the block.
    pub fn request_deadline(mut self, deadline: Duration) -> Self {
        self.request_deadline = Some(deadline.max(Duration::from_millis(1)));
        self
    }

    /// How many operations may wait for units of one counter; 10,000 unless set. One more fails with
    /// [`StoreErrorKind::Full`](crate::StoreErrorKind::Full).
    pub fn max_waiting(mut self, operations: usize) -> Self {
        self.terms.most_waiting = operations;
        self
    }

    /// Leases of at most this many counters; 100,000 unless set. Operations on others go straight to
    /// the store.
    pub fn max_counters(mut self, most: usize) -> Self {
        self.max_counters = most;
        self
    }

    /// Holds at most this many operations open; 1,000,000 unless set. One more fails with
    /// [`StoreErrorKind::Full`](crate::StoreErrorKind::Full).
    pub fn max_reservations(mut self, most: usize) -> Self {
        self.max_reservations = most;
        self
    }

    /// The front.
    #[must_use]
    pub fn build(mut self) -> LeasedUsage {
        let terms = &mut self.terms;
        terms.clock_bound = terms.clock_bound.min(terms.ttl / 4);
        let request = self.request_deadline;
        terms.request = request.unwrap_or_else(|| Terms::request_of(&*self.store));
        LeasedUsage::from_parts(self)
    }
}
