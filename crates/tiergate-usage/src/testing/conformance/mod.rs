//! The promises of [`UsageStore`], as checks that any store can be put to.
//!
//! [`run`] puts a store to all of them. [`usage_store_conformance!`](crate::usage_store_conformance)
//! makes a test of each.
//!
//! Every check gets a store of its own, which must be empty and take its time from the clock it is
//! given. A check that fails panics, as a test does.
//!
//! ```
//! use std::sync::Arc;
//! use tiergate_usage::testing::conformance;
//! use tiergate_usage::{MemoryUsage, UsageStore};
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! conformance::run(async |clock| {
//!     Arc::new(MemoryUsage::with_clock(Arc::new(clock))) as Arc<dyn UsageStore>
//! })
//! .await;
//! # });
//! # Ok::<(), std::io::Error>(())
//! ```

#[expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a check that fails panics, as a test does"
)]
mod harness;

pub mod idempotency;
pub mod leases;
pub mod limits;
pub mod rate_blocks;
pub mod settling;
pub mod tallies;
pub mod time;

pub use harness::{Harness, SharedHarness};

use std::sync::Arc;

use tiergate_clock::ManualClock;

use crate::{SharedStore, UsageStore};

/// Puts stores to every check, each to one: `make` makes an empty store that reads the given clock.
///
/// # Panics
///
/// When a store breaks a promise.
pub async fn run(make: impl AsyncFn(ManualClock) -> Arc<dyn UsageStore>) {
    macro_rules! run_each {
        ($($module:ident::$check:ident)*) => {$(
            let clock = ManualClock::default();
            let store = make(clock.clone()).await;
            Box::pin($module::$check(&Harness::new(store, clock))).await;
        )*};
    }
    crate::__for_each_conformance_check!(run_each);
}

/// Puts stores to every check of [`SharedStore`], each to one, like [`run`].
///
/// # Panics
///
/// When a store breaks a promise.
pub async fn run_shared(make: impl AsyncFn(ManualClock) -> Arc<dyn SharedStore>) {
    macro_rules! run_each {
        ($($module:ident::$check:ident)*) => {$(
            let clock = ManualClock::default();
            let store = make(clock.clone()).await;
            Box::pin($module::$check(&SharedHarness::new(store, clock))).await;
        )*};
    }
    crate::__for_each_shared_conformance_check!(run_each);
}

/// Makes a `#[tokio::test]` of every check of the [conformance suite](crate::testing::conformance).
///
/// The argument is an asynchronous closure that makes an empty store reading the given
/// [`ManualClock`](tiergate_clock::ManualClock). The crate that uses this needs tokio with its
/// features `macros` and `rt`.
///
/// ```
/// mod conformance {
///     use std::sync::Arc;
///     use tiergate_usage::{MemoryUsage, UsageStore};
///
///     tiergate_usage::usage_store_conformance!(async |clock| {
///         Arc::new(MemoryUsage::with_clock(Arc::new(clock))) as Arc<dyn UsageStore>
///     });
/// }
/// ```
#[macro_export]
macro_rules! usage_store_conformance {
    ($make:expr) => {
        async fn make_store(
            clock: $crate::testing::conformance::__ManualClock,
        ) -> ::std::sync::Arc<dyn $crate::UsageStore> {
            ($make)(clock).await
        }
        $crate::__for_each_conformance_check!($crate::__conformance_tests);
    };
}

/// Makes a `#[tokio::test]` of every check of [`SharedStore`], like
/// [`usage_store_conformance!`](crate::usage_store_conformance).
///
/// ```
/// mod conformance {
///     use std::sync::Arc;
///     use tiergate_usage::{MemoryUsage, SharedStore};
///
///     tiergate_usage::shared_store_conformance!(async |clock| {
///         Arc::new(MemoryUsage::with_clock(Arc::new(clock))) as Arc<dyn SharedStore>
///     });
/// }
/// ```
#[macro_export]
macro_rules! shared_store_conformance {
    ($make:expr) => {
        async fn make_store(
            clock: $crate::testing::conformance::__ManualClock,
        ) -> ::std::sync::Arc<dyn $crate::SharedStore> {
            ($make)(clock).await
        }
        $crate::__for_each_shared_conformance_check!($crate::__shared_conformance_tests);
    };
}

#[doc(hidden)]
pub use tiergate_clock::ManualClock as __ManualClock;

