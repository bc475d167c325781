//! Quotas.

use std::sync::Arc;
use std::time::Duration;

use tiergate_core::time::Timestamp;
use tiergate_core::{Limit, Subject};
use tiergate_usage::{
    Adjustment, Claim, CounterKey, CounterWindow, IdempotencyKey, LeasedUsage, MemoryUsage,
    Reserve, ReserveOutcome, Settlement, SharedStore, StoreErrorKind, UsageStore,
};

use crate::world::{Front, TTL, TokioClock, Weather, kind, world};

#[tokio::test(start_paused = true)]
async fn what_is_leased_is_admitted_and_committed_without_a_wait() {
    let w = world(|builder| builder);
    let spent = w.warmed_up(10_000_000).await;
    let before = w.store.leases() + w.store.reports();
    let mut at_once = 0;
    for _ in 0..10_000 {
        match w.reserve(1, 10_000_000).now_or_never() {
            Ok(Ok(ReserveOutcome::Admitted(admitted))) => {
                let commit = w.usage.commit(admitted.id(), &[1]);
                match commit.now_or_never() {
                    Ok(_) => at_once += 1,
                    Err(commit) => {
                        commit.await.unwrap();
                    }
                }
            }
            Ok(other) => panic!("{other:?}"),
            Err(later) => match later.await.unwrap() {
                ReserveOutcome::Admitted(admitted) => {
                    w.usage.commit(admitted.id(), &[1]).await.unwrap();
                }
                ReserveOutcome::Refused(refused) => panic!("{refused:?}"),
            },
        }
        tokio::task::yield_now().await;
    }
    let asked = w.store.leases() + w.store.reports() - before;
    assert!(at_once >= 9_900, "{at_once} of 10,000");
    assert!(asked <= 100, "{asked} messages for 10,000 operations");
    w.returned().await;
    assert_eq!(w.store.tally(&w.key).await, (spent + 10_000, 0));
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_away_no_more_is_spent_than_may_be_ahead() {
    for weather in [Weather::Hang, Weather::Away, Weather::LoseAnswers] {
        let w = world(|builder| builder.ahead(50));
        let spent = w.warmed_up(10_000_000).await;
        w.store.set(weather);
        let (mut ahead, mut failed) = (0, 0);
        for _ in 0..300 {
            match w.reserve(1, 10_000_000).await {
                Ok(ReserveOutcome::Admitted(admitted)) => {
                    let commit = w.usage.commit(admitted.id(), &[1]).now_or_never();
                    ahead += u64::from(matches!(commit, Ok(Ok(Settlement::Settled))));
                    if commit.is_err() {
                        w.usage.release(admitted.id()).await.unwrap();
                    }
                }
                Ok(ReserveOutcome::Refused(refused)) => panic!("{refused:?}"),
                Err(_) => failed += 1,
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!((1..=50).contains(&ahead), "{ahead} under {weather:?}");
        assert!(failed >= 200, "{failed} under {weather:?}");
        w.store.set(Weather::Fine);
        // What was sent before is waited for, and then there is a pause.
        w.served_again(10_000_000).await;
        w.spent(1, 10_000_000).await;
        w.returned().await;
        assert_eq!(
            w.store.tally(&w.key).await,
            (spent + ahead + 1, 0),
            "under {weather:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_goes_at_the_deadline() {
    let w = world(|builder| builder.max_wait(Duration::from_millis(300)));
    w.store.set(Weather::Hang);
    let begin = tokio::time::Instant::now();
    assert_eq!(kind(w.reserve(1, 10).await), StoreErrorKind::TimedOut);
    assert_eq!(begin.elapsed().as_millis(), 300);
}

#[tokio::test(start_paused = true)]
async fn an_absent_store_is_not_asked_by_every_request() {
    let w = world(|builder| builder);
    w.store.set(Weather::Away);
    for _ in 0..1_000 {
        assert_eq!(kind(w.reserve(1, 10).await), StoreErrorKind::Unavailable);
    }
    assert!(w.store.leases() <= 2, "asked {} times", w.store.leases());
    w.store.set(Weather::Fine);
    tokio::time::sleep(Duration::from_secs(3)).await;
    w.spent(1, 10).await;
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_takes_nothing_along() {
    let w = world(|builder| builder);
    w.store.set(Weather::Slow(Duration::from_millis(100)));
    for leaves_after in [1, 99, 100, 101] {
        let waiting = w.reserve(3, 10);
        let left = tokio::time::timeout(Duration::from_millis(leaves_after), waiting).await;
        if let Ok(Ok(ReserveOutcome::Admitted(admitted))) = left {
            w.usage.release(admitted.id()).await.unwrap();
        }
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    // All ten are there.
    w.spent(10, 10).await;
    w.returned().await;
    assert_eq!(w.store.tally(&w.key).await, (10, 0));
}

#[tokio::test(start_paused = true)]
async fn a_lease_whose_grant_was_not_heard_is_asked_for_by_its_name() {
    let w = world(|builder| builder);
    w.store.set(Weather::LoseAnswers);
    assert_eq!(kind(w.reserve(4, 10).await), StoreErrorKind::TimedOut);
    w.store.set(Weather::Fine);
    tokio::time::sleep(Duration::from_secs(5)).await;
    w.spent(10, 10).await;
    w.returned().await;
    assert_eq!(w.store.tally(&w.key).await, (10, 0));
}

#[tokio::test(start_paused = true)]
async fn many_who_come_at_once_make_one_request() {
    let w = world(|builder| builder);
    w.store.set(Weather::Slow(Duration::from_millis(20)));
    let waiting: Vec<_> = (0..500)
        .map(|_| tokio::spawn(w.reserve(1, 100_000)))
        .collect();
    for waiting in waiting {
        let outcome = waiting.await.unwrap().unwrap();
        assert!(matches!(outcome, ReserveOutcome::Admitted(_)));
    }
    assert!(w.store.leases() <= 3, "{} requests", w.store.leases());
}

#[tokio::test(start_paused = true)]
async fn too_many_who_wait_are_turned_away() {
    let w = world(|builder| builder.max_waiting(3));
    w.store.set(Weather::Slow(Duration::from_millis(20)));
    let waiting: Vec<_> = (0..5).map(|_| tokio::spawn(w.reserve(1, 10))).collect();
    let mut full = 0;
    for waiting in waiting {
        if let Err(error) = waiting.await.unwrap() {
            assert_eq!(error.kind(), StoreErrorKind::Full);
            full += 1;
        }
    }
    assert_eq!(full, 2);
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_is_used_up_costs_no_request_each_time() {
    let w = world(|builder| builder);
    w.spent(10, 10).await;
    let before = w.store.leases();
    for _ in 0..1_000 {
        let refused = w.refused(1, 10).await;
        assert_eq!(refused.state().used(), 10);
        assert!(refused.state().wait() > Some(Duration::from_secs(3_600)));
    }
    let asked = w.store.leases() - before;
    assert!(asked <= 1, "asked {asked} times");
    // A higher limit holds from the next operation on.
    w.spent(1, 11).await;
    // What others give back is seen soon.
    w.refused(1, 11).await;
    w.store
        .inner
        .adjust(&w.key, Adjustment::Lower(1))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(101)).await;
    w.spent(1, 11).await;
}

#[tokio::test(start_paused = true)]
async fn an_operation_is_admitted_once_the_store_keeps_its_units() {
    let w = world(|builder| builder.ahead(0));
    let spent = w.warmed_up(10_000_000).await;
    w.store.set(Weather::Slow(Duration::from_millis(50)));
    let begin = tokio::time::Instant::now();
    let id = w.admitted(1, 10_000_000).await;
    assert!(begin.elapsed() >= Duration::from_millis(50));
    let commit = w.usage.commit(id, &[1]).now_or_never();
    assert!(matches!(commit, Ok(Ok(Settlement::Settled))));
    // Many wait for one message.
    let before = w.store.leases() + w.store.reports();
    let waiting: Vec<_> = (0..200)
        .map(|_| tokio::spawn(w.reserve(1, 10_000_000)))
        .collect();
    for waiting in waiting {
        let outcome = waiting.await.unwrap().unwrap();
        let ReserveOutcome::Admitted(admitted) = outcome else {
            panic!("{outcome:?}");
        };
        let commit = w.usage.commit(admitted.id(), &[1]).now_or_never();
        assert!(matches!(commit, Ok(Ok(Settlement::Settled))));
    }
    let asked = w.store.leases() + w.store.reports() - before;
    assert!(asked <= 4, "{asked} messages");
    w.returned().await;
    assert_eq!(w.store.tally(&w.key).await, (spent + 201, 0));
}

/// A block that the store lets expire takes no operation along, and nobody else gets its units.
#[tokio::test(start_paused = true)]
async fn what_was_admitted_is_counted_however_long_the_store_is_away() {
    for weather in [Weather::Hang, Weather::Away, Weather::LoseAnswers] {
        for ahead in [0, 7, 1_000] {
            let parts = std::num::NonZeroU64::MIN;
            let w = world(|builder| builder.ahead(ahead).ahead_share(parts));
            let limit = 2_100;
            w.warmed_up(limit).await;
            let mut open = Vec::new();
            for _ in 0..5 {
                open.push(w.admitted(1, limit).await);
            }
            w.store.set(weather);
            // As much as goes without the store.
            while let Ok(Ok(ReserveOutcome::Admitted(admitted))) =
                tokio::time::timeout(Duration::from_millis(1), w.reserve(1, limit)).await
            {
                open.push(admitted.id());
            }
            tokio::time::sleep(Duration::from_secs(100)).await;
            // Others take all that is left.
            let mut others = 0;
            let claims = [Claim::new(w.key.clone(), 1, Limit::AtMost(limit))];
            while let ReserveOutcome::Admitted(admitted) = w
                .store
                .inner
                .reserve(Reserve::new(&claims, TTL))
                .await
                .unwrap()
            {
                w.store.inner.commit(admitted.id(), &[1]).await.unwrap();
                others += 1;
            }
            let mine = u64::try_from(open.len()).unwrap();
            assert!(2_000 + mine + others <= limit, "{mine} and {others}");
            for id in open {
                let commit = w.usage.commit(id, &[1]).now_or_never();
                assert!(matches!(commit, Ok(Ok(Settlement::Settled))), "{weather:?}");
            }
            w.store.set(Weather::Fine);
            tokio::time::sleep(Duration::from_secs(10)).await;
            w.returned().await;
            assert_eq!(w.store.tally(&w.key).await, (2_000 + mine + others, 0));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_asked_for_again_has_one_end() {
    let w = world(|builder| builder.ahead(0));
    let spent = w.warmed_up(10_000_000).await;
    let id = w.admitted(1, 10_000_000).await;
    w.store.set(Weather::Hang);
    // Two more than were reserved, of which the store does not know.
    let first = w.usage.commit(id, &[3]);
    let left = tokio::time::timeout(Duration::from_secs(5), first).await;
    assert!(left.is_err());
    w.store.set(Weather::Fine);
    let again = w.usage.commit(id, &[3]).await.unwrap();
    assert_eq!(again, Settlement::Settled);
    let after = w.usage.commit(id, &[3]).await.unwrap();
    assert_eq!(after, Settlement::AlreadySettled);
    w.returned().await;
    assert_eq!(w.store.tally(&w.key).await, (spent + 3, 0));
}

#[tokio::test(start_paused = true)]
async fn what_was_used_beyond_is_counted_although_its_block_is_lost() {
    let w = world(|builder| builder.ahead(0));
    let limit = 2_100;
    let spent = w.warmed_up(limit).await;
    let id = w.admitted(1, limit).await;
    w.store.set(Weather::Hang);
    let commit = w.usage.commit(id, &[3]).await;
    assert_eq!(kind(commit), StoreErrorKind::TimedOut);
    // The store has let the block expire, and others have taken all that is left.
    w.store
        .inner
        .adjust(&w.key, Adjustment::Raise(limit - spent - 1))
        .await
        .unwrap();
    w.store.set(Weather::Fine);
    let again = w.usage.commit(id, &[3]).await.unwrap();
    assert_eq!(again, Settlement::Settled);
    w.returned().await;
    assert_eq!(w.store.tally(&w.key).await, (limit + 2, 0));
}

#[tokio::test(start_paused = true)]
async fn who_waits_outlives_requests_that_were_lost() {
    let w = world(|builder| {
        let wait = Duration::from_secs(10);
        builder
            .max_wait(wait)
            .request_deadline(Duration::from_secs(1))
    });
    for weather in [Weather::Hang, Weather::LoseAnswers] {
        w.store.set(weather);
        let waiting = tokio::spawn(w.reserve(1, 10));
        tokio::time::sleep(Duration::from_millis(3_500)).await;
        assert!(!waiting.is_finished());
        w.store.set(Weather::Fine);
        let outcome = waiting.await.unwrap().unwrap();
        let ReserveOutcome::Admitted(admitted) = outcome else {
            panic!("{outcome:?}");
        };
        w.usage.commit(admitted.id(), &[1]).await.unwrap();
    }
    w.returned().await;
    assert_eq!(w.store.tally(&w.key).await, (2, 0));
}

#[tokio::test(start_paused = true)]
async fn one_request_may_take_as_long_as_it_is_given() {
    let w = world(|builder| {
        let wait = Duration::from_secs(10);
        builder
            .max_wait(wait)
            .request_deadline(Duration::from_secs(4))
    });
    w.store.set(Weather::Slow(Duration::from_secs(3)));
    w.admitted(1, 10).await;
    assert_eq!(w.store.leases(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_for_a_moment_is_noticed_by_nobody() {
    let w = world(|builder| builder);
    w.store.set(Weather::Away);
    let waiting: Vec<_> = (0..10).map(|_| tokio::spawn(w.reserve(1, 10))).collect();
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(w.store.leases(), 1);
    // Whoever comes now waits, too.
    let comes = tokio::spawn(w.reserve(1, 10));
    tokio::time::sleep(Duration::from_millis(1)).await;
    w.store.set(Weather::Fine);
    for waiting in waiting {
        let outcome = waiting.await.unwrap().unwrap();
        assert!(matches!(outcome, ReserveOutcome::Admitted(_)));
    }
    let outcome = comes.await.unwrap().unwrap();
    assert!(matches!(outcome, ReserveOutcome::Refused(_)));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_plainly_away_is_told_soon() {
    let w = world(|builder| builder.max_wait(Duration::from_secs(30)));
    w.store.set(Weather::Away);
    let begin = tokio::time::Instant::now();
    assert_eq!(kind(w.reserve(1, 10).await), StoreErrorKind::Unavailable);
    assert!(begin.elapsed() <= Duration::from_millis(100));
    let begin = tokio::time::Instant::now();
    assert_eq!(kind(w.reserve(1, 10).await), StoreErrorKind::Unavailable);
    assert_eq!(begin.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_says_nothing_is_known_after_two_requests() {
    let w = world(|builder| builder.request_deadline(Duration::from_millis(100)));
    w.store.set(Weather::Hang);
    assert_eq!(kind(w.reserve(1, 10).await), StoreErrorKind::TimedOut);
    let mut at_once = 0;
    for _ in 0..20 {
        let begin = tokio::time::Instant::now();
        assert_eq!(kind(w.reserve(1, 10).await), StoreErrorKind::TimedOut);
        assert!(begin.elapsed() <= Duration::from_secs(1));
        at_once += u32::from(begin.elapsed().is_zero());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(at_once > 10, "{at_once} of 20");
}

#[tokio::test(start_paused = true)]
async fn units_without_demand_go_back() {
    let w = world(|builder| builder);
    let spent = w.warmed_up(10_000_000).await;
    assert!(w.store.tally(&w.key).await.1 > 0);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(w.store.tally(&w.key).await, (spent, 0));
}

#[tokio::test(start_paused = true)]
async fn blocks_in_use_are_extended() {
    let w = world(|builder| builder);
    let id = w.admitted(5, 10).await;
    // The store would have forgotten the block five times.
    tokio::time::sleep(Duration::from_secs(150)).await;
    assert_eq!(w.store.tally(&w.key).await, (0, 5));
    let commit = w.usage.commit(id, &[5]).await;
    assert_eq!(commit.unwrap(), Settlement::Settled);
    w.returned().await;
    assert_eq!(w.store.tally(&w.key).await, (5, 0));
}

#[tokio::test(start_paused = true)]
async fn shutting_down_waits_for_what_is_open() {
    let w = world(|builder| builder);
    let spent = w.warmed_up(10_000_000).await;
    let id = w.admitted(3, 10_000_000).await;
    let short = w.usage.shutdown(Duration::from_secs(1)).await;
    assert_eq!(kind(short), StoreErrorKind::TimedOut);
    let usage = Arc::clone(&w.usage);
    let rest = tokio::spawn(async move { usage.shutdown(Duration::from_secs(60)).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let commit = w.usage.commit(id, &[3]).await;
    assert_eq!(commit.unwrap(), Settlement::Settled);
    rest.await.unwrap().unwrap();
    assert_eq!(w.store.tally(&w.key).await, (spent + 3, 0));
    // From then on the store is asked itself.
    w.spent(1, 10_000_000).await;
    assert_eq!(w.store.tally(&w.key).await, (spent + 4, 0));
}

#[tokio::test(start_paused = true)]
async fn dropping_gives_back_what_is_not_used() {
    let w = world(|builder| builder);
    let spent = w.warmed_up(10_000_000).await;
    drop(w.usage);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(w.store.tally(&w.key).await, (spent, 0));
}

#[tokio::test(start_paused = true)]
async fn two_replicas_share_a_limit_exactly() {
    let w = world(|builder| builder);
    let other = LeasedUsage::builder(Arc::new(Front(Arc::clone(&w.store))))
        .clock(Arc::new(TokioClock::new()))
        .build();
    let claims = [Claim::new(w.key.clone(), 1, Limit::AtMost(5_000))];
    let mut spent = 0;
    let mut refused_in_a_row = 0;
    while refused_in_a_row < 4 {
        for usage in [&*w.usage, &other] {
            match usage.reserve(Reserve::new(&claims, TTL)).await.unwrap() {
                ReserveOutcome::Admitted(admitted) => {
                    let commit = usage.commit(admitted.id(), &[1]).await.unwrap();
                    assert_eq!(commit, Settlement::Settled);
                    spent += 1;
                    refused_in_a_row = 0;
                }
                ReserveOutcome::Refused(_) => refused_in_a_row += 1,
            }
        }
        assert!(spent <= 5_000);
    }
    // The last units are never held by one while the other is refused for long.
    assert_eq!(spent, 5_000);
}

#[tokio::test(start_paused = true)]
async fn what_this_process_holds_is_no_reason_to_refuse() {
    let w = world(|builder| builder);
    let spent = w.warmed_up(10_000_000).await;
    let held = w.store.tally(&w.key).await.1;
    assert!(held > 10);
    // Under a lower limit, and with a name, the store is asked itself.
    w.spent(3, spent + 3).await;
    w.warmed_up(10_000_000).await;
    let spent = 2 * spent + 3;
    let name = IdempotencyKey::new("k").unwrap();
    let claims = [Claim::new(w.key.clone(), 1, Limit::AtMost(spent + 1))];
    let request = Reserve::new(&claims, TTL).with_idempotency_key(&name);
    let outcome = w.usage.reserve(request).await.unwrap();
    assert!(matches!(outcome, ReserveOutcome::Admitted(_)));
    w.refused(1, spent + 1).await;
}

#[test]
fn without_a_runtime_the_store_is_asked_itself() {
    let store = Arc::new(MemoryUsage::new());
    let usage = LeasedUsage::new(store);
    let window = CounterWindow::Fixed {
        start: Timestamp::from_seconds(0),
        end: Timestamp::MAX,
    };
    let key = CounterKey::new(Subject::user("a"), "requests", window);
    let claims = [Claim::new(key, 1, Limit::AtMost(1))];
    let outcome = usage.reserve(Reserve::new(&claims, TTL)).now_or_never();
    let Ok(Ok(ReserveOutcome::Admitted(admitted))) = outcome else {
        panic!("the store in memory answers at once");
    };
    let commit = usage.commit(admitted.id(), &[1]).now_or_never();
    assert!(matches!(commit, Ok(Ok(Settlement::Settled))));
}

/// The runtime ends with messages under way; another goes on.
#[test]
fn a_runtime_that_ends_takes_no_counter_along() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap()
    };
    let first = runtime();
    let w = first.block_on(async { world(|builder| builder) });
    first.block_on(async {
        w.store.set(Weather::Hang);
        let waiting = tokio::time::timeout(Duration::from_millis(20), w.reserve(1, 10)).await;
        assert!(waiting.is_err());
    });
    drop(first);
    w.store.set(Weather::Fine);
    let second = runtime();
    second.block_on(async {
        let give_up = tokio::time::Instant::now() + Duration::from_secs(20);
        while w.reserve(1, 10).await.is_err() {
            assert!(tokio::time::Instant::now() < give_up);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
}
