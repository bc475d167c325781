use std::sync::Arc;
use std::time::Duration;

use super::support::{Bench, ada, record, seconds, settle, told};
use crate::{LookupErrorKind, Pushed};

/// Starts a lookup that has read `pro`, revision 3, and will bring it in 100 ms.
async fn in_flight(bench: &Bench) -> tokio::task::JoinHandle<String> {
    bench.give("pro", 3);
    bench.source.answer_after(Duration::from_millis(100));
    let cache = bench.cache.clone();
    let waiting = tokio::spawn(async move { told(&cache.resolve(&ada()).await) });
    settle().await;
    assert_eq!(bench.source.calls_under_way(), 1);
    waiting
}

#[tokio::test(start_paused = true)]
async fn a_pushed_downgrade_is_not_undone_by_a_lookup_under_way() {
    // Whatever revision the pushed record has, or none: what was read before it is older.
    for pushed in [record("free", 4), record("free", 2), record("free", 3), {
        let mut record = record("free", 0);
        record.version = None;
        record
    }] {
        let bench = Bench::new();
        let waiting = in_flight(&bench).await;
        assert_eq!(bench.cache.push(Arc::new(pushed)), Pushed::Applied);
        assert_eq!(bench.sees(), "free");
        assert_eq!(waiting.await.unwrap(), "free");
        bench.pass(Duration::from_millis(100)).await;
        assert_eq!(bench.source.calls_under_way(), 0);
        assert_eq!(bench.sees(), "free");
        assert_eq!(bench.cache.statistics().discarded, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_pushed_absence_is_not_undone_by_a_lookup_under_way() {
    let bench = Bench::new();
    let waiting = in_flight(&bench).await;
    bench.cache.push_missing(&ada());
    assert_eq!(waiting.await.unwrap(), "-");
    bench.pass(Duration::from_millis(100)).await;
    assert_eq!(bench.sees(), "-");
}

#[tokio::test(start_paused = true)]
async fn after_an_invalidation_those_who_wait_get_what_is_read_later() {
    for clear in [false, true] {
        let bench = Bench::new();
        let waiting = in_flight(&bench).await;
        bench.give("free", 1);
        if clear {
            bench.cache.clear();
        } else {
            bench.cache.invalidate(&ada());
        }
        settle().await;
        assert_eq!(bench.source.calls(), 2);
        bench.pass(Duration::from_millis(100)).await;
        assert_eq!(waiting.await.unwrap(), "free");
        assert_eq!(bench.sees(), "free");
        assert_eq!(bench.cache.statistics().discarded, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stale_refresh_under_way_never_undoes_a_change() {
    let bench = Bench::new();
    bench.give("pro", 1);
    assert_eq!(bench.resolves().await, "pro");
    bench.pass(seconds(331)).await;
    bench.source.answer_after(Duration::from_millis(100));
    assert_eq!(bench.sees(), "pro");
    settle().await;
    bench.cache.invalidate(&ada());
    assert_eq!(bench.sees(), "?");
    bench.pass(Duration::from_millis(100)).await;
    assert_eq!(bench.sees(), "?");
}

#[tokio::test(start_paused = true)]
async fn looking_again_ends() {
    let bench = Bench::new();
    let waiting = in_flight(&bench).await;
    for _ in 0..10 {
        bench.cache.invalidate(&ada());
        settle().await;
    }
    assert_eq!(waiting.await.unwrap(), "interrupted");
    assert_eq!(bench.source.calls(), 4);
}

#[tokio::test(start_paused = true)]
async fn who_pays_is_known_at_once_when_pushed() {
    let bench = Bench::new();
    assert_eq!(bench.resolves().await, "-");
    bench.cache.push(Arc::new(record("pro", 1)));
    assert_eq!(bench.sees(), "pro");
    assert_eq!(bench.resolves().await, "pro");
    assert_eq!(bench.source.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lower_revision_never_replaces_a_higher_one() {
    let bench = Bench::new();
    assert_eq!(
        bench.cache.push(Arc::new(record("max", 7))),
        Pushed::Applied
    );
    assert_eq!(
        bench.cache.push(Arc::new(record("pro", 6))),
        Pushed::Outdated
    );
    assert_eq!(bench.sees(), "max");
    // The same revision may come again; another record has revisions of its own.
    assert_eq!(
        bench.cache.push(Arc::new(record("max", 7))),
        Pushed::Applied
    );
    let other = record("pro", 1).with_id("sub_2");
    assert_eq!(bench.cache.push(Arc::new(other)), Pushed::Applied);
    assert_eq!(bench.sees(), "pro");
    let statistics = bench.cache.statistics();
    assert_eq!((statistics.pushed, statistics.pushed_outdated), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn an_outdated_push_leaves_the_lookup_under_way_alone() {
    let bench = Bench::new();
    bench.cache.push(Arc::new(record("pro", 5)));
    bench.pass(seconds(331)).await;
    bench.give("max", 6);
    bench.source.answer_after(Duration::from_millis(100));
    assert_eq!(bench.sees(), "pro");
    settle().await;
    assert_eq!(
        bench.cache.push(Arc::new(record("free", 4))),
        Pushed::Outdated
    );
    bench.pass(Duration::from_millis(100)).await;
    assert_eq!(bench.sees(), "max");
}

#[tokio::test(start_paused = true)]
async fn a_push_ends_the_pause_after_failures() {
    let bench = Bench::new();
    bench.source.fail(LookupErrorKind::Unreachable);
    assert_eq!(bench.resolves().await, "unreachable");
    bench.cache.push(Arc::new(record("pro", 1)));
    assert_eq!(bench.confirms().await, "pro");
    bench.source.answer();
    bench.give("max", 2);
    bench.pass(seconds(3)).await;
    assert_eq!(bench.confirms().await, "max");
}