#[doc(hidden)]
#[macro_export]
macro_rules! __shared_conformance_tests {
    ($($module:ident::$check:ident)*) => {$(
        #[tokio::test]
        async fn $check() {
            let clock = $crate::testing::conformance::__ManualClock::default();
            let store = make_store(clock.clone()).await;
            let harness = $crate::testing::conformance::SharedHarness::new(store, clock);
            $crate::testing::conformance::$module::$check(&harness).await;
        }
    )*};
}

#[doc(hidden)]
#[macro_export]
macro_rules! __for_each_shared_conformance_check {
    ($($do:tt)*) => {
        $($do)*! {
            leases::what_is_leased_counts_as_used
            leases::a_block_that_does_not_fit_changes_nothing
            leases::blocks_taken_at_once_stay_within_the_limit
            leases::the_same_lease_is_granted_once
            leases::what_was_used_is_counted_and_the_rest_goes_back
            leases::an_expired_lease_keeps_what_it_was_told_to_keep
            leases::what_is_kept_only_rises
            leases::an_extended_lease_lives_on
            leases::an_older_extension_shortens_nothing
            leases::an_end_after_the_expiry_corrects_once
            leases::a_lease_that_is_over_is_fenced_off
            leases::a_lease_settles_where_it_was_granted
            leases::a_lease_is_remembered_for_a_day_after_its_window
            leases::leases_and_reservations_share_a_limit
            leases::extreme_leases_are_counted_exactly
            leases::senseless_leases_are_errors
            leases::an_unknown_lease_is_unknown
            rate_blocks::a_block_of_a_rate_counts_until_all_of_it_would
            rate_blocks::a_refused_block_of_a_rate_changes_nothing
            rate_blocks::blocks_of_a_rate_taken_at_once_stay_within_the_limit
            rate_blocks::in_no_span_more_than_the_rate_with_blocks
            rate_blocks::extreme_blocks_of_a_rate_are_counted_exactly
            rate_blocks::senseless_blocks_are_errors
            tallies::a_tally_tells_committed_from_open
            tallies::an_adjustment_changes_what_is_committed
            tallies::a_rate_has_no_tally
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_tests {
    ($($module:ident::$check:ident)*) => {$(
        #[tokio::test]
        async fn $check() {
            let clock = $crate::testing::conformance::__ManualClock::default();
            let store = make_store(clock.clone()).await;
            let harness = $crate::testing::conformance::Harness::new(store, clock);
            $crate::testing::conformance::$module::$check(&harness).await;
        }
    )*};
}

// The one list of checks: both ways to run them read it.
#[doc(hidden)]
#[macro_export]
macro_rules! __for_each_conformance_check {
    ($($do:tt)*) => {
        $($do)*! {
            limits::concurrent_operations_admit_exactly_the_limit
            limits::all_claims_are_taken_or_none
            limits::a_refused_operation_changes_nothing
            limits::extreme_limits_and_units_are_decided_exactly
            limits::a_claim_above_the_whole_limit_never_fits
            limits::limits_come_with_each_call
            limits::subjects_features_and_windows_count_apart
            limits::peeking_spends_nothing
            limits::senseless_operations_are_errors
            limits::lowering_a_gauge_gives_back_what_was_committed
            settling::an_open_reservation_counts
            settling::released_units_come_back
            settling::less_than_reserved_gives_the_rest_back
            settling::more_than_reserved_counts_in_full
            settling::a_rate_is_never_refunded
            settling::settling_twice_changes_nothing
            settling::an_unknown_reservation_is_unknown
            settling::a_commit_names_the_units_of_each_claim
            settling::an_unsettled_reservation_expires_once
            settling::claims_of_several_subjects_settle_together
            time::in_no_span_more_than_the_rate
            time::a_refused_rate_says_exactly_how_long_to_wait
            time::a_clock_set_back_reopens_no_rate
            time::a_quota_starts_anew_with_its_window
            time::a_quota_settles_where_it_was_reserved
            time::a_gauge_does_not_change_with_time
            idempotency::a_retry_joins_what_is_under_way
            idempotency::a_retry_that_joins_has_its_own_time_to_settle
            idempotency::a_retry_of_what_is_done_counts_nothing
            idempotency::a_key_is_free_again_once_all_have_released
            idempotency::a_holder_that_leaves_does_not_release_for_others
            idempotency::another_operation_under_the_same_key_is_a_conflict
            idempotency::a_refused_operation_leaves_no_key
            idempotency::a_key_belongs_to_its_subject
            idempotency::a_retry_may_meet_another_limit_and_window
            idempotency::a_key_is_forgotten_after_the_window
            idempotency::an_expired_operation_frees_its_key
        }
    };
}
