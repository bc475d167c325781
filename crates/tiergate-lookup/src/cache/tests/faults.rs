use std::time::Duration;

use tiergate_core::Subject;

use super::support::{Bench, ada, record, seconds, settle, told};
use crate::{LookupError, LookupErrorKind, Resolution};

#[tokio::test(start_paused = true)]
async fn a_hundred_who_ask_one_after_the_other_within_a_second_make_two_calls_at_most() {
    let bench = Bench::new();
    bench.source.fail(LookupErrorKind::Unreachable);
    for _ in 0..100 {
        assert_eq!(bench.resolves().await, "unreachable");
        bench.pass(Duration::from_millis(10)).await;
    }
    assert!(
        (1..=2).contains(&bench.source.calls()),
        "{}",
        bench.source.calls()
    );
}

#[tokio::test(start_paused = true)]
async fn the_pause_after_failures_doubles_up_to_fifteen_seconds() {
    let bench = Bench::new();
    bench.source.fail(LookupErrorKind::Unavailable);
    for shortest in [1_000, 2_000, 4_000, 8_000, 12_500, 12_500] {
        let before = bench.source.calls();
        let Resolution::Failed(error) = bench.cache.resolve(&ada()).await else {
            panic!("the source fails");
        };
        assert_eq!(bench.source.calls(), before + 1);
        assert_eq!(error.kind(), LookupErrorKind::Unavailable);
        bench.pass(Duration::from_millis(shortest - 1)).await;
        let Resolution::Failed(error) = bench.cache.resolve(&ada()).await else {
            panic!("nothing is known");
        };
        assert_eq!(bench.source.calls(), before + 1, "no call during the pause");
        let rest = Duration::from_millis(shortest / 5 + 1);
        assert!(error.retry_after().unwrap() <= rest);
        bench.pass(rest).await;
    }
    // An answer ends it: the next failure starts over.
    bench.source.answer();
    assert_eq!(bench.resolves().await, "-");
    bench.pass(seconds(5)).await;
    bench.source.fail(LookupErrorKind::Unavailable);
    assert_eq!(bench.resolves().await, "unavailable");
    bench.pass(Duration::from_millis(1_200)).await;
    bench.source.answer();
    assert_eq!(bench.resolves().await, "-");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_asks_to_be_left_alone_is_up_to_a_minute() {
    for (asked, waits) in [(30, 30), (86_400, 60)] {
        let bench = Bench::new();
        let error = LookupError::new(LookupErrorKind::Throttled).with_retry_after(seconds(asked));
        bench.source.fail_with(error);
        assert_eq!(bench.resolves().await, "throttled");
        bench.source.answer();
        bench.pass(seconds(waits) - Duration::from_millis(1)).await;
        assert_eq!(bench.resolves().await, "throttled");
        bench.pass(Duration::from_millis(1)).await;
        assert_eq!(bench.resolves().await, "-");
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_down_for_ten_minutes_is_not_noticed_by_those_it_answered() {
    let bench = Bench::new();
    let users: Vec<_> = (0..500).map(|n| Subject::user(n.to_string())).collect();
    for user in &users {
        bench
            .source
            .subscriptions()
            .set(tiergate_core::Subscription::new(
                user.clone(),
                "pro",
                tiergate_core::SubscriptionStatus::Active,
            ));
        assert_eq!(told(&bench.cache.resolve(user).await), "pro");
    }
    bench.pass(seconds(299)).await;
    bench.source.fail(LookupErrorKind::Unreachable);
    let before = bench.source.calls();
    for _ in 0..60 {
        for user in &users {
            assert_eq!(told(&bench.cache.resolve(user).await), "pro");
        }
        bench.pass(seconds(10)).await;
    }
    let statistics = bench.cache.statistics();
    assert!(statistics.circuit_opened > 0);
    // Once the circuit is open: one try in five seconds, of which this test sees every second.
    assert!(
        bench.source.calls() - before <= 64 + 60,
        "{}",
        bench.source.calls() - before
    );
    assert_eq!(
        told(&bench.cache.resolve(&Subject::user("nobody")).await),
        "unreachable"
    );
    assert_eq!(
        told(&bench.cache.resolve(&Subject::user("nobody else")).await),
        "circuit_open"
    );

    bench.source.answer();
    for _ in 0..20 {
        bench.pass(seconds(2)).await;
        for user in &users {
            assert!(bench.cache.get(user).is_some());
            settle().await;
        }
    }
    for user in &users {
        assert_eq!(
            bench.cache.get(user).unwrap().freshness,
            crate::Freshness::Fresh
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_says_when_to_come_back_and_leaves_no_pause_behind() {
    let bench = Bench::new();
    bench.source.fail(LookupErrorKind::Unreachable);
    for n in 0..20 {
        let subject = Subject::user(format!("other {n}"));
        assert_eq!(told(&bench.cache.resolve(&subject).await), "unreachable");
    }
    let Resolution::Failed(error) = bench.cache.resolve(&ada()).await else {
        panic!("the circuit is open");
    };
    assert_eq!(error.kind(), LookupErrorKind::CircuitOpen);
    assert_eq!(error.retry_after(), Some(seconds(5)));
    assert_eq!(bench.source.calls(), 20);
    let statistics = bench.cache.statistics();
    assert_eq!(
        (statistics.circuit_opened, statistics.circuit_is_open),
        (1, true)
    );
    bench.give("pro", 1);
    bench.source.answer();
    bench.pass(seconds(5)).await;
    assert_eq!(bench.resolves().await, "pro");
    let statistics = bench.cache.statistics();
    assert!(!statistics.circuit_is_open);
    assert_eq!(statistics.failed(LookupErrorKind::CircuitOpen), 1);
}

#[tokio::test(start_paused = true)]
async fn questions_that_the_source_finds_fault_with_open_no_circuit() {
    let bench = Bench::new();
    bench
        .source
        .fail_with(LookupError::new(LookupErrorKind::Unavailable).with_status(400));
    for number in 0..100 {
        let odd = Subject::user(format!("odd-{number}"));
        assert!(matches!(
            bench.cache.resolve(&odd).await,
            Resolution::Failed(_)
        ));
    }
    assert_eq!(bench.cache.statistics().circuit_opened, 0);
    bench.source.answer();
    assert_eq!(bench.resolves().await, "-");
}

#[tokio::test(start_paused = true)]
async fn callers_who_leave_and_subjects_without_subscription_open_no_circuit() {
    let bench = Bench::new();
    bench.source.answer_after(Duration::from_millis(500));
    for n in 0..60 {
        let cache = bench.cache.clone();
        let subject = Subject::user(n.to_string());
        let caller = tokio::spawn(async move { cache.resolve(&subject).await });
        tokio::task::yield_now().await;
        caller.abort();
    }
    bench.pass(seconds(1)).await;
    assert_eq!(bench.resolves().await, "-");
    assert_eq!(bench.cache.statistics().circuit_opened, 0);
    assert_eq!(bench.cache.statistics().missing, 61);
}

#[tokio::test(start_paused = true)]
async fn an_answer_about_somebody_else_is_a_failure() {
    struct Confused;

    #[crate::async_trait]
    impl crate::SubscriptionLookup for Confused {
        async fn lookup(&self, _: &Subject) -> crate::Answer {
            crate::Answer::Found(std::sync::Arc::new(record("enterprise", 1)))
        }
    }

    let cache = crate::CachedLookup::new(
        std::sync::Arc::new(Confused),
        crate::CacheConfig::default(),
        std::sync::Arc::new(tiergate_clock::ManualClock::default()),
    );
    let organization = Subject::organization("ada");
    assert_eq!(told(&cache.resolve(&organization).await), "invalid_answer");
    assert!(cache.get(&organization).is_none());
    assert_eq!(told(&cache.resolve(&ada()).await), "enterprise");
}
