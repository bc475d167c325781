//! Nothing stays in the file for good.

use std::time::Duration;

use sqlx::Row;
use tiergate_clock::ManualClock;
use tiergate_core::{Limit, Subject};
use tiergate_usage::{
    CounterKey, CounterWindow, IdempotencyKey, Lease, LeaseId, Reserve, ReserveOutcome,
    SharedStore, SqliteUsage, StoreErrorKind, UsageStore,
};

use crate::support::{Folder, TTL, admitted, claim, gauge, quota, rate, used};

const DAY: Duration = Duration::from_secs(24 * 3_600);
const MINUTE: Duration = Duration::from_secs(60);

/// Some of everything, ended in every way.
async fn use_everything(store: &SqliteUsage, keys: &[CounterKey]) {
    for (number, key) in keys.iter().enumerate() {
        for ending in 0..3 {
            let name = IdempotencyKey::new(format!("k{number}-{ending}")).unwrap();
            let claims = [claim(key, 2, 100)];
            let request = Reserve::new(&claims, TTL).with_idempotency_key(&name);
            let Ok(ReserveOutcome::Admitted(admitted)) = store.reserve(request).await else {
                panic!("it fits");
            };
            match ending {
                0 => drop(store.commit(admitted.id(), &[2]).await.unwrap()),
                1 => drop(store.release(admitted.id()).await.unwrap()),
                _ => {}
            }
        }
        if matches!(key.window(), CounterWindow::Sliding { .. }) {
            continue;
        }
        for ending in 0..2 {
            let id = LeaseId::from_u128(u128::try_from(number * 2 + ending).unwrap());
            let lease = Lease {
                key,
                id,
                units: 5,
                kept: 1,
                limit: Limit::AtMost(100),
                ttl: TTL,
            };
            store.lease(lease).await.unwrap();
            if ending == 0 {
                store.end(key, id, 3).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn when_all_is_over_nothing_is_left() {
    let (folder, clock) = (Folder::new(), ManualClock::default());
    let store = folder.store_at(clock.clone()).await;
    let keys = [gauge(), rate(MINUTE), quota(&clock, DAY)];
    use_everything(&store, &keys).await;
    assert!(folder.rows().await.iter().all(|rows| *rows > 0));

    clock.advance(TTL);
    assert_eq!(used(&store, &gauge()).await, 2 + 3 + 1);
    store.lower(&gauge(), 6).await.unwrap();
    clock.advance(5 * DAY);
    store.sweep().await.unwrap();
    assert_eq!(folder.rows().await, [0; 4]);

    // And the file knows so: it counts its rows, rather than look.
    let mut connection = folder.connection().await;
    let counts = "SELECT counters, reservations, keys FROM tiergate_usage_meta";
    let row = sqlx::query(counts)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let counts: [i64; 3] = [row.get(0), row.get(1), row.get(2)];
    assert_eq!(counts, [0; 3]);
}

/// Operations do it as they go.
#[tokio::test]
async fn what_is_over_goes_without_a_sweep() {
    let (folder, clock) = (Folder::new(), ManualClock::default());
    let store = folder.store_at(clock.clone()).await;
    for _ in 0..20 {
        let key = quota(&clock, MINUTE);
        let id = admitted(&store, &[claim(&key, 1, 9), claim(&rate(MINUTE), 1, 9)]).await;
        store.commit(id.id(), &[1, 1]).await.unwrap();
        clock.advance(3 * DAY);
    }
    let [counters, reservations, keys, leases] = folder.rows().await;
    assert!(counters <= 3, "{counters}");
    assert!(reservations <= 1, "{reservations}");
    assert_eq!((keys, leases), (0, 0));
}

/// Its units could be handed out again otherwise.
#[tokio::test]
async fn a_quota_is_kept_for_a_day_after_its_window() {
    let (folder, clock) = (Folder::new(), ManualClock::default());
    let store = folder.store_at(clock.clone()).await;
    let key = quota(&clock, MINUTE);
    let id = admitted(&store, &[claim(&key, 5, 5)]).await.id();
    store.commit(id, &[5]).await.unwrap();
    clock.advance(DAY);
    store.sweep().await.unwrap();
    assert_eq!(used(&store, &key).await, 5);
    clock.advance(2 * MINUTE);
    store.sweep().await.unwrap();
    assert_eq!(used(&store, &key).await, 0);
}

/// And what there is room for goes on.
#[tokio::test]
async fn at_a_bound_calls_fail_and_say_which() {
    let (folder, clock) = (Folder::new(), ManualClock::default());
    let builder = SqliteUsage::builder(folder.file()).clock(std::sync::Arc::new(clock.clone()));
    let builder = builder.max_counters(2).max_reservations(5);
    let store = builder.max_remembered_keys(1).open().await.unwrap();
    let key = |number: u32| {
        let subject = Subject::user(number.to_string());
        CounterKey::new(subject, "seats", CounterWindow::Level)
    };
    let fault = async |key: &CounterKey, name: Option<&str>| {
        let name = name.map(|name| IdempotencyKey::new(name).unwrap());
        let claims = [claim(key, 1, 100)];
        let mut request = Reserve::new(&claims, TTL);
        if let Some(name) = &name {
            request = request.with_idempotency_key(name);
        }
        let error = store.reserve(request).await.map(drop).err()?;
        assert_eq!(error.kind(), StoreErrorKind::Full);
        error.detail().map(str::to_owned)
    };
    assert_eq!(fault(&key(1), None).await, None);
    assert_eq!(fault(&key(2), Some("k")).await, None);
    assert!(fault(&key(3), None).await.unwrap().contains("counter"));
    assert!(fault(&key(1), Some("l")).await.unwrap().contains("key"));
    for _ in 0..3 {
        assert_eq!(fault(&key(1), None).await, None);
    }
    assert!(fault(&key(1), None).await.unwrap().contains("reservation"));
    assert_eq!(used(&store, &key(1)).await, 4);

    clock.advance(TTL + DAY);
    store.sweep().await.unwrap();
    assert_eq!(fault(&key(3), Some("l")).await, None, "there is room again");
}
