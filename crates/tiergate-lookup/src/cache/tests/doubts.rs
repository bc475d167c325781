use std::sync::Arc;
use std::time::Duration;

use tiergate_core::Subject;

use super::support::{Bench, PAUSE, ada, record, seconds, settle, told};
use crate::{Freshness, Known, LookupErrorKind, Pushed};

fn freshness(bench: &Bench) -> Option<Freshness> {
    bench.cache.get(&ada()).map(|snapshot| snapshot.freshness)
}

fn overhear(bench: &Bench, tier: &str, version: u64) -> Option<Pushed> {
    bench.cache.overhear(Arc::new(record(tier, version)))
}

#[tokio::test(start_paused = true)]
async fn what_is_in_doubt_is_used_once_more_and_asked_for_again() {
    let bench = Bench::new();
    bench.give("pro", 1);
    assert_eq!(bench.resolves().await, "pro");
    bench.give("max", 2);
    assert_eq!(freshness(&bench), Some(Freshness::Fresh));
    bench.cache.revalidate_all();
    assert_eq!(freshness(&bench), Some(Freshness::Stale));
    settle().await;
    assert_eq!(bench.sees(), "max");
    assert_eq!(freshness(&bench), Some(Freshness::Fresh));
    assert_eq!(bench.source.calls(), 2);
    assert_eq!(bench.cache.statistics().revalidations, 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_denied_by_what_is_in_doubt() {
    let bench = Bench::new();
    bench.give("free", 1);
    // Asked for just now, and confirmed just now: without the doubt both would do.
    assert_eq!(bench.confirms().await, "free");
    bench.give("pro", 2);
    assert_eq!(bench.confirms().await, "free");
    bench.cache.revalidate_all();
    assert_eq!(bench.confirms().await, "pro");
    assert_eq!(bench.confirms().await, "pro");
    assert_eq!(bench.source.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn while_the_source_is_down_what_is_in_doubt_is_used_like_what_is_stale() {
    let bench = Bench::new();
    bench.give("pro", 1);
    assert_eq!(bench.resolves().await, "pro");
    bench.source.fail(LookupErrorKind::Unreachable);
    bench.cache.revalidate_all();
    for _ in 0..10 {
        assert_eq!(bench.resolves().await, "pro");
        assert_eq!(freshness(&bench), Some(Freshness::Stale));
        bench.pass(PAUSE).await;
    }
    assert_eq!(bench.confirms().await, "unreachable");
    // The age counts from what the source last said, and ends where it always would.
    bench.pass(seconds(24 * 60 * 60)).await;
    assert_eq!(bench.resolves().await, "unreachable");
}

#[tokio::test(start_paused = true)]
async fn what_a_lookup_brings_that_was_under_way_is_in_doubt_too() {
    let bench = Bench::new();
    bench.give("free", 1);
    bench.source.answer_after(Duration::from_millis(100));
    let ask = |confirm: bool| {
        let cache = bench.cache.clone();
        tokio::spawn(async move {
            told(&if confirm {
                cache.confirm(&ada()).await
            } else {
                cache.resolve(&ada()).await
            })
        })
    };
    let before = ask(false);
    settle().await;
    bench.give("pro", 2);
    bench.cache.revalidate_all();
    let after = ask(true);
    settle().await;
    assert_eq!(bench.source.calls(), 1, "the second joined the first");
    bench.pass(Duration::from_millis(100)).await;
    assert_eq!(before.await.unwrap(), "free");
    bench.pass(Duration::from_millis(100)).await;
    assert_eq!(after.await.unwrap(), "pro");
    assert_eq!(freshness(&bench), Some(Freshness::Fresh));
    assert_eq!(bench.source.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failure_makes_nothing_that_is_in_doubt_certain() {
    let bench = Bench::new();
    bench.give("pro", 1);
    assert_eq!(bench.resolves().await, "pro");
    bench.cache.revalidate_all();
    bench.source.fail(LookupErrorKind::TimedOut);
    assert_eq!(bench.confirms().await, "timed_out");
    assert_eq!(freshness(&bench), Some(Freshness::Stale));
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_overheard_reaches_only_those_who_were_asked_about() {
    let bench = Bench::new();
    assert_eq!(overhear(&bench, "pro", 1), None);
    assert_eq!(bench.sees(), "?");
    assert_eq!(bench.source.calls(), 0);

    bench.give("pro", 1);
    assert_eq!(bench.resolves().await, "pro");
    assert_eq!(overhear(&bench, "max", 2), Some(Pushed::Applied));
    assert_eq!(bench.sees(), "max");
    assert_eq!(freshness(&bench), Some(Freshness::Fresh));
    assert_eq!(overhear(&bench, "pro", 1), Some(Pushed::Outdated));
    assert_eq!(bench.sees(), "max");
    assert_eq!(bench.source.calls(), 1);

    bench.cache.clear();
    assert_eq!(overhear(&bench, "pro", 3), None);
    let statistics = bench.cache.statistics();
    assert_eq!((statistics.pushed, statistics.pushed_outdated), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_overheard_overtakes_the_lookup_under_way() {
    let bench = Bench::new();
    bench.give("pro", 1);
    bench.source.answer_after(Duration::from_millis(100));
    let cache = bench.cache.clone();
    let waiting = tokio::spawn(async move { told(&cache.resolve(&ada()).await) });
    settle().await;
    assert_eq!(overhear(&bench, "max", 2), Some(Pushed::Applied));
    assert_eq!(waiting.await.unwrap(), "max");
    bench.pass(Duration::from_millis(100)).await;
    assert_eq!(bench.sees(), "max");
    assert_eq!(bench.cache.statistics().discarded, 1);
}

/// Changes are told in the order in which they were made, but the source may have told of a later
/// one before.
#[tokio::test(start_paused = true)]
async fn a_change_to_another_record_holds_but_nobody_is_denied_by_it_unasked() {
    for ended in [
        Some(record("free", 9).with_id("sub_0")),
        None,
        Some({
            let mut record = record("free", 0);
            record.version = None;
            record
        }),
    ] {
        let bench = Bench::new();
        bench.give("pro", 1);
        assert_eq!(bench.resolves().await, "pro");
        let pushed = match ended {
            Some(record) => bench.cache.overhear(Arc::new(record)),
            None => bench.cache.overhear_missing(&ada()),
        };
        assert_eq!(pushed, Some(Pushed::Applied));
        let calls = bench.source.calls();
        assert_ne!(bench.resolves().await, "pro", "it holds");
        assert_eq!(bench.confirms().await, "pro", "but a denial is confirmed");
        assert_eq!(bench.source.calls(), calls + 1);
        assert_eq!(freshness(&bench), Some(Freshness::Fresh));
    }
}

#[tokio::test(start_paused = true)]
async fn an_absence_that_is_confirmed_by_a_change_asks_nobody() {
    let bench = Bench::new();
    assert_eq!(bench.resolves().await, "-");
    let pushed = bench.cache.overhear_missing(&ada());
    assert_eq!(pushed, Some(Pushed::Applied));
    assert_eq!(bench.confirms().await, "-");
    assert_eq!(bench.source.calls(), 1);
    // And who subscribes is let in, without a doubt being in the way.
    assert_eq!(overhear(&bench, "pro", 1), Some(Pushed::Applied));
    assert_eq!(bench.sees(), "pro");
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_overheard_holds_while_the_source_is_down() {
    let bench = Bench::new();
    bench.give("pro", 1);
    assert_eq!(bench.resolves().await, "pro");
    bench.source.fail(LookupErrorKind::Unreachable);
    let mut over = record("pro", 0).with_id("sub_2");
    over.renewal = tiergate_core::subscription::Renewal::EndsWithPeriod;
    over.period_end = Some(tiergate_clock::Clock::now(&bench.clock));
    let over = Arc::new(over);
    let pushed = bench.cache.overhear(Arc::clone(&over));
    assert_eq!(pushed, Some(Pushed::Applied));
    for _ in 0..5 {
        let snapshot = bench.cache.get(&ada()).unwrap();
        assert_eq!(snapshot.known, Known::Found(Arc::clone(&over).into()));
        bench.pass(PAUSE).await;
    }
}

#[test]
fn a_flood_of_changes_to_strangers_drives_nobody_out() {
    let config = crate::CacheConfig::builder()
        .max_entries(1_000)
        .max_bytes(2 * 1024 * 1024)
        .build()
        .unwrap();
    let bench = Bench::with(config);
    let known = |name: String| {
        let mut record = record("pro", 1);
        record.subject = Subject::user(name);
        record
    };
    // Full, and used just once each: what is easiest to drive out.
    for n in 0..1_000 {
        bench.cache.push(Arc::new(known(format!("known {n}"))));
    }
    let before = bench.cache.statistics();
    for n in 0..50_000_u32 {
        let stranger = Arc::new(known(format!("stranger {}", n % 5_000)));
        assert_eq!(bench.cache.overhear(stranger), None);
    }
    let after = bench.cache.statistics();
    assert_eq!(
        (after.entries, after.evictions),
        (before.entries, before.evictions)
    );
    assert_eq!((after.pushed, after.pushed_unasked), (1_000, 50_000));
    let kept = (0..1_000).filter(|n| {
        let subject = Subject::user(format!("known {n}"));
        bench.cache.get(&subject).is_some()
    });
    assert_eq!(kept.count() as u64, before.entries);
}
