//! The numbers that a process leases by.

use std::num::NonZeroU64;
use std::time::Duration;

use tiergate_core::Limit;

use crate::now::nanos;
use crate::{CounterWindow, SharedStore};

use super::rate::RateTerms;

/// The share of a block's time that the two clocks may drift apart: one in so many.
pub(super) const DRIFT: u32 = 100;

/// How long one request may take of a store that does not say how long its calls may take.
const UNKNOWN_DEADLINE: Duration = Duration::from_secs(5);

/// What a store that says so is given besides, so that it is heard what went wrong.
const GRACE: Duration = Duration::from_secs(1);

/// What all counters of one process have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) ttl: Duration,
    pub(super) clock_bound: Duration,
    pub(super) ahead_most: u64,
    /// One in so many units of the limit.
    pub(super) ahead_share: NonZeroU64,
    pub(super) replicas: NonZeroU64,
    pub(super) block_most: u64,
    pub(super) refusal_kept: Duration,
    pub(super) wait: Duration,
    /// How long one request to the store may take.
    pub(super) request: Duration,
    pub(super) most_waiting: usize,
    pub(super) rates: RateTerms,
}

impl Terms {
    /// How long one request may take, unless it is set: longer than the store's own calls.
    pub(super) fn request_of(store: &dyn SharedStore) -> Duration {
        let within_grace = |deadline: Duration| deadline.saturating_add(GRACE);
        store.deadline().map_or(UNKNOWN_DEADLINE, within_grace)
    }

    /// Whether units of such a counter are taken ahead, under such a limit.
    pub(super) fn leases(&self, window: CounterWindow, limit: Limit) -> bool {
        match window {
            CounterWindow::Level => false,
            CounterWindow::Fixed { .. } => true,
            CounterWindow::Sliding { length } => self.rates.leases(length, limit),
        }
    }

    /// How long a block may be used after the request for it was begun.
    pub(super) fn life(&self) -> u64 {
        let drift = self.ttl / DRIFT;
        nanos(self.ttl.saturating_sub(self.clock_bound + drift))
    }

    /// After how long a block is extended.
    pub(super) fn renewal(&self) -> u64 {
        nanos(self.ttl / 3).min(self.life() / 2)
    }

    /// After how long without demand its units go back.
    pub(super) fn idle(&self) -> u64 {
        2 * nanos(self.ttl / 3)
    }

    /// How many units may be committed before the store has heard of them.
    pub(super) fn ahead(&self, limit: Limit) -> u64 {
        let share = match limit {
            Limit::AtMost(units) => units / self.ahead_share,
            Limit::Unlimited => self.ahead_most,
        };
        share.min(self.ahead_most)
    }
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(30),
            clock_bound: Duration::from_secs(1),
            ahead_most: 10_000,
            ahead_share: NonZeroU64::new(1_000).unwrap_or(NonZeroU64::MIN),
            replicas: NonZeroU64::new(4).unwrap_or(NonZeroU64::MIN),
            block_most: 100_000,
            refusal_kept: Duration::from_millis(100),
            wait: Duration::from_secs(1),
            request: UNKNOWN_DEADLINE,
            most_waiting: 10_000,
            rates: RateTerms::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_left_alone_before_the_store_can_forget_it() {
        let terms = Terms::default();
        assert_eq!(terms.life(), 28_700_000_000);
        assert!(terms.renewal() < terms.life());
        let short = Terms {
            ttl: Duration::from_secs(1),
            ..terms
        };
        assert_eq!(short.life(), 0);
    }

    #[test]
    fn what_may_be_ahead_is_a_share_of_the_limit_with_a_cap() {
        let terms = Terms::default();
        for (limit, ahead) in [
            (0, 0),
            (999, 0),
            (1_000, 1),
            (50_000, 50),
            (u64::MAX, 10_000),
        ] {
            assert_eq!(terms.ahead(Limit::AtMost(limit)), ahead, "{limit}");
        }
        assert_eq!(terms.ahead(Limit::Unlimited), 10_000);
        let none = Terms {
            ahead_most: 0,
            ..terms
        };
        assert_eq!(none.ahead(Limit::Unlimited), 0);
    }
}
