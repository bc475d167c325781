//! The server acts, and its answer never comes.

use std::sync::Arc;
use std::time::Duration;

use tiergate::Limit;
use tiergate::usage::{
    Adjustment, IdempotencyKey, Lease, LeaseId, LeaseOutcome, RedisUsage, Replay, Reserve,
    ReserveOutcome, Settlement, SharedStore, StoreErrorKind, UsageStore,
};
use tiergate_tests::{Cut, Proxy, Redis};

use crate::support::{MINUTE, TTL, ask, claim, gauge, rate, store, used};

/// A store behind a proxy, and one that sees what it did.
async fn behind_proxy(deadline: Duration) -> Option<(Proxy, Arc<RedisUsage>, Arc<RedisUsage>)> {
    let server = Redis::shared().await?;
    let (proxy, prefix) = (Proxy::to(server.port()).await, Redis::prefix());
    let builder = RedisUsage::builder()
        .prefix(prefix.clone())
        .deadline(deadline);
    let behind = builder
        .open(&format!("redis://{}/", proxy.address()))
        .unwrap();
    Some((proxy, Arc::new(behind), store(server, &prefix)))
}

#[tokio::test]
async fn whatever_is_asked_twice_counts_once() {
    let Some((proxy, store, direct)) = behind_proxy(Duration::from_secs(10)).await else {
        return;
    };
    let (level, minute) = (gauge("x"), rate("x", MINUTE));
    // So that each script is known, and nothing but the connection is lost.
    for key in [&level, &minute] {
        let admitted = ask(&*store, claim(key, 0, 9)).await.unwrap();
        store.commit(admitted.id(), &[0]).await.unwrap();
    }
    let claims = [claim(&level, 2, 9), claim(&minute, 3, 9)];

    proxy.cut("admitted", Cut::Answer);
    let outcome = store.reserve(Reserve::new(&claims, TTL)).await.unwrap();
    let ReserveOutcome::Admitted(admitted) = outcome else {
        panic!("it fits");
    };
    assert_eq!(
        (used(&*direct, &level).await, used(&*direct, &minute).await),
        (2, 3)
    );
    let told: Vec<u64> = admitted.states().iter().map(|state| state.used()).collect();
    assert_eq!((told, admitted.replay()), (vec![2, 3], Replay::First));

    proxy.cut("settled", Cut::Answer);
    let settled = store.commit(admitted.id(), &[5, 3]).await.unwrap();
    assert_eq!(settled, Settlement::AlreadySettled);
    assert_eq!(
        (used(&*direct, &level).await, used(&*direct, &minute).await),
        (5, 3)
    );

    proxy.cut("tally", Cut::Answer);
    let tally = store.adjust(&level, Adjustment::Raise(3)).await.unwrap();
    assert_eq!(tally.committed(), 8);
    proxy.cut("tally", Cut::Answer);
    let lowered = store.lower(&level, 2).await.unwrap();
    assert_eq!((lowered.units(), lowered.state().used()), (2, 6));

    let lease = Lease {
        key: &level,
        id: LeaseId::from_u128(1),
        units: 3,
        kept: 0,
        limit: Limit::AtMost(9),
        ttl: TTL,
    };
    proxy.cut("granted", Cut::Answer);
    let leased = store.lease(lease).await.unwrap();
    assert!(matches!(leased, LeaseOutcome::Granted(state) if state.used() == 9));
    proxy.cut("ended", Cut::Answer);
    store.end(&level, lease.id, 1).await.unwrap();
    assert_eq!(
        direct
            .tally(&level)
            .await
            .map(|tally| (tally.committed(), tally.open()))
            .ok(),
        Some((7, 0))
    );

    assert_eq!(proxy.cuts(), 6);
    assert_eq!(store.statistics().repeated_calls, 6);
    assert_eq!(store.statistics().connections, 7);
}

#[tokio::test]
async fn a_retry_that_joined_joins_once() {
    let Some((proxy, store, direct)) = behind_proxy(Duration::from_secs(10)).await else {
        return;
    };
    let (key, name) = (gauge("x"), IdempotencyKey::new("name").unwrap());
    let claims = [claim(&key, 2, 9)];
    let request = Reserve::new(&claims, TTL).with_idempotency_key(&name);
    let first = store.reserve(request).await.unwrap();
    proxy.cut("admitted", Cut::Answer);
    let second = store.reserve(request).await.unwrap();
    let (ReserveOutcome::Admitted(first), ReserveOutcome::Admitted(second)) = (first, second)
    else {
        panic!("it fits");
    };
    assert_ne!(first.id(), second.id());
    // With a holder that nobody knows of, it would not be given back.
    for admitted in [first, second] {
        assert_eq!(
            store.release(admitted.id()).await.unwrap(),
            Settlement::Settled
        );
    }
    assert_eq!(used(&*direct, &key).await, 0);
}

#[tokio::test]
async fn silence_ends_with_the_deadline_and_the_connection() {
    let Some((proxy, store, direct)) = behind_proxy(Duration::from_millis(500)).await else {
        return;
    };
    let key = gauge("x");
    ask(&*store, claim(&key, 1, 9)).await.unwrap();
    proxy.cut("admitted", Cut::Silence);
    let claims = [claim(&key, 2, 9)];
    let fault = store.reserve(Reserve::new(&claims, TTL)).await.unwrap_err();
    assert_eq!(fault.kind(), StoreErrorKind::TimedOut, "{fault}");
    assert_eq!(
        used(&*direct, &key).await,
        3,
        "it may have happened, and has"
    );
    ask(&*store, claim(&key, 1, 9)).await.unwrap();
    assert_eq!(store.statistics().connections, 2);
}
