//! What was answered outlives the process that asked, and the server that answered.

use std::time::Duration;

use tiergate::usage::{
    IdempotencyKey, Lease, LeaseId, Replay, Reserve, ReserveOutcome, Settlement, SharedStore,
    StoreErrorKind, UsageStore,
};
use tiergate_clock::ManualClock;
use tiergate_core::Limit;
use tiergate_tests::{Durability, Postgres, Shutdown};

use crate::fixture::{Place, TTL, admitted, claim, gauge, rate, used};

#[tokio::test]
async fn a_server_that_crashed_comes_back_with_all_it_acknowledged() {
    let Some(mut server) = Postgres::start(Durability::Disk).await else {
        return;
    };
    let place = Place::at(&server.create_database().await);
    let store = place.builder().connect().await.unwrap();
    let (level, spent) = (gauge("a"), rate("a"));
    let done = admitted(&store, &[claim(&level, 3, 9), claim(&spent, 2, 9)]).await;
    store.commit(done.id(), &[3, 2]).await.unwrap();
    let open = admitted(&store, &[claim(&level, 4, 9)]).await;

    server.stop(Shutdown::Immediate).await;
    let fault = store.peek(&[gauge("a")]).await.unwrap_err();
    assert_eq!(fault.kind(), StoreErrorKind::Unavailable, "{fault}");
    server.restart().await;

    // The same store goes on by itself, on new connections.
    assert_eq!(used(&store, &level).await, 7);
    assert_eq!(used(&store, &spent).await, 2);
    assert_eq!(
        store.commit(open.id(), &[1]).await.unwrap(),
        Settlement::Settled
    );
    assert_eq!(
        store.commit(done.id(), &[3, 2]).await.unwrap(),
        Settlement::AlreadySettled
    );
    assert_eq!(used(&store, &level).await, 4);
}

#[tokio::test]
async fn connections_that_were_sent_away_are_replaced_without_anybody_noticing() {
    let Some(place) = Place::new().await else {
        return;
    };
    let named = place.through(format!("{}?application_name={}", place.url, place.schema));
    let store = named.builder().connect().await.unwrap();
    let key = gauge("a");
    for round in 1..=3 {
        let one = admitted(&store, &[claim(&key, 1, 9)]).await;
        let ended = "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity \
                     WHERE application_name = '@'";
        assert!(place.number(ended).await > 0);
        assert_eq!(
            store.commit(one.id(), &[1]).await.unwrap(),
            Settlement::Settled
        );
        assert_eq!(used(&store, &key).await, round);
    }
}

#[tokio::test]
async fn another_process_goes_on_where_one_ended() {
    let Some(place) = Place::new().await else {
        return;
    };
    let (key, name) = (gauge("a"), IdempotencyKey::new("k").unwrap());
    let claims = [claim(&key, 3, 9)];
    let request = Reserve::new(&claims, TTL).with_idempotency_key(&name);
    let store = place.builder().connect().await.unwrap();
    let Ok(ReserveOutcome::Admitted(first)) = store.reserve(request).await else {
        panic!("three of nine fit");
    };
    drop(store);

    let store = place.builder().connect().await.unwrap();
    assert_eq!(used(&store, &key).await, 3);
    assert_eq!(
        store.commit(first.id(), &[2]).await.unwrap(),
        Settlement::Settled
    );
    drop(store);

    let store = place.builder().connect().await.unwrap();
    let Ok(ReserveOutcome::Admitted(again)) = store.reserve(request).await else {
        panic!("it is done");
    };
    assert_eq!(again.replay(), Replay::Repeated);
    assert_eq!(used(&store, &key).await, 2);
}

#[tokio::test]
async fn what_a_process_held_when_it_ended_comes_back_once() {
    let Some(place) = Place::new().await else {
        return;
    };
    let clock = ManualClock::default();
    let key = gauge("a");
    let store = place.store(&clock).await;
    let held = admitted(&store, &[claim(&key, 3, 9)]).await.id();
    let block = Lease {
        key: &key,
        id: LeaseId::from_u128(1),
        units: 5,
        kept: 2,
        limit: Limit::AtMost(9),
        ttl: TTL,
    };
    store.lease(block).await.unwrap();
    drop(store);

    clock.advance(TTL - Duration::from_micros(1));
    let store = place.store(&clock).await;
    assert_eq!(used(&store, &key).await, 8);
    clock.advance(Duration::from_micros(1));
    assert_eq!(used(&store, &key).await, 2, "what the lease keeps");
    store.sweep().await.unwrap();
    assert_eq!(used(&store, &key).await, 2);
    assert_eq!(store.release(held).await.unwrap(), Settlement::Expired);
    let tally = store.tally(&key).await.unwrap();
    assert_eq!((tally.committed(), tally.open()), (2, 0));
}
