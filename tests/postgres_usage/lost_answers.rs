//! Whoever hears no answer asks again, and it counts once.

use tiergate::usage::{
    Adjustment, IdempotencyKey, Lease, LeaseEnd, LeaseExtension, LeaseId, LeaseOutcome,
    PostgresUsage, Replay, Reserve, ReserveOutcome, Settlement, SharedStore, StoreErrorKind,
    UsageStore,
};
use tiergate_core::Limit;

use crate::cutter::Cutter;
use crate::fixture::{Place, TTL, admitted, claim, gauge, rate, used};

/// A store behind a wire, on its only connection of which every statement has been prepared: the next
/// answer is that of an operation.
async fn store() -> Option<(PostgresUsage, Cutter)> {
    let place = Place::new().await?;
    let cutter = Cutter::to(&place.url).await;
    let place = place.through(cutter.instead(&place.url));
    let store = place.builder().connections(1).connect().await.unwrap();
    prepare(&store).await;
    Some((store, cutter))
}

async fn prepare(store: &PostgresUsage) {
    let key = gauge("other");
    let one = admitted(store, &[claim(&key, 1, 1)]).await;
    store.commit(one.id(), &[0]).await.unwrap();
    let lease = lease(&key, 0);
    store.lease(lease).await.unwrap();
    store.extend(&key, lease.id, 0, TTL).await.unwrap();
    store.end(&key, lease.id, 0).await.unwrap();
    store.adjust(&key, Adjustment::Lower(1)).await.unwrap();
    store.tally(&key).await.unwrap();
    used(store, &key).await;
}

fn lease(key: &tiergate::usage::CounterKey, number: u128) -> Lease<'_> {
    Lease {
        key,
        id: LeaseId::from_u128(number),
        units: 5,
        kept: 0,
        limit: Limit::AtMost(20),
        ttl: TTL,
    }
}

#[tokio::test]
async fn a_reservation_whose_answer_was_lost_counts_once() {
    let Some((store, cutter)) = store().await else {
        return;
    };
    for key in [gauge("a"), rate("a")] {
        prepare(&store).await;
        cutter.cut(1);
        let one = admitted(&store, &[claim(&key, 3, 5)]).await;
        assert_eq!(cutter.left(), 0);
        assert_eq!(one.states()[0].used(), 3);
        assert_eq!(used(&store, &key).await, 3);
        assert_eq!(
            store.commit(one.id(), &[3]).await.unwrap(),
            Settlement::Settled
        );
        assert_eq!(used(&store, &key).await, 3);
    }
}

#[tokio::test]
async fn a_retry_that_joined_without_hearing_of_it_is_one_holder() {
    let Some((store, cutter)) = store().await else {
        return;
    };
    let (key, name) = (gauge("a"), IdempotencyKey::new("k").unwrap());
    let claims = [claim(&key, 3, 5)];
    let request = Reserve::new(&claims, TTL).with_idempotency_key(&name);
    let mut ids = Vec::new();
    for (answers, replay) in [(0, Replay::First), (1, Replay::Repeated)] {
        cutter.cut(answers);
        let Ok(ReserveOutcome::Admitted(one)) = store.reserve(request).await else {
            panic!("three of five fit");
        };
        assert_eq!((cutter.left(), one.replay()), (0, replay));
        ids.push(one.id());
    }
    // Had it joined twice, the units would stay.
    for id in ids {
        assert_eq!(store.release(id).await.unwrap(), Settlement::Settled);
    }
    assert_eq!(used(&store, &key).await, 0);
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_counts_once() {
    let Some((store, cutter)) = store().await else {
        return;
    };
    let key = gauge("a");
    let one = admitted(&store, &[claim(&key, 3, 9)]).await;
    cutter.cut(1);
    let settlement = store.commit(one.id(), &[5]).await.unwrap();
    assert_eq!((cutter.left(), settlement), (0, Settlement::AlreadySettled));
    assert_eq!(used(&store, &key).await, 5);
}

#[tokio::test]
async fn messages_about_a_lease_whose_answers_were_lost_count_once() {
    let Some((store, cutter)) = store().await else {
        return;
    };
    let key = gauge("a");
    let block = lease(&key, 1);
    cutter.cut(1);
    let granted = store.lease(block).await.unwrap();
    assert!(matches!(granted, LeaseOutcome::Granted(state) if state.used() == 5));
    prepare_again(&store).await;
    cutter.cut(1);
    let extended = store.extend(&key, block.id, 2, TTL).await.unwrap();
    assert_eq!(extended, LeaseExtension::Extended);
    prepare_again(&store).await;
    cutter.cut(1);
    let end = store.end(&key, block.id, 4).await.unwrap();
    assert_eq!(end, LeaseEnd::AlreadyEnded);
    assert_eq!(cutter.left(), 0);
    assert_eq!(used(&store, &key).await, 4);
}

/// On the connection that came after the one which was cut. A lease that has ended is not asked for again.
async fn prepare_again(store: &PostgresUsage) {
    let key = gauge("another");
    let id = LeaseId::from_u128(77);
    store.extend(&key, id, 0, TTL).await.unwrap();
    store.end(&key, id, 0).await.unwrap();
}

#[tokio::test]
async fn an_adjustment_whose_answer_was_lost_is_a_fault_and_is_not_made_twice() {
    let Some((store, cutter)) = store().await else {
        return;
    };
    let key = gauge("a");
    store.adjust(&key, Adjustment::Raise(10)).await.unwrap();
    // The sign of life is one answer, the adjustment the next.
    let before = cutter.left();
    cutter.cut_after(1, 1);
    let fault = store.lower(&key, 3).await.unwrap_err();
    assert_eq!((before, cutter.left()), (0, 0));
    assert_eq!(fault.kind(), StoreErrorKind::Unavailable, "{fault}");
    assert_eq!(used(&store, &key).await, 7);
}

#[tokio::test]
async fn an_adjustment_on_a_connection_that_broke_while_idle_is_made() {
    let Some((store, cutter)) = store().await else {
        return;
    };
    let key = gauge("a");
    cutter.cut(1);
    let tally = store.adjust(&key, Adjustment::Raise(10)).await.unwrap();
    assert_eq!((cutter.left(), tally.committed()), (0, 10));
    assert_eq!(used(&store, &key).await, 10);
}

#[tokio::test]
async fn a_server_that_stays_away_is_a_fault_and_soon() {
    let Some((store, cutter)) = store().await else {
        return;
    };
    let key = gauge("a");
    cutter.cut(u32::MAX);
    let fault = store.peek(std::slice::from_ref(&key)).await.unwrap_err();
    assert_eq!(fault.kind(), StoreErrorKind::Unavailable, "{fault}");
    cutter.cut(0);
    assert_eq!(used(&store, &key).await, 0);
}
