use std::sync::Arc;

use tiergate_core::subscription::{Override, OverrideValue};
use tiergate_core::{Subject, Subscription, SubscriptionStatus};

use super::support::Bench;
use crate::CacheConfig;
use crate::cache::store::BoundedStore;

fn store(bench: &Bench) -> &BoundedStore {
    bench.cache.shared.board.store()
}

fn of(subject: Subject) -> Subscription {
    Subscription::new(subject, "pro", SubscriptionStatus::Active)
}

#[test]
fn a_flood_of_subjects_that_come_once_leaves_those_that_come_often() {
    let config = CacheConfig::builder()
        .max_entries(1_000)
        .max_bytes(2 * 1024 * 1024)
        .build()
        .unwrap();
    let bench = Bench::with(config);
    let hot: Vec<_> = (0..100)
        .map(|n| Subject::user(format!("hot {n}")))
        .collect();
    for subject in &hot {
        bench.cache.push(Arc::new(of(subject.clone())));
    }
    for n in 0..50_000_u32 {
        let hot = &hot[n as usize % hot.len()];
        let _ = bench.cache.get(hot);
        bench
            .cache
            .push_missing(&Subject::user(format!("flood {n}")));
    }
    let kept = hot
        .iter()
        .filter(|subject| bench.cache.get(subject).is_some());
    assert!(kept.count() >= 99);
    let statistics = bench.cache.statistics();
    assert!(statistics.entries <= 1_000, "{}", statistics.entries);
    assert!(statistics.evictions >= 49_000, "{}", statistics.evictions);
    assert!(store(&bench).weight() <= 2 * 1024 * 1024);
}

#[test]
fn fat_subscriptions_are_bounded_by_their_bytes() {
    let config = CacheConfig::builder()
        .max_entries(1_000)
        .max_bytes(1024 * 1024)
        .build()
        .unwrap();
    let bench = Bench::with(config);
    for n in 0..200 {
        let fat = Override {
            feature: "x".repeat(64 * 1024).into(),
            value: OverrideValue::Boolean(true),
            expires_at: None,
        };
        let subscription = of(Subject::user(n.to_string())).with_override(fat);
        bench.cache.push(Arc::new(subscription));
    }
    assert!(bench.cache.statistics().entries <= 16);
    assert!(store(&bench).weight() <= 1024 * 1024);
}

#[test]
fn clearing_gives_the_memory_back() {
    let bench = Bench::new();
    for n in 0..1_000 {
        bench.cache.push(Arc::new(of(Subject::user(n.to_string()))));
    }
    bench.cache.clear();
    assert!((0..1_000).all(|n| bench.cache.get(&Subject::user(n.to_string())).is_none()));
    assert_eq!(bench.cache.statistics().entries, 0);
}
