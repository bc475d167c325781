//! Rates in the world of the model: whatever happens, no span of a rate's length sees more than the
//! limit.
//!
//! The oracle is a list of what was admitted, and when, by the one clock that is right. It knows
//! nothing of blocks.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::Duration;

use proptest::prelude::*;

use super::model::{Event, RATE, World, event, histories, wrong_clocks};
use crate::leased::rate::{RateTerms, Rates};

pub(super) const LENGTH: Duration = Duration::from_secs(2);
/// The fewest units of which blocks are taken.
pub(super) const LIMIT: u64 = 400;
/// Each replica spends blocks within another part of the length.
const PARTS: [u32; 3] = [20, 5, 9];

pub(super) fn terms(replica: usize) -> RateTerms {
    let parts = PARTS.get(replica).copied().and_then(NonZeroU32::new);
    RateTerms {
        rates: Rates::Leased,
        share: parts.unwrap_or(NonZeroU32::MIN),
    }
}

/// What was admitted of a rate.
#[derive(Debug, Default)]
pub(super) struct Spent {
    last: VecDeque<(Duration, u64)>,
}

impl Spent {
    /// The units of the span that ended with the last of them.
    fn in_span(&self) -> u64 {
        self.last.iter().map(|(_, units)| units).sum()
    }

    /// Notes units that were admitted now, and adds up the span that ends with them.
    pub(super) fn record(&mut self, units: u64, now: Duration) {
        while self.last.front().is_some_and(|(at, _)| *at + LENGTH <= now) {
            self.last.pop_front();
        }
        self.last.push_back((now, units));
        let sum = self.in_span();
        assert!(
            sum <= LIMIT,
            "{sum} of {LIMIT} in one span: {:?}",
            self.last
        );
    }
}

/// Much of the rate is wanted by all, in time for the next span.
fn rush() -> impl Strategy<Value = Event> {
    let replica = || 0..3_usize;
    prop_oneof![
        14 => (replica(), 1..60_u64, prop::bool::weighted(0.05)).prop_map(
            |(replica, units, both)| Event::Reserve { replica, counter: RATE, units, both },
        ),
        3 => (1..40_u64).prop_map(|units| Event::Direct { counter: RATE, units }),
        4 => (0..200_u64).prop_map(|millis| Event::Pass { millis }),
        2 => Just(Event::CalmDown),
        24 => event(true),
    ]
}

proptest! {
    #![proptest_config(histories())]

    /// Nor is anything of it gone for good.
    #[test]
    fn no_span_of_a_rate_sees_more_than_its_limit(
        clocks in wrong_clocks(),
        events in prop::collection::vec(rush(), 1..240),
    ) {
        let mut world = World::new(3, clocks, 100);
        for event in &events {
            world.play(event);
        }
        world.finish();
    }
}

/// Half of the rate is held by a replica whose clock is wrong, and spent as late as it will. When the
/// store has forgotten it, everything is taken directly.
fn spend_late(per_mille: u32, late: u64) -> bool {
    const HELD: u64 = LIMIT / 2;
    // The one that spends a block within 400 ms.
    let replica = 1;
    let reserve = |units| Event::Reserve {
        replica,
        counter: RATE,
        units,
        both: false,
    };
    let mut world = World::new(3, [per_mille; 3], 100);
    for _ in 0..3 {
        world.play(&reserve(1));
        world.play(&Event::CalmDown);
    }
    world.play(&reserve(HELD));
    world.play(&Event::Drive { which: 0 });
    world.play(&Event::Leave { which: 0 });
    world.play(&Event::CalmDown);
    world.play(&Event::Pass { millis: late });
    let before = world.spent.in_span();
    world.play(&reserve(HELD));
    let is_spent = world.spent.in_span() > before;
    let forgotten = 2_000 + 400 - late;
    world.play(&Event::Pass { millis: forgotten });
    for _ in 0..LIMIT {
        world.play(&Event::Direct {
            counter: RATE,
            units: 1,
        });
    }
    world.finish();
    is_spent
}

#[test]
fn a_block_is_over_before_the_store_forgets_it_however_wrong_the_clock() {
    for per_mille in [991, 1_000, 1_009] {
        let late: Vec<u64> = (380..=410)
            .filter(|it| spend_late(per_mille, *it))
            .collect();
        let last = late.last().copied().unwrap_or(0);
        assert!((385..=400).contains(&last), "spent until {last} ms");
    }
}
