//! Every call ends, and leaves nothing behind when nobody waits for it any more.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tiergate::usage::{PostgresUsage, Reserve, StoreErrorKind, UsageStore};
use tiergate_tests::within;

use crate::fixture::{Place, TTL, admitted, claim, gauge, used};

/// A connection that keeps every operation waiting until it is rolled back.
async fn obstacle(place: &Place) -> PgConnection {
    let mut connection = place.connection().await;
    connection.execute("BEGIN").await.unwrap();
    let lock = format!(
        "LOCK TABLE {}.counters IN ACCESS EXCLUSIVE MODE",
        place.schema
    );
    connection.execute(AssertSqlSafe(lock)).await.unwrap();
    connection
}

async fn remove(mut obstacle: PgConnection) {
    obstacle.execute("ROLLBACK").await.unwrap();
    obstacle.close().await.unwrap();
}

/// Waits until so many sessions of the store are in a state.
async fn sessions(place: &Place, count: i64, condition: &str) {
    let query = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = '@' AND {condition}"
    );
    within("the sessions of a store", async {
        while place.number(&query).await != count {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

async fn named() -> Option<(Place, Place)> {
    let place = Place::new().await?;
    let named = place.through(format!("{}?application_name={}", place.url, place.schema));
    Some((place, named))
}

fn asked(store: &PostgresUsage) -> tokio::task::JoinHandle<Option<StoreErrorKind>> {
    let store = store.clone();
    tokio::spawn(async move {
        let claims = [claim(&gauge("a"), 1, 100)];
        let outcome = store.reserve(Reserve::new(&claims, TTL)).await;
        outcome.err().map(|error| error.kind())
    })
}

#[tokio::test]
async fn a_server_that_does_not_get_to_it_is_a_fault_in_time() {
    let Some((place, named)) = named().await else {
        return;
    };
    let deadline = Duration::from_millis(300);
    let store = named.builder().deadline(deadline).connect().await.unwrap();
    let obstacle = obstacle(&place).await;
    let fault = within("a call", asked(&store)).await.unwrap();
    assert_eq!(fault, Some(StoreErrorKind::TimedOut));
    // Nor does the server go on with what nobody waits for.
    sessions(&place, 0, "state = 'active'").await;
    remove(obstacle).await;
    let patient = named.builder().connect().await.unwrap();
    assert_eq!(used(&patient, &gauge("a")).await, 0);
    admitted(&patient, &[claim(&gauge("a"), 1, 100)]).await;
}

#[tokio::test]
async fn calls_beyond_those_that_may_wait_are_refused_at_once() {
    let Some((place, named)) = named().await else {
        return;
    };
    let builder = named.builder().connections(2).max_waiting(3);
    let store = builder.connect().await.unwrap();
    let obstacle = obstacle(&place).await;
    let mut calls: Vec<_> = (0..2).map(|_| asked(&store)).collect();
    sessions(&place, 2, "wait_event_type = 'Lock'").await;
    calls.extend((0..10).map(|_| asked(&store)));
    let mut refused = 0;
    for call in calls.split_off(5) {
        let fault = within("a call", call).await.unwrap();
        refused += u32::from(fault == Some(StoreErrorKind::Full));
    }
    assert_eq!(refused, 7);
    remove(obstacle).await;
    for call in calls {
        assert_eq!(within("a call", call).await.unwrap(), None);
    }
    assert_eq!(used(&store, &gauge("a")).await, 5);
}

#[tokio::test]
async fn calls_that_are_given_up_leave_neither_connections_nor_transactions() {
    let Some((place, named)) = named().await else {
        return;
    };
    let store = named.builder().connections(3).connect().await.unwrap();
    let obstacle = obstacle(&place).await;
    for _ in 0..4 {
        let calls: Vec<_> = (0..8).map(|_| asked(&store)).collect();
        sessions(&place, 3, "wait_event_type = 'Lock'").await;
        for call in calls {
            call.abort();
            assert!(call.await.unwrap_err().is_cancelled());
        }
    }
    // However often somebody leaves, the server has no more than three to deal with.
    sessions(&place, 3, "state = 'active'").await;
    remove(obstacle).await;
    sessions(&place, 0, "state <> 'idle'").await;
    // Who left does not know whether it counted. What did, did so once, and is still held.
    let held = used(&store, &gauge("a")).await;
    assert_eq!(held, 3);
    assert_eq!(place.rows("reservations").await, 3);
    admitted(&store, &[claim(&gauge("a"), 97, 100)]).await;
    sessions(&place, 3, "state = 'idle'").await;
}

#[tokio::test]
async fn a_future_that_is_never_polled_does_nothing() {
    let Some(place) = Place::new().await else {
        return;
    };
    let store = place.builder().connect().await.unwrap();
    let claims = [claim(&gauge("a"), 1, 1)];
    let call = store.reserve(Reserve::new(&claims, TTL));
    drop(call.now_or_never().unwrap_err());
    assert_eq!(used(&store, &gauge("a")).await, 0);
}
