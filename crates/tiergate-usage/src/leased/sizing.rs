//! How large a block is.

use std::num::NonZeroU64;

use tiergate_core::Limit;

/// A block takes at most one in so many units of the limit.
pub(super) const SHARE: u64 = 100;

/// A block that was used up within this time, in nanoseconds, was too small.
const QUICK: u64 = 1_000_000_000;

/// What is known when a block is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation {
    pub(super) limit: Limit,
    /// Units of the limit that nobody had, when the store last told.
    pub(super) remaining: u64,
    /// How many processes share what remains.
    pub(super) replicas: NonZeroU64,
    /// What recent demand would fill.
    pub(super) demand: u64,
    /// What the operation at the front lacks; zero when nobody waits.
    pub(super) first: u64,
    /// What all that wait lack.
    pub(super) waiting: u64,
    /// The most units of a block of a counter without a limit.
    pub(super) most: u64,
}

/// The most units that are worth holding without a use for them.
///
/// It falls with what remains, so that near the limit nobody starves beside a full store, and is
/// zero at the end.
pub(super) fn roof(limit: Limit, remaining: u64, replicas: NonZeroU64, most: u64) -> u64 {
    match limit {
        Limit::AtMost(units) => {
            let fair = remaining / 2 / replicas;
            (units / SHARE).min(fair).min(most)
        }
        Limit::Unlimited => most,
    }
}

/// The units of the next block: by demand under the roof, and in any case what is waited for as far
/// as it is there. Zero only if nobody waits.
pub(super) fn block(situation: Situation) -> u64 {
    let Situation {
        limit,
        remaining,
        replicas,
        most,
        ..
    } = situation;
    let spare = situation.demand.min(roof(limit, remaining, replicas, most));
    let waited_for = situation.waiting.min(remaining);
    spare.max(waited_for).max(situation.first)
}

/// What was spent lately, as the size of a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    size: u64,
    since: u64,
}

impl Demand {
    pub(super) fn new(now: u64) -> Self {
        Self {
            size: 1,
            since: now,
        }
    }

    pub(super) fn size(self) -> u64 {
        self.size
    }

    /// Another block is needed. `slow` is how long a block lasts that was too large.
    pub(super) fn block_used_up(&mut self, now: u64, slow: u64, roof: u64) {
        let lasted = now.saturating_sub(self.since);
        if lasted < QUICK {
            self.size = self.size.saturating_mul(2);
        } else if lasted > slow {
            self.size /= 2;
        }
        self.size = self.size.min(roof).max(1);
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SITUATION: Situation = Situation {
        limit: Limit::AtMost(100_000),
        remaining: 100_000,
        replicas: NonZeroU64::new(4).unwrap(),
        demand: 1 << 40,
        first: 0,
        waiting: 0,
        most: 50_000,
    };

    #[test]
    fn blocks_follow_demand_up_to_a_share_of_the_limit_and_of_what_remains() {
        let size = |demand, remaining| {
            block(Situation {
                demand,
                remaining,
                ..SITUATION
            })
        };
        assert_eq!(size(20, 100_000), 20);
        assert_eq!(size(1 << 40, 100_000), 1_000);
        assert_eq!(size(1 << 40, 800), 100);
        assert_eq!(size(1 << 40, 7), 0);
    }

    #[test]
    fn without_a_limit_only_the_cap_holds() {
        let situation = Situation {
            limit: Limit::Unlimited,
            ..SITUATION
        };
        assert_eq!(block(situation), 50_000);
    }

    #[test]
    fn what_is_waited_for_is_asked_for_as_far_as_it_is_there() {
        let waiting = |first, waiting, remaining| {
            block(Situation {
                first,
                waiting,
                remaining,
                demand: 1,
                ..SITUATION
            })
        };
        assert_eq!(waiting(3, 40, 1_000), 40);
        assert_eq!(waiting(3, 40, 10), 10);
        assert_eq!(waiting(3, 40, 0), 3);
    }

    #[test]
    fn demand_doubles_when_blocks_go_quickly_and_halves_when_they_last() {
        let mut demand = Demand::new(0);
        for expected in [2, 4, 8, 8] {
            demand.block_used_up(QUICK / 2, 10 * QUICK, 8);
            assert_eq!(demand.size(), expected);
        }
        demand.block_used_up(3 * QUICK, 10 * QUICK, 100);
        assert_eq!(demand.size(), 8);
        for expected in [4, 2, 1, 1] {
            let later = demand.since + 11 * QUICK;
            demand.block_used_up(later, 10 * QUICK, 100);
            assert_eq!(demand.size(), expected);
        }
    }

    proptest! {
        #[test]
        fn spare_units_leave_every_replica_its_part(
            limit: u64, remaining: u64, replicas in 1_u64..100, demand: u64, most: u64,
        ) {
            let remaining = remaining.min(limit);
            let units = block(Situation {
                limit: Limit::AtMost(limit), remaining, demand,
                replicas: NonZeroU64::new(replicas).unwrap(), most, first: 0, waiting: 0,
            });
            prop_assert!(units <= limit / 100);
            prop_assert!(u128::from(units) * 2 * u128::from(replicas) <= u128::from(remaining));
        }
    }
}
