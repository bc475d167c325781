//! Committing, releasing, expiring.

use tiergate_core::Subject;

use super::harness::{Harness, MINUTE, TICK, TTL, claim};
use crate::{CounterKey, CounterWindow, ReservationId, Settlement, StoreErrorKind};

/// As much as a committed one.
pub async fn an_open_reservation_counts(h: &Harness) {
    for key in [h.gauge("gauge"), h.rate("rate"), h.quota("quota", MINUTE)] {
        h.admitted(&[claim(&key, 4, 5)]).await;
        assert_eq!(h.used(&key).await, 4);
        h.refused(&[claim(&key, 2, 5)]).await;
    }
}

/// Those of gauges and quotas.
pub async fn released_units_come_back(h: &Harness) {
    for key in [h.gauge("gauge"), h.quota("quota", MINUTE)] {
        let admitted = h.admitted(&[claim(&key, 5, 5)]).await;
        assert_eq!(h.released(admitted.id()).await, Settlement::Settled);
        assert_eq!(h.used(&key).await, 0);
        h.admitted(&[claim(&key, 5, 5)]).await;
    }
}

/// For gauges and quotas.
pub async fn less_than_reserved_gives_the_rest_back(h: &Harness) {
    for key in [h.gauge("gauge"), h.quota("quota", MINUTE)] {
        let admitted = h.admitted(&[claim(&key, 5, 5)]).await;
        assert_eq!(h.committed(admitted.id(), &[2]).await, Settlement::Settled);
        assert_eq!(h.used(&key).await, 2);
        h.admitted(&[claim(&key, 3, 5)]).await;
    }
}

/// Even beyond the limit, so that the next one is refused.
pub async fn more_than_reserved_counts_in_full(h: &Harness) {
    for key in [h.gauge("gauge"), h.rate("rate"), h.quota("quota", MINUTE)] {
        let admitted = h.admitted(&[claim(&key, 1, 5)]).await;
        assert_eq!(h.committed(admitted.id(), &[8]).await, Settlement::Settled);
        assert_eq!(h.used(&key).await, 8, "{key:?}");
        h.refused(&[claim(&key, 1, 5)]).await;
        h.refused(&[claim(&key, 0, 5)]).await;
    }
}

/// What was admitted stays counted for its span, whatever came of it.
pub async fn a_rate_is_never_refunded(h: &Harness) {
    let key = h.rate("rate");
    let released = h.admitted(&[claim(&key, 2, 5)]).await;
    h.released(released.id()).await;
    let committed = h.admitted(&[claim(&key, 2, 5)]).await;
    h.committed(committed.id(), &[0]).await;
    assert_eq!(h.used(&key).await, 4);
    h.refused(&[claim(&key, 2, 5)]).await;
    h.clock().advance(MINUTE);
    assert_eq!(h.used(&key).await, 0);
}

/// In whichever way.
pub async fn settling_twice_changes_nothing(h: &Harness) {
    let key = h.gauge("gauge");
    let committed = h.admitted(&[claim(&key, 2, 9)]).await.id();
    h.committed(committed, &[2]).await;
    let released = h.admitted(&[claim(&key, 3, 9)]).await.id();
    h.released(released).await;
    for id in [committed, released] {
        assert_eq!(h.released(id).await, Settlement::AlreadySettled);
        assert_eq!(h.committed(id, &[5]).await, Settlement::AlreadySettled);
    }
    assert_eq!(h.used(&key).await, 2);
}

/// And settling it changes nothing.
pub async fn an_unknown_reservation_is_unknown(h: &Harness) {
    let key = h.gauge("gauge");
    let known = h.admitted(&[claim(&key, 2, 9)]).await.id().as_u128();
    for number in [0, 1, u128::MAX, known ^ 1 << 127, known ^ 1 << 40] {
        let id = ReservationId::from_u128(number);
        assert_eq!(h.committed(id, &[1]).await, Settlement::Unknown, "{id}");
        assert_eq!(h.released(id).await, Settlement::Unknown, "{id}");
    }
    assert_eq!(h.used(&key).await, 2);
}

/// No more and no fewer; otherwise it stays open.
pub async fn a_commit_names_the_units_of_each_claim(h: &Harness) {
    let (gauge, quota) = (h.gauge("a"), h.quota("b", MINUTE));
    let id = h
        .admitted(&[claim(&gauge, 2, 9), claim(&quota, 3, 9)])
        .await
        .id();
    for units in [&[][..], &[1], &[1, 1, 1]] {
        let fault = h
            .store()
            .commit(id, units)
            .await
            .map_err(|error| error.kind());
        assert_eq!(fault.err(), Some(StoreErrorKind::InvalidClaims));
    }
    assert_eq!((h.used(&gauge).await, h.used(&quota).await), (2, 3));
    assert_eq!(h.committed(id, &[1, 0]).await, Settlement::Settled);
    assert_eq!((h.used(&gauge).await, h.used(&quota).await), (1, 0));
}

/// At the end of its time to live and not before; settling it later changes nothing.
pub async fn an_unsettled_reservation_expires_once(h: &Harness) {
    let (gauge, quota) = (h.gauge("a"), h.quota("b", 4 * TTL));
    let claims = [claim(&gauge, 5, 5), claim(&quota, 5, 5)];
    let id = h.admitted(&claims).await.id();
    h.clock().advance(TTL - TICK);
    assert_eq!(h.used(&gauge).await, 5);
    h.refused(&claims).await;
    h.clock().advance(TICK);
    assert_eq!(h.used(&gauge).await, 0);
    assert_eq!(h.used(&quota).await, 0);

    let next = h.admitted(&claims).await.id();
    assert_eq!(h.committed(id, &[5, 5]).await, Settlement::Expired);
    assert_eq!(h.released(id).await, Settlement::Expired);
    assert_eq!(
        h.used(&gauge).await,
        5,
        "the next one's units are untouched"
    );
    assert_eq!(h.committed(next, &[5, 5]).await, Settlement::Settled);
    h.clock().advance(TTL);
    assert_eq!(h.used(&gauge).await, 5, "what is committed does not expire");
}

/// Committed, released and expired alike.
pub async fn claims_of_several_subjects_settle_together(h: &Harness) {
    let keys: Vec<CounterKey> = ["p", "q", "r", "s"]
        .map(|id| CounterKey::new(Subject::organization(id), "seats", CounterWindow::Level))
        .into();
    let claims: Vec<_> = keys.iter().map(|key| claim(key, 2, 5)).collect();
    let committed = h.admitted(&claims).await.id();
    let released = h.admitted(&claims).await.id();
    assert_eq!(h.refused(&claims).await.claim(), 0);
    assert_eq!(
        h.committed(committed, &[1, 2, 3, 0]).await,
        Settlement::Settled
    );
    assert_eq!(h.released(released).await, Settlement::Settled);
    assert_eq!(h.released(released).await, Settlement::AlreadySettled);
    for (key, used) in keys.iter().zip([1, 2, 3, 0]) {
        assert_eq!(h.used(key).await, used, "{key:?}");
    }
    let expired = h.admitted(&claims).await.id();
    h.clock().advance(TTL);
    for (key, used) in keys.iter().zip([1, 2, 3, 0]).rev() {
        assert_eq!(h.used(key).await, used, "{key:?}");
    }
    assert_eq!(
        h.committed(expired, &[2, 2, 2, 2]).await,
        Settlement::Expired
    );
    for (key, used) in keys.iter().zip([1, 2, 3, 0]) {
        assert_eq!(h.used(key).await, used, "{key:?}");
    }
}
