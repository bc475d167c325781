//! A decision about a subscription that is known costs no memory.

#![cfg(test)]

use std::hint::black_box;

use tiergate_core::catalog::ForeignIdError;
use tiergate_core::decision::{
    Decision, Knowledge, Policy, Standing, decide_feature, decide_min_tier,
};
use tiergate_core::time::Timestamp;
use tiergate_core::{Catalog, Subject, Subscription, SubscriptionStatus};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../feature-flags.yaml");

fn measured(
    decide: impl Fn(&Catalog, &Standing<'_>) -> Result<Decision, ForeignIdError>,
) -> (bool, u64) {
    let catalog = Catalog::from_path(PATH).unwrap();
    let subscription = Subscription::new(Subject::user("ada"), "pro", SubscriptionStatus::Active)
        .with_period(Timestamp::from_seconds(0), Timestamp::from_seconds(2_000));
    let mut is_allowed = false;
    let info = allocation_counter::measure(|| {
        let standing = Standing::of(
            black_box(&catalog),
            &subscription.subject,
            Knowledge::Subscription(&subscription),
            Policy::DEFAULT,
            Timestamp::from_seconds(1_000),
        );
        is_allowed = decide(&catalog, &standing).is_ok_and(|decision| decision.is_allowed());
    });
    (is_allowed, info.count_total)
}

#[test]
fn allowing_a_feature_allocates_nothing() {
    for feature in ["crm_enabled", "sms_messages", "support_level"] {
        let allowed = measured(|catalog, standing| {
            let feature = catalog.feature_id(feature).unwrap();
            decide_feature(catalog, standing, feature)
        });
        assert_eq!(allowed, (true, 0), "{feature}");
    }
}

#[test]
fn allowing_a_minimum_tier_allocates_nothing() {
    let allowed = measured(|catalog, standing| {
        let minimum = catalog.tier_id("free").unwrap();
        decide_min_tier(catalog, standing, minimum)
    });
    assert_eq!(allowed, (true, 0));
}

#[test]
fn the_measurement_sees_what_a_denial_allocates() {
    let (is_allowed, allocations) = measured(|catalog, standing| {
        let feature = catalog.feature_id("white_label").unwrap();
        decide_feature(catalog, standing, feature)
    });
    assert!(!is_allowed);
    assert!(allocations > 0);
}
