//! Every promise of a store, and of one that is shared.

use std::sync::Arc;

use tiergate::usage::testing::conformance::{self, Harness, SharedHarness};
use tiergate::usage::{SharedStore, UsageStore};
use tiergate_clock::ManualClock;

use crate::fixture::Place;

/// A test of each check. Those of the suite's own macro have no way to be skipped.
macro_rules! usage_checks {
    ($($module:ident::$check:ident)*) => {
        tests! { Arc<dyn UsageStore>, Harness, $($module::$check)* }
    };
}

macro_rules! shared_checks {
    ($($module:ident::$check:ident)*) => {
        tests! { Arc<dyn SharedStore>, SharedHarness, $($module::$check)* }
    };
}

macro_rules! tests {
    ($store:ty, $harness:ident, $($module:ident::$check:ident)*) => {$(
        #[tokio::test]
        async fn $check() {
            let Some(place) = Place::new().await else {
                return;
            };
            let clock = ManualClock::default();
            let store: $store = Arc::new(place.store(&clock).await);
            conformance::$module::$check(&$harness::new(store, clock)).await;
        }
    )*};
}

mod alone {
    use super::*;
    tiergate::usage::__for_each_conformance_check!(usage_checks);
}

mod shared {
    use super::*;
    tiergate::usage::__for_each_shared_conformance_check!(shared_checks);
}
