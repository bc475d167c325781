use std::sync::Arc;
use std::time::Duration;

use super::support::{Bench, PAUSE, ada, record, seconds, settle, told};
use crate::LookupErrorKind;

#[tokio::test(start_paused = true)]
async fn an_answer_of_up_to_two_seconds_is_good_enough_to_deny_by() {
    let bench = Bench::new();
    bench.give("free", 1);
    assert_eq!(bench.confirms().await, "free");
    bench.pass(seconds(2)).await;
    assert_eq!(bench.confirms().await, "free");
    assert_eq!(bench.source.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_has_just_paid_is_seen_before_a_denial() {
    let bench = Bench::new();
    bench.give("free", 1);
    assert_eq!(bench.resolves().await, "free");
    bench.give("pro", 2);
    bench.clock.advance(seconds(2) + Duration::from_micros(1));
    assert_eq!(bench.sees(), "free");
    assert_eq!(bench.confirms().await, "pro");
    assert_eq!(bench.sees(), "pro");
}

#[tokio::test(start_paused = true)]
async fn one_subject_is_read_again_once_in_five_seconds() {
    let bench = Bench::new();
    bench.give("free", 1);
    assert_eq!(bench.resolves().await, "free");
    bench.pass(seconds(3)).await;
    assert_eq!(bench.confirms().await, "free");
    assert_eq!(bench.source.calls(), 2);
    bench.pass(seconds(5) - Duration::from_micros(1)).await;
    for _ in 0..50 {
        assert_eq!(bench.confirms().await, "free");
    }
    assert_eq!(bench.source.calls(), 2);
    bench.clock.advance(Duration::from_micros(1));
    assert_eq!(bench.confirms().await, "free");
    assert_eq!(bench.source.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_who_are_to_be_denied_share_one_reading() {
    let bench = Bench::new();
    bench.give("free", 1);
    assert_eq!(bench.resolves().await, "free");
    bench.pass(seconds(3)).await;
    bench.give("pro", 2);
    bench.source.answer_after(Duration::from_millis(20));
    let callers: Vec<_> = (0..1_000)
        .map(|_| {
            let cache = bench.cache.clone();
            tokio::spawn(async move { told(&cache.confirm(&ada()).await) })
        })
        .collect();
    settle().await;
    bench.pass(Duration::from_millis(20)).await;
    for caller in callers {
        assert_eq!(caller.await.unwrap(), "pro");
    }
    assert_eq!(bench.source.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failed_reading_fails_for_five_seconds_and_leaves_the_answer_for_allows() {
    let bench = Bench::new();
    bench.give("free", 1);
    assert_eq!(bench.resolves().await, "free");
    bench.pass(seconds(3)).await;
    bench.source.fail(LookupErrorKind::Unavailable);
    assert_eq!(bench.confirms().await, "unavailable");
    assert_eq!(bench.sees(), "free");
    assert_eq!(bench.resolves().await, "free");
    bench.source.answer();
    bench.pass(seconds(5) - Duration::from_micros(1)).await;
    assert_eq!(bench.confirms().await, "unavailable");
    assert_eq!(bench.source.calls(), 2);
    bench.clock.advance(Duration::from_micros(1));
    assert_eq!(bench.confirms().await, "free");
    assert_eq!(bench.source.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_answer_after_a_failed_reading_is_good_enough() {
    let bench = Bench::new();
    bench.give("free", 1);
    assert_eq!(bench.resolves().await, "free");
    bench.pass(seconds(331)).await;
    bench.source.fail(LookupErrorKind::Unavailable);
    assert_eq!(bench.confirms().await, "unavailable");
    bench.source.answer();
    bench.pass(PAUSE).await;
    assert_eq!(bench.sees(), "free");
    settle().await;
    assert_eq!(bench.source.calls(), 3);
    bench.pass(seconds(3)).await;
    assert_eq!(bench.confirms().await, "free");
    assert_eq!(bench.source.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_reading_that_joins_a_refresh_counts_as_one() {
    let bench = Bench::new();
    bench.give("free", 1);
    assert_eq!(bench.resolves().await, "free");
    bench.pass(seconds(331)).await;
    bench.source.answer_after(Duration::from_millis(10));
    assert_eq!(bench.sees(), "free");
    settle().await;
    let cache = bench.cache.clone();
    let reading = tokio::spawn(async move { told(&cache.confirm(&ada()).await) });
    settle().await;
    bench.pass(Duration::from_millis(10)).await;
    assert_eq!(reading.await.unwrap(), "free");
    bench.pass(seconds(4)).await;
    assert_eq!(bench.confirms().await, "free");
    assert_eq!(bench.source.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_demanded_version_passes_by_what_is_older() {
    let bench = Bench::new();
    bench.give("free", 1);
    assert_eq!(bench.resolves().await, "free");
    bench.give("pro", 2);
    for _ in 0..10_000 {
        assert_eq!(told(&bench.cache.resolve_at_least(&ada(), 2).await), "pro");
    }
    assert_eq!(bench.source.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_the_source_does_not_have_is_not_asked_for_again_at_once() {
    let bench = Bench::new();
    bench.give("free", 1);
    for _ in 0..50 {
        assert_eq!(
            told(&bench.cache.resolve_at_least(&ada(), 2).await),
            "not_fresh"
        );
    }
    assert_eq!(bench.source.calls(), 1);
    assert_eq!(bench.sees(), "free");
    bench.give("pro", 2);
    bench.pass(PAUSE).await;
    assert_eq!(told(&bench.cache.resolve_at_least(&ada(), 2).await), "pro");
}

#[tokio::test(start_paused = true)]
async fn a_demanded_version_does_not_trust_a_lookup_that_began_before() {
    let bench = Bench::new();
    bench.give("free", 1);
    bench.source.answer_after(Duration::from_millis(100));
    let cache = bench.cache.clone();
    let early = tokio::spawn(async move { told(&cache.resolve(&ada()).await) });
    settle().await;
    bench.give("pro", 2);
    let cache = bench.cache.clone();
    let late = tokio::spawn(async move { told(&cache.resolve_at_least(&ada(), 2).await) });
    settle().await;
    bench.pass(Duration::from_millis(100)).await;
    assert_eq!(early.await.unwrap(), "free");
    bench.pass(Duration::from_millis(100)).await;
    assert_eq!(late.await.unwrap(), "pro");
    assert_eq!(bench.source.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn no_record_and_a_record_without_version_are_older_than_any_version() {
    let bench = Bench::new();
    assert_eq!(
        told(&bench.cache.resolve_at_least(&ada(), 0).await),
        "not_fresh"
    );
    let mut unversioned = record("pro", 0);
    unversioned.version = None;
    bench.source.subscriptions().set(unversioned.clone());
    bench.cache.push(Arc::new(unversioned));
    assert_eq!(
        told(&bench.cache.resolve_at_least(&ada(), 0).await),
        "not_fresh"
    );
    bench.cache.push(Arc::new(record("pro", 0)));
    assert_eq!(told(&bench.cache.resolve_at_least(&ada(), 0).await), "pro");
}
