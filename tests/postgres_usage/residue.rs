//! Nothing is left of what is over.

use std::time::Duration;

use tiergate::usage::{
    CounterKey, CounterWindow, IdempotencyKey, Lease, LeaseId, Reserve, SharedStore, UsageStore,
};
use tiergate_clock::{Clock, ManualClock};
use tiergate_core::{Limit, Subject};

use crate::fixture::{MINUTE, Place, TTL, admitted, claim, gauge, rate};

const TABLES: [&str; 6] = [
    "counters",
    "entries",
    "reservations",
    "joins",
    "leases",
    "holds",
];
const DAY: Duration = Duration::from_secs(24 * 3_600);

#[tokio::test]
async fn when_all_is_over_the_tables_are_empty() {
    let Some(place) = Place::new().await else {
        return;
    };
    let clock = ManualClock::default();
    let store = place.store(&clock).await;
    let start = clock.now();
    let end = start.saturating_add(5 * MINUTE);
    let window = CounterWindow::Fixed { start, end };
    for number in 0..30_u64 {
        let subject = number.to_string();
        let quota = CounterKey::new(Subject::organization(&*subject), "units", window);
        let (level, spent) = (gauge(&subject), rate(&subject));
        let claims = [
            claim(&level, 1, 9),
            claim(&spent, 1, 9),
            claim(&quota, 1, 9),
        ];
        let name = IdempotencyKey::new(subject.clone()).unwrap();
        let keyed = Reserve::new(&claims, TTL).with_idempotency_key(&name);
        for _ in 0..2 {
            store.reserve(keyed).await.unwrap();
        }
        let one = admitted(&store, &claims).await;
        store.commit(one.id(), &[1, 2, 1]).await.unwrap();
        store.lower(&level, 1).await.unwrap();
        let block = Lease {
            key: &quota,
            id: LeaseId::from_u128(u128::from(number)),
            units: 3,
            kept: 1,
            limit: Limit::AtMost(9),
            ttl: TTL,
        };
        store.lease(block).await.unwrap();
    }
    for table in TABLES {
        assert!(place.rows(table).await > 0, "{table}");
    }
    clock.advance(TTL);
    for number in 0..30_u64 {
        // Now they have expired for their first subject, and not for the others.
        store.lower(&gauge(&number.to_string()), 0).await.unwrap();
    }
    assert_eq!(
        place
            .number("SELECT count(*) FROM @.reservations WHERE state = 'open'")
            .await,
        0
    );
    assert!(place.rows("holds").await > 0);
    clock.advance(2 * TTL * 4);
    store.sweep().await.unwrap();
    assert_eq!(place.rows("holds").await, 0);
    // A quota is kept for a day after its window, and an ended lease after it expired.
    assert_eq!(place.rows("leases").await, 30);
    clock.advance(2 * DAY + TTL);
    store.sweep().await.unwrap();
    for table in TABLES {
        assert_eq!(place.rows(table).await, 0, "{table}");
    }
}

#[tokio::test]
async fn operations_clear_up_behind_them() {
    let Some(place) = Place::new().await else {
        return;
    };
    let clock = ManualClock::default();
    let store = place.store(&clock).await;
    for number in 0..200_u64 {
        // No subject comes back, and half of the reservations are forgotten.
        let one = admitted(&store, &[claim(&rate(&number.to_string()), 1, 9)]).await;
        if number % 2 == 0 {
            store.commit(one.id(), &[1]).await.unwrap();
        }
        clock.advance(MINUTE);
    }
    // An hour of expired reservations, and a few minutes of everything else.
    assert!(place.rows("reservations").await < 60);
    assert!(place.rows("counters").await < 30);
    assert!(place.rows("entries").await < 30);
    assert!(place.rows("holds").await < 30);
}

#[tokio::test]
async fn a_refused_operation_leaves_nothing() {
    let Some(place) = Place::new().await else {
        return;
    };
    let store = place.builder().connect().await.unwrap();
    let (level, spent) = (gauge("a"), rate("a"));
    for _ in 0..5 {
        let claims = [claim(&level, 1, 9), claim(&spent, 2, 1)];
        store.reserve(Reserve::new(&claims, TTL)).await.unwrap();
        store.peek(&[level.clone(), spent.clone()]).await.unwrap();
    }
    for table in TABLES {
        assert_eq!(place.rows(table).await, 0, "{table}");
    }
}
