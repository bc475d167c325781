use std::collections::BTreeSet;
use std::time::Duration;

use tiergate_clock::Clock;
use tiergate_core::{Subscription, SubscriptionStatus};

use super::support::{Bench, PAUSE, ada, record, seconds, settle};
use crate::{CacheConfig, Freshness, LookupErrorKind};

const DAY: u64 = 24 * 60 * 60;
const SHORTEST_FRESH: Duration = Duration::from_secs(270);
const LONGEST_FRESH: Duration = Duration::from_secs(330);

#[tokio::test(start_paused = true)]
async fn a_fresh_answer_makes_no_call_and_a_stale_one_makes_one_in_the_background() {
    let bench = Bench::new();
    bench.give("pro", 1);
    assert_eq!(bench.resolves().await, "pro");
    bench.pass(SHORTEST_FRESH - seconds(1)).await;
    assert_eq!(bench.cache.get(&ada()).unwrap().freshness, Freshness::Fresh);
    assert_eq!(bench.source.calls(), 1);

    bench.give("max", 2);
    bench.source.answer_after(Duration::from_millis(10));
    bench.pass(seconds(62)).await;
    for _ in 0..100 {
        let snapshot = bench.cache.get(&ada()).unwrap();
        assert_eq!(snapshot.freshness, Freshness::Stale);
        assert_eq!(snapshot.age, LONGEST_FRESH + seconds(1));
        assert_eq!(bench.resolves().await, "pro");
    }
    settle().await;
    bench.pass(Duration::from_millis(10)).await;
    assert_eq!(bench.source.calls(), 2);
    assert_eq!(bench.sees(), "max");
    assert_eq!(bench.cache.get(&ada()).unwrap().age, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_stale_answer_ends_with_the_ceiling_and_failed_refreshes_do_not_move_it() {
    let bench = Bench::new();
    bench.give("pro", 1);
    assert_eq!(bench.resolves().await, "pro");
    bench.source.fail(LookupErrorKind::Unreachable);
    for _ in 0..23 {
        bench.pass(seconds(60 * 60)).await;
        assert_eq!(bench.resolves().await, "pro");
        settle().await;
    }
    bench
        .pass(seconds(60 * 60) - Duration::from_micros(1))
        .await;
    assert_eq!(bench.sees(), "pro");
    settle().await;
    bench.clock.advance(Duration::from_micros(1));
    assert_eq!(bench.sees(), "?");
    assert_eq!(bench.resolves().await, "unreachable");
    assert_eq!(bench.clock.elapsed(), seconds(DAY));
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_not_used_beyond_the_end_of_the_subscription() {
    let bench = Bench::new();
    let start = bench.clock.now();
    let trial =
        |end| Subscription::new(ada(), "pro", SubscriptionStatus::Trialing).with_trial_end(end);
    // It ends while it is fresh.
    let end = start.saturating_add(seconds(100));
    bench.source.subscriptions().set(trial(end));
    assert_eq!(bench.resolves().await, "pro");
    bench.source.fail(LookupErrorKind::Unreachable);
    bench.pass(seconds(100) - Duration::from_micros(1)).await;
    assert_eq!(bench.sees(), "pro");
    bench.pass(Duration::from_micros(1)).await;
    assert_eq!(bench.sees(), "?");
    assert_eq!(bench.resolves().await, "unreachable");

    // The source still says so after the end: that is news, as long as it is fresh.
    bench.source.answer();
    bench.pass(PAUSE).await;
    assert_eq!(bench.resolves().await, "pro");
    let calls = bench.source.calls();
    bench.pass(SHORTEST_FRESH - seconds(1)).await;
    assert_eq!(bench.resolves().await, "pro");
    assert_eq!(bench.source.calls(), calls);
    bench.source.fail(LookupErrorKind::Unreachable);
    bench.pass(seconds(62)).await;
    assert_eq!(bench.sees(), "?");

    // It ends while it is stale.
    let end = bench.clock.now().saturating_add(seconds(1_000));
    bench.cache.push(std::sync::Arc::new(trial(end)));
    bench.pass(seconds(1_000) - Duration::from_micros(1)).await;
    assert_eq!(bench.sees(), "pro");
    settle().await;
    bench.clock.advance(Duration::from_micros(1));
    assert_eq!(bench.sees(), "?");
}

#[tokio::test(start_paused = true)]
async fn setting_the_wall_clock_keeps_nothing_fresh_and_ages_nothing() {
    for jump in [-3_600_i64, 3_600] {
        let bench = Bench::new();
        bench.give("pro", 1);
        assert_eq!(bench.resolves().await, "pro");
        let micros = bench.clock.now().as_micros() + jump * 1_000_000;
        bench
            .clock
            .set_wall_clock(tiergate_core::time::Timestamp::from_micros(micros));
        bench.pass(SHORTEST_FRESH - seconds(1)).await;
        assert_eq!(bench.cache.get(&ada()).unwrap().freshness, Freshness::Fresh);
        bench.pass(seconds(61)).await;
        assert_eq!(bench.cache.get(&ada()).unwrap().freshness, Freshness::Stale);
    }
}

#[tokio::test(start_paused = true)]
async fn no_subscription_is_an_answer_for_five_seconds_and_never_stale() {
    let bench = Bench::new();
    assert_eq!(bench.resolves().await, "-");
    bench.give("pro", 1);
    bench.pass(seconds(5) - Duration::from_micros(1)).await;
    assert_eq!(bench.resolves().await, "-");
    assert_eq!(bench.source.calls(), 1);
    bench.clock.advance(Duration::from_micros(1));
    assert_eq!(bench.sees(), "?");
    assert_eq!(bench.resolves().await, "pro");
}

#[tokio::test(start_paused = true)]
async fn answers_that_came_together_do_not_all_age_together() {
    let bench = Bench::new();
    let users: Vec<_> = (0..1_000)
        .map(|n| tiergate_core::Subject::user(n.to_string()))
        .collect();
    for user in &users {
        bench.cache.push(std::sync::Arc::new(Subscription::new(
            user.clone(),
            "pro",
            SubscriptionStatus::Active,
        )));
    }
    bench.source.fail(LookupErrorKind::Unreachable);
    bench.pass(SHORTEST_FRESH).await;
    let mut stale = BTreeSet::new();
    let mut seconds_with_news = 0;
    for _ in 0..60 {
        let before = stale.len();
        for (n, user) in users.iter().enumerate() {
            if bench.cache.get(user).unwrap().freshness == Freshness::Stale {
                stale.insert(n);
            }
        }
        assert!(stale.len() - before < users.len() / 10);
        seconds_with_news += usize::from(stale.len() > before);
        bench.pass(seconds(1)).await;
    }
    assert!(seconds_with_news > 50, "{seconds_with_news}");
}

#[tokio::test(start_paused = true)]
async fn refreshes_do_not_wait_for_room() {
    let config = CacheConfig::builder().max_flights(1).build().unwrap();
    let bench = Bench::with(config);
    bench.give("pro", 1);
    assert_eq!(bench.resolves().await, "pro");
    bench.pass(LONGEST_FRESH).await;
    bench.source.hang();
    let cache = bench.cache.clone();
    let other = tiergate_core::Subject::user("other");
    tokio::spawn(async move { cache.resolve(&other).await });
    settle().await;
    assert_eq!(bench.sees(), "pro");
    settle().await;
    assert_eq!(bench.source.calls(), 2);
    assert_eq!(bench.cache.statistics().refreshes_skipped, 1);
    assert_eq!(bench.cache.statistics().flights_under_way, 1);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_brings_an_older_revision_changes_nothing_and_is_not_repeated_at_once() {
    let bench = Bench::new();
    bench.cache.push(std::sync::Arc::new(record("max", 5)));
    bench.give("pro", 4);
    bench.pass(LONGEST_FRESH).await;
    for _ in 0..50 {
        assert_eq!(bench.sees(), "max");
        settle().await;
    }
    assert_eq!(bench.source.calls(), 1);
    // Another record of the same subject is no earlier revision.
    bench
        .source
        .subscriptions()
        .set(record("team", 1).with_id("sub_2"));
    bench.pass(PAUSE).await;
    assert_eq!(bench.sees(), "max");
    settle().await;
    assert_eq!(bench.sees(), "team");
}
