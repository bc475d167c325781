//! Every call ends, and leaves nothing behind when nobody waits for it any more.

use std::fmt::Display;
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tiergate::usage::{PostgresUsage, Reserve, StoreErrorKind, UsageStore};
use tiergate_tests::within;

use crate::fixture::{Place, TTL, admitted, claim, gauge, used};

/// A connection that keeps every operation waiting until it is rolled back.
pub(crate) async fn obstacle(place: &Place) -> PgConnection {
    let mut connection = place.connection().await;
    connection.execute("BEGIN").await.unwrap();
    let lock = format!(
        "LOCK TABLE {}.counters IN ACCESS EXCLUSIVE MODE",
        place.schema
    );
    connection.execute(AssertSqlSafe(lock)).await.unwrap();
    connection
}

pub(crate) async fn remove(mut obstacle: PgConnection) {
    obstacle.execute("ROLLBACK").await.unwrap();
    obstacle.close().await.unwrap();
}

/// Waits until so many calls of the store wait for their turn, and all connections that it may have are
/// kept by the obstacle.
pub(crate) async fn waiting(store: &PostgresUsage, calls: usize) {
    within("the calls of a store to wait", async {
        loop {
            let statistics = store.statistics();
            if statistics.under_way > 0 && statistics.waiting == calls {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
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

fn asked(
    store: &PostgresUsage,
    subject: impl Display,
) -> tokio::task::JoinHandle<Option<StoreErrorKind>> {
    let store = store.clone();
    let key = gauge(&subject.to_string());
    tokio::spawn(async move {
        let claims = [claim(&key, 1, 100)];
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
    let fault = within("a call", asked(&store, "a")).await.unwrap();
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
    let mut calls: Vec<_> = (0..2).map(|subject| asked(&store, subject)).collect();
    sessions(&place, 2, "wait_event_type = 'Lock'").await;
    calls.extend((2..12).map(|subject| asked(&store, subject)));
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
    assert_eq!(place.rows("reservations").await, 5);
}

#[tokio::test]
async fn calls_that_are_given_up_leave_neither_connections_nor_transactions() {
    let Some((place, named)) = named().await else {
        return;
    };
    let store = named.builder().connections(3).connect().await.unwrap();
    let obstacle = obstacle(&place).await;
    for _ in 0..4 {
        let calls: Vec<_> = (0..8).map(|subject| asked(&store, subject)).collect();
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
    // What was taken for those who left is given back.
    within("the units to be back", async {
        let open = "SELECT count(*) FROM @.reservations WHERE state = 'open'";
        while place.rows("reservations").await != 3 || place.number(open).await != 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    for subject in 0..8 {
        let key = gauge(&subject.to_string());
        admitted(&store, &[claim(&key, 100, 100)]).await;
    }
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
