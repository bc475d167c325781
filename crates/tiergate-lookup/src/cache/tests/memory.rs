use std::sync::Arc;

use tiergate_core::subscription::{Override, OverrideValue};
use tiergate_core::{Subject, Subscription, SubscriptionStatus};

use super::support::Bench;
use crate::CacheConfig;
use crate::cache::store::BoundedStore;

fn store(bench: &Bench) -> &BoundedStore {
    bench.cache.shared.board.store()
}

/// What is made, and how many bytes of the allocator it has.
fn asked<T>(make: impl FnOnce() -> T) -> (u64, T) {
    let mut made = None;
    let info = allocation_counter::measure(|| made = Some(make()));
    (u64::try_from(info.bytes_current).unwrap(), made.unwrap())
}

fn roomy() -> CacheConfig {
    let config = CacheConfig::builder().max_entries(1_000_000);
    config.max_bytes(1 << 40).build().unwrap()
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
fn what_it_says_it_takes_is_what_it_asks_the_allocator_for() {
    let uuid = |n: u32| format!("{n:08x}-0000-4000-8000-000000000000");
    let short = |n: u32| of(Subject::user(uuid(n))).with_id(uuid(n)).with_version(3);
    let long = |n: u32| of(Subject::user("x".repeat(100) + &uuid(n)));
    let fat = |n: u32| {
        short(n).with_override(Override {
            feature: "y".repeat(100).into(),
            value: OverrideValue::Level("z".repeat(100).into()),
            expires_at: None,
        })
    };
    let kinds: [(&str, &dyn Fn(u32) -> Subscription); 3] =
        [("short", &short), ("long", &long), ("fat", &fat)];
    for (kind, make) in kinds {
        for count in [2_000, 10_000, 30_000] {
            // Beside the entries there is what a store has that is empty.
            let (empty, _) = asked(|| Bench::with(roomy()));
            let (all, bench) = asked(|| {
                let filled = Bench::with(roomy());
                for n in 0..count {
                    filled.cache.push(Arc::new(make(n)));
                }
                filled
            });
            let asked = all - empty;
            let told = store(&bench).weight();
            assert!(asked <= told, "{count} {kind}: {asked} of {told}");
            assert!(told < asked * 3 / 2, "{count} {kind}: {asked} of {told}");
        }
    }
}

#[test]
fn most_entries_take_a_quarter_of_a_kibibyte_at_most() {
    let bench = Bench::with(roomy());
    for n in 0..1_000_u32 {
        let id = format!("{n:08x}-0000-4000-8000-000000000000");
        let usual = of(Subject::user(id.clone()))
            .with_id(id)
            .with_seats(n)
            .with_version(1);
        bench.cache.push(Arc::new(usual));
    }
    assert!(store(&bench).weight() <= 256 * 1_000);
}

/// Lets so many strangers come, each of them once.
fn flood_of(bench: &Bench) -> impl FnMut(usize) {
    let mut strangers = (0..).map(|n: u32| Subject::user(format!("stranger {n}")));
    move |count| {
        for stranger in strangers.by_ref().take(count) {
            bench.cache.push_missing(&stranger);
        }
    }
}

#[test]
fn who_comes_again_while_strangers_come_stays() {
    let config = CacheConfig::builder().max_entries(1_000);
    let bench = Bench::with(config.build().unwrap());
    let mut flood = flood_of(&bench);
    let regulars: Vec<_> = (0..500)
        .map(|n: u32| Subject::user(format!("{n}")))
        .collect();
    flood(2_000);
    for regular in &regulars {
        // Whoever comes again in time, though only once,
        bench.cache.push(Arc::new(of(regular.clone())));
        flood(10);
        assert!(bench.cache.get(regular).is_some());
    }
    flood(300);
    // outlives any number of those who don't.
    for regular in &regulars {
        assert!(bench.cache.get(regular).is_some(), "{regular}");
    }
    flood(20_000);
    let stayed = regulars.iter().filter(|one| bench.cache.get(one).is_some());
    assert_eq!(stayed.count(), 500);
}

#[test]
fn who_had_to_go_and_comes_again_stays() {
    let config = CacheConfig::builder().max_entries(1_000);
    let bench = Bench::with(config.build().unwrap());
    let mut flood = flood_of(&bench);
    flood(2_000);
    let mut stayed = 0;
    for n in 0..20 {
        let one = Subject::user(format!("{n}"));
        bench.cache.push_missing(&one);
        flood(150);
        assert!(bench.cache.get(&one).is_none(), "not used in time");
        bench.cache.push_missing(&one);
        flood(500);
        stayed += usize::from(bench.cache.get(&one).is_some());
    }
    // Another who had to go may have taken the place where that is remembered.
    assert!(stayed >= 10, "{stayed}");
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
