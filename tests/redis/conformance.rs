//! The suites that every store is put to. Where Redis is not installed, they are put to the store in
//! memory instead, after that was told: a check needs some store.

use std::sync::Arc;

use tiergate::usage::MemoryUsage;

use crate::support::empty;

mod usage {
    use super::*;
    use tiergate::usage::UsageStore;

    tiergate::usage::usage_store_conformance!(async |clock: tiergate::clock::ManualClock| {
        match empty(clock.clone()).await {
            Some(store) => store as Arc<dyn UsageStore>,
            None => Arc::new(MemoryUsage::with_clock(Arc::new(clock))),
        }
    });
}

mod shared {
    use super::*;
    use tiergate::usage::SharedStore;

    tiergate::usage::shared_store_conformance!(async |clock: tiergate::clock::ManualClock| {
        match empty(clock.clone()).await {
            Some(store) => store as Arc<dyn SharedStore>,
            None => Arc::new(MemoryUsage::with_clock(Arc::new(clock))),
        }
    });
}
