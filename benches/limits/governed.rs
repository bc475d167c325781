//! A rate limiter with a limit for each key, which promises less: it has no reservation, no quota and no
//! gauge, and a burst that is spent in one moment comes back by and by.

use std::num::NonZeroU32;

use governor::clock::DefaultClock;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::Take;
use crate::claims::Walk;

/// Above what any run uses in a second.
const PER_SECOND: NonZeroU32 = NonZeroU32::new(500_000_000).unwrap();

pub(crate) struct Governed {
    ids: Vec<String>,
    limiter: RateLimiter<String, DashMapStateStore<String>, DefaultClock>,
}

impl Governed {
    pub(crate) fn new(walk: &Walk) -> Self {
        let limiter = RateLimiter::dashmap(Quota::per_second(PER_SECOND));
        for id in walk.customers() {
            limiter.check_key(&id).expect("it fits");
        }
        Self {
            ids: walk.requests().collect(),
            limiter,
        }
    }
}

impl Take for Governed {
    fn take(&self, request: usize) -> u64 {
        self.limiter.check_key(&self.ids[request]).expect("it fits");
        0
    }
}
