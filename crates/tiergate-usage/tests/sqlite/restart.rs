//! What outlives a store, and what does not.

use std::time::Duration;

use tiergate_clock::{Clock, ManualClock};
use tiergate_usage::{
    IdempotencyKey, Lease, LeaseEnd, LeaseId, LeaseOutcome, Replay, Reserve, ReserveOutcome,
    Settlement, SharedStore, UsageStore,
};

use crate::support::{Folder, TTL, admitted, claim, gauge, is_refused, quota, rate, used};

const MINUTE: Duration = Duration::from_secs(60);

/// Gauges, rates and quotas alike, and to the last unit.
#[tokio::test]
async fn what_was_counted_is_counted_after_a_restart() {
    let (folder, clock) = (Folder::new(), ManualClock::default());
    let keys = [gauge(), rate(MINUTE), quota(&clock, MINUTE)];
    for turn in 1..=3 {
        let store = folder.store_at(clock.clone()).await;
        for key in &keys {
            let id = admitted(&store, &[claim(key, 2, 6)]).await.id();
            store.commit(id, &[2]).await.unwrap();
            assert_eq!(used(&store, key).await, 2 * turn, "{key:?}");
        }
        store.close().await;
    }
    let store = folder.store_at(clock).await;
    for key in &keys {
        assert!(is_refused(&store, &[claim(key, 1, 6)]).await, "{key:?}");
    }
}

/// A store that was never told to end has told nobody more than is in the file.
#[tokio::test]
async fn another_store_goes_on_where_one_was_dropped() {
    let (folder, clock) = (Folder::new(), ManualClock::default());
    let key = gauge();
    let name = IdempotencyKey::new("k").unwrap();
    let claims = [claim(&key, 3, 9)];
    let request = Reserve::new(&claims, TTL).with_idempotency_key(&name);

    let store = folder.store_at(clock.clone()).await;
    let ReserveOutcome::Admitted(first) = store.reserve(request).await.unwrap() else {
        panic!("nothing is used yet");
    };
    drop(store);

    let store = folder.store_at(clock.clone()).await;
    let ReserveOutcome::Admitted(retry) = store.reserve(request).await.unwrap() else {
        panic!("it is the same operation");
    };
    assert_eq!(retry.replay(), Replay::Repeated);
    let settled = store.commit(first.id(), &[3]).await.unwrap();
    assert_eq!(settled, Settlement::Settled);
    drop(store);

    let store = folder.store_at(clock).await;
    let settled = store.commit(retry.id(), &[3]).await.unwrap();
    assert_eq!(settled, Settlement::AlreadySettled);
    assert_eq!(used(&store, &key).await, 3);
}

/// At the end of its time to live, as ever.
#[tokio::test]
async fn what_a_lost_process_held_comes_back() {
    let (folder, clock) = (Folder::new(), ManualClock::default());
    let key = gauge();
    let store = folder.store_at(clock.clone()).await;
    let lost = admitted(&store, &[claim(&key, 4, 9)]).await;
    let lease = Lease {
        key: &key,
        id: LeaseId::from_u128(1),
        units: 5,
        kept: 2,
        limit: tiergate_core::Limit::AtMost(9),
        ttl: TTL,
    };
    let outcome = store.lease(lease).await.unwrap();
    assert!(matches!(outcome, LeaseOutcome::Granted(_)));
    drop(store);

    let store = folder.store_at(clock.clone()).await;
    assert!(is_refused(&store, &[claim(&key, 1, 9)]).await);
    clock.advance(TTL);
    assert_eq!(used(&store, &key).await, 2, "what the lease kept");
    assert_eq!(store.statistics().expired(), 0, "reading writes nothing");
    let settled = store.commit(lost.id(), &[4]).await.unwrap();
    assert_eq!(settled, Settlement::Expired);
    let ended = store.end(&key, lease.id, 3).await.unwrap();
    assert_eq!(ended, LeaseEnd::Corrected);
    assert_eq!(used(&store, &key).await, 3);
    assert_eq!(store.statistics().expired(), 2);
}

/// Many more than one transaction releases.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_a_lost_process_held_is_back_before_anything_is_answered() {
    let (folder, clock) = (Folder::new(), ManualClock::default());
    let key = gauge();
    let store = std::sync::Arc::new(folder.store_at(clock.clone()).await);
    let mut tasks = Vec::new();
    for _ in 0..1_100 {
        let (store, key) = (std::sync::Arc::clone(&store), key.clone());
        tasks.push(tokio::spawn(async move {
            admitted(&store, &[claim(&key, 1, 1_100)]).await;
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    drop(store);
    clock.advance(TTL);
    let store = folder.store_at(clock).await;
    assert_eq!(used(&store, &key).await, 0);
    admitted(&store, &[claim(&key, 1_100, 1_100)]).await;
    assert_eq!(store.statistics().expired(), 1_100);
}

#[tokio::test]
async fn a_clock_set_back_between_two_runs_reopens_nothing() {
    let (folder, clock) = (Folder::new(), ManualClock::default());
    let key = rate(MINUTE);
    let store = folder.store_at(clock.clone()).await;
    admitted(&store, &[claim(&key, 5, 5)]).await;
    store.close().await;

    let hour = Duration::from_secs(3_600);
    let earlier = ManualClock::at(clock.now().saturating_sub(hour));
    let store = folder.store_at(earlier.clone()).await;
    assert!(is_refused(&store, &[claim(&key, 1, 5)]).await);
    // Time goes on from the latest that was seen, rather than stand still for an hour.
    earlier.advance(MINUTE - Duration::from_micros(1));
    assert!(is_refused(&store, &[claim(&key, 1, 5)]).await);
    earlier.advance(Duration::from_micros(1));
    admitted(&store, &[claim(&key, 5, 5)]).await;
}

/// By the clock of the one that is ahead.
#[tokio::test]
async fn processes_with_different_clocks_are_on_one_line_of_time() {
    let folder = Folder::new();
    let (ahead, behind) = (ManualClock::default(), ManualClock::default());
    ahead.advance(10 * MINUTE);
    let key = rate(MINUTE);
    let one = folder.store_at(ahead.clone()).await;
    let other = folder.store_at(behind.clone()).await;
    admitted(&one, &[claim(&key, 5, 5)]).await;
    assert!(is_refused(&other, &[claim(&key, 1, 5)]).await);
    behind.advance(MINUTE);
    admitted(&other, &[claim(&key, 5, 5)]).await;
    assert!(is_refused(&one, &[claim(&key, 1, 5)]).await);
}
