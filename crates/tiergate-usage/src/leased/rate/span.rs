//! How long a block of a rate may be spent.

use std::num::NonZeroU32;
use std::time::Duration;

use tiergate_core::Limit;

use crate::leased::sizing;
use crate::leased::terms::DRIFT;
use crate::now::nanos;

/// What becomes of rates.
///
/// [`LeasedUsageBuilder::rates`](crate::LeasedUsageBuilder::rates) tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rates {
    /// Each check asks the store. All of the rate can be had at all times, to the unit.
    #[default]
    Direct,
    /// Blocks of a rate are taken, and spent within a small share of its length. Never more than the
    /// limit, and a little less over a long time.
    Leased,
}

/// A block that may be spent for less time is not worth a round trip.
const LEAST: Duration = Duration::from_millis(20);

/// Longer than this gains nothing, and what is not spent would count for as much longer.
const MOST: Duration = Duration::from_secs(5);

/// A rate of which no block has so many units is not worth it.
const LEAST_BLOCK: u64 = 4;

/// What the rates of a process have in common.
#[derive(Clone, Copy, Debug)]
pub(in crate::leased) struct RateTerms {
    pub(in crate::leased) rates: Rates,
    /// One in so many of a rate's length.
    pub(in crate::leased) share: NonZeroU32,
}

/// The times of one rate, in nanoseconds of the monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::leased) struct Span {
    pub(super) length: u64,
    /// What the store is told. It counts a block so much longer.
    pub(super) spend_within: u64,
    /// How long a block is spent here, counted from before it was asked for.
    pub(super) life: u64,
}

impl RateTerms {
    /// The times of a rate. None if it goes straight to the store.
    pub(in crate::leased) fn span(self, length: Duration) -> Option<Span> {
        let within = length / self.share.get();
        if self.rates == Rates::Direct || within < LEAST {
            return None;
        }
        let spend_within = nanos(within.min(MOST));
        Some(Span {
            length: nanos(length),
            spend_within,
            // The clock here may be slower than the store's, and the store's may be coarser.
            life: spend_within - spend_within / u64::from(DRIFT),
        })
    }

    /// Whether units of a rate of that length and limit are taken in blocks.
    pub(in crate::leased) fn leases(self, length: Duration, limit: Limit) -> bool {
        let is_large = limit
            .at_most()
            .is_none_or(|units| units / sizing::SHARE >= LEAST_BLOCK);
        is_large && self.span(length).is_some()
    }
}

impl Default for RateTerms {
    fn default() -> Self {
        Self {
            rates: Rates::default(),
            share: NonZeroU32::new(20).unwrap_or(NonZeroU32::MIN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASED: RateTerms = RateTerms {
        rates: Rates::Leased,
        share: NonZeroU32::new(20).unwrap(),
    };

    #[test]
    fn a_block_is_spent_within_a_share_of_the_length_and_a_little_less_here() {
        let within = |length: Duration| {
            let span = LEASED.span(length)?;
            assert_eq!(span.life, span.spend_within - span.spend_within / 100);
            Some(span.spend_within / 1_000_000)
        };
        assert_eq!(within(Duration::from_secs(60)), Some(3_000));
        assert_eq!(within(Duration::from_secs(1)), Some(50));
        assert_eq!(within(Duration::from_secs(3_600)), Some(5_000));
        assert_eq!(within(Duration::from_millis(400)), Some(20));
        assert_eq!(within(Duration::from_millis(399)), None);
    }

    #[test]
    fn small_limits_and_short_rates_go_straight_and_so_do_all_when_told() {
        let minute = Duration::from_secs(60);
        assert!(LEASED.leases(minute, Limit::AtMost(400)));
        assert!(!LEASED.leases(minute, Limit::AtMost(399)));
        assert!(LEASED.leases(minute, Limit::Unlimited));
        assert!(!LEASED.leases(Duration::from_millis(300), Limit::AtMost(400)));
        assert!(!RateTerms::default().leases(minute, Limit::Unlimited));
    }
}
