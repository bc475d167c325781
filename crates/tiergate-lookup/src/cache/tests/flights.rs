use std::time::Duration;

use super::support::{Bench, PAUSE, ada, seconds, settle, told};
use crate::LookupErrorKind;

#[tokio::test(start_paused = true)]
async fn ten_thousand_who_ask_at_once_make_one_call() {
    let bench = Bench::new();
    bench.give("pro", 1);
    bench.source.answer_after(Duration::from_millis(50));
    let callers: Vec<_> = (0..10_000)
        .map(|_| {
            let cache = bench.cache.clone();
            tokio::spawn(async move { told(&cache.resolve(&ada()).await) })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), "pro");
    }
    assert_eq!(bench.source.calls(), 1);
    let statistics = bench.cache.statistics();
    assert_eq!(statistics.flights, 1);
    assert_eq!(statistics.joined, 9_999);
    assert_eq!(statistics.misses, 10_000);
    assert_eq!(statistics.found, 1);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_who_give_up_on_a_hanging_source_make_one_call() {
    let bench = Bench::new();
    bench.source.hang();
    let callers: Vec<_> = (0..10_000)
        .map(|_| {
            let cache = bench.cache.clone();
            tokio::spawn(async move {
                tokio::time::timeout(Duration::from_millis(200), cache.resolve(&ada()))
                    .await
                    .is_err()
            })
        })
        .collect();
    for caller in callers {
        assert!(caller.await.unwrap());
    }
    assert_eq!(bench.source.calls(), 1);
    assert_eq!(bench.source.calls_under_way(), 1);
}

#[tokio::test(start_paused = true)]
async fn leaders_that_leave_a_thousand_times_change_nothing() {
    let bench = Bench::new();
    bench.source.hang();
    for _ in 0..1_000 {
        let cache = bench.cache.clone();
        let leader = tokio::spawn(async move { cache.resolve(&ada()).await });
        tokio::task::yield_now().await;
        leader.abort();
        assert!(leader.await.unwrap_err().is_cancelled());
    }
    assert_eq!(bench.source.calls(), 1);
    assert_eq!(bench.source.most_calls_under_way(), 1);
    // The flight ends by its own deadline, and the next caller after the back-off is served.
    bench.pass(PAUSE).await;
    assert_eq!(bench.source.calls_under_way(), 0);
    bench.pass(PAUSE).await;
    bench.give("pro", 1);
    bench.source.answer();
    assert_eq!(bench.resolves().await, "pro");
}

#[tokio::test(start_paused = true)]
async fn a_panic_fails_for_everybody_once_and_the_next_call_works() {
    let bench = Bench::new();
    bench.give("pro", 1);
    bench.source.panic();
    let (one, other) = tokio::join!(bench.resolves(), bench.resolves());
    assert_eq!(
        (one.as_str(), other.as_str()),
        ("interrupted", "interrupted")
    );
    assert_eq!(bench.source.calls(), 1);
    bench.source.answer();
    bench.pass(PAUSE).await;
    assert_eq!(bench.resolves().await, "pro");
}

#[tokio::test(start_paused = true)]
async fn a_hanging_source_is_given_up_at_the_deadline() {
    let bench = Bench::new();
    bench.source.hang();
    let before = tokio::time::Instant::now();
    assert_eq!(bench.resolves().await, "timed_out");
    assert_eq!(before.elapsed(), seconds(1));
    assert_eq!(bench.source.calls_under_way(), 0);
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_are_under_way_than_allowed_and_no_more_wait_than_allowed() {
    let config = crate::CacheConfig::builder()
        .max_flights(2)
        .max_waiting_flights(3)
        .build()
        .unwrap();
    let bench = Bench::with(config);
    bench.source.answer_after(Duration::from_millis(600));
    let callers: Vec<_> = (0..7)
        .map(|n| {
            let cache = bench.cache.clone();
            let subject = tiergate_core::Subject::user(n.to_string());
            tokio::spawn(async move { told(&cache.resolve(&subject).await) })
        })
        .collect();
    settle().await;
    assert_eq!(bench.cache.statistics().flights_under_way, 5);
    let mut outcomes = Vec::new();
    for caller in callers {
        outcomes.push(caller.await.unwrap());
    }
    let count = |word: &str| outcomes.iter().filter(|one| *one == word).count();
    // Two are served; two more get their turn too late; two are turned away at once. The last one
    // waits until its deadline, at which the two before it leave.
    assert_eq!(count("-"), 2, "{outcomes:?}");
    assert!(count("timed_out") >= 2, "{outcomes:?}");
    assert!(count("overloaded") >= 2, "{outcomes:?}");
    assert_eq!(bench.source.most_calls_under_way(), 2);
    settle().await;
    let statistics = bench.cache.statistics();
    assert_eq!(statistics.flights_under_way, 0);
    assert_eq!(
        statistics.failed(LookupErrorKind::Overloaded),
        count("overloaded") as u64
    );
}

#[test]
fn without_a_runtime_a_lookup_fails_and_what_is_known_is_served() {
    let bench = Bench::new();
    let resolution = futures_util::FutureExt::now_or_never(bench.cache.resolve(&ada())).unwrap();
    assert_eq!(told(&resolution), "interrupted");
    bench
        .cache
        .push(std::sync::Arc::new(super::support::record("pro", 1)));
    bench.clock.advance(seconds(400));
    assert_eq!(bench.sees(), "pro");
}

#[test]
fn a_runtime_that_goes_away_leaves_nobody_waiting() {
    let bench = Bench::new();
    bench.source.hang();
    let first = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let second = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let cache = bench.cache.clone();
    first.block_on(async {
        tokio::spawn(async move { cache.resolve(&ada()).await });
        settle().await;
    });
    let (joined, has_joined) = std::sync::mpsc::channel();
    let cache = bench.cache.clone();
    let waiter = std::thread::spawn(move || {
        second.block_on(async {
            let waiting = tokio::spawn(async move { told(&cache.resolve(&ada()).await) });
            settle().await;
            joined.send(()).unwrap();
            waiting.await.unwrap()
        })
    });
    has_joined.recv().unwrap();
    drop(first);
    assert_eq!(waiter.join().unwrap(), "interrupted");
}

#[tokio::test(start_paused = true)]
async fn users_and_organizations_of_one_id_share_nothing() {
    let bench = Bench::new();
    bench.give("pro", 1);
    assert_eq!(bench.resolves().await, "pro");
    let organization = tiergate_core::Subject::organization("ada");
    assert!(bench.cache.get(&organization).is_none());
    assert_eq!(told(&bench.cache.resolve(&organization).await), "-");
    assert_eq!(bench.sees(), "pro");
}

#[tokio::test(start_paused = true)]
async fn an_id_that_names_nobody_is_never_asked_about() {
    let bench = Bench::new();
    for id in [String::new(), "x".repeat(257)] {
        let subject = tiergate_core::Subject::user(id);
        assert_eq!(
            told(&bench.cache.resolve(&subject).await),
            "invalid_subject"
        );
        assert_eq!(
            told(&bench.cache.confirm(&subject).await),
            "invalid_subject"
        );
    }
    assert_eq!(bench.source.calls(), 0);
}
