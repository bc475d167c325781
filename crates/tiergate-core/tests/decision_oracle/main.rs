//! Decisions about random catalogs and subscriptions are those of a naive reading of the rules, and
//! keep the laws that follow from them.

#![cfg(test)]

mod laws;
mod oracle;
mod world;

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use oracle::Verdict;

/// The same cases in every run.
fn cases(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 500,
        rng_seed: RngSeed::Fixed(0x7469_6572_6761_7465),
        ..Config::default()
    }
}

proptest! {
    #![proptest_config(cases(2_500))]

    #[test]
    fn a_decision_is_that_of_a_naive_reading_of_the_rules(world in world::worlds()) {
        let scene = world.build();
        let decision = scene.decide();
        prop_assert_eq!(Verdict::told_by(&scene, &decision), oracle::verdict(&world));
    }
}

#[test]
fn the_random_worlds_reach_every_sort_of_verdict_often() {
    let mut runner = TestRunner::new(cases(1));
    let worlds = world::worlds();
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for _ in 0..2_500 {
        let world = worlds.new_tree(&mut runner).unwrap().current();
        let sort = match oracle::verdict(&world) {
            Verdict::Allowed { .. } => "ALLOWED",
            Verdict::Denied { kind, .. } => kind.code(),
        };
        *seen.entry(sort).or_default() += 1;
    }
    for sort in [
        "ALLOWED",
        "FEATURE_NOT_AVAILABLE",
        "TIER_REQUIRED",
        "SUBSCRIPTION_INACTIVE",
        "LIMIT_EXCEEDED",
        "COST_ABOVE_LIMIT",
        "BILLING_UNAVAILABLE",
    ] {
        assert!(seen.get(sort).is_some_and(|count| *count >= 15), "{seen:?}");
    }
}
