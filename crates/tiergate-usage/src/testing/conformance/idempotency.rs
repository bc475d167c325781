//! Operations that are asked for again.

use std::time::Duration;

use tiergate_core::Subject;

use super::harness::{Harness, MINUTE, TTL, claim, name};
use crate::{
    CounterKey, CounterWindow, Replay, Reserve, ReserveOutcome, Settlement, StoreErrorKind,
};

/// Both hold it, and it counts once, whoever commits.
pub async fn a_retry_joins_what_is_under_way(h: &Harness) {
    for (label, key) in [
        ("g", h.gauge("gauge")),
        ("r", h.rate("rate")),
        ("q", h.quota("quota", MINUTE)),
    ] {
        let (name, claims) = (name(label), [claim(&key, 3, 5)]);
        let first = h.admitted_as(&name, &claims).await;
        let second = h.admitted_as(&name, &claims).await;
        assert_eq!(
            (first.replay(), second.replay()),
            (Replay::First, Replay::Repeated)
        );
        assert_eq!(h.used(&key).await, 3);
        assert_eq!(h.committed(second.id(), &[3]).await, Settlement::Settled);
        assert_eq!(
            h.committed(first.id(), &[3]).await,
            Settlement::AlreadySettled
        );
        assert_eq!(h.used(&key).await, 3, "{key:?}");
    }
}

/// Otherwise what it does after the time of the first would be for nothing.
pub async fn a_retry_that_joins_has_its_own_time_to_settle(h: &Harness) {
    let second = Duration::from_secs(1);
    let key = h.gauge("gauge");
    let (name, claims) = (name("k"), [claim(&key, 3, 5)]);
    let first = h.admitted_as(&name, &claims).await;
    h.clock().advance(TTL - second);
    let retry = h.admitted_as(&name, &claims).await;
    assert_eq!(h.released(first.id()).await, Settlement::Settled);
    h.clock().advance(TTL - second);
    assert_eq!(h.committed(retry.id(), &[3]).await, Settlement::Settled);
    assert_eq!(h.used(&key).await, 3);
}

/// Nor does ending the retry.
pub async fn a_retry_of_what_is_done_counts_nothing(h: &Harness) {
    let key = h.gauge("gauge");
    let (name, claims) = (name("k"), [claim(&key, 3, 5)]);
    let first = h.admitted_as(&name, &claims).await;
    h.committed(first.id(), &[4]).await;
    for _ in 0..40 {
        let again = h.admitted_as(&name, &claims).await;
        assert_eq!(again.replay(), Replay::Repeated);
        assert_eq!(
            h.committed(again.id(), &[3]).await,
            Settlement::AlreadySettled
        );
        let again = h.admitted_as(&name, &claims).await;
        assert_eq!(h.released(again.id()).await, Settlement::AlreadySettled);
    }
    assert_eq!(h.used(&key).await, 4);
}

/// The next one counts.
pub async fn a_key_is_free_again_once_all_have_released(h: &Harness) {
    let key = h.gauge("gauge");
    let (name, claims) = (name("k"), [claim(&key, 3, 5)]);
    let first = h.admitted_as(&name, &claims).await;
    let second = h.admitted_as(&name, &claims).await;
    h.released(first.id()).await;
    h.released(second.id()).await;
    assert_eq!(h.used(&key).await, 0);
    let third = h.admitted_as(&name, &[claim(&key, 2, 5)]).await;
    assert_eq!(third.replay(), Replay::First);
    assert_eq!(h.used(&key).await, 2);
}

/// Even if it leaves twice.
pub async fn a_holder_that_leaves_does_not_release_for_others(h: &Harness) {
    let key = h.gauge("gauge");
    let (name, claims) = (name("k"), [claim(&key, 3, 5)]);
    let first = h.admitted_as(&name, &claims).await;
    let second = h.admitted_as(&name, &claims).await;
    assert_eq!(h.released(first.id()).await, Settlement::Settled);
    assert_eq!(h.released(first.id()).await, Settlement::AlreadySettled);
    assert_eq!(h.used(&key).await, 3);
    assert_eq!(h.committed(second.id(), &[3]).await, Settlement::Settled);
    assert_eq!(h.used(&key).await, 3);
}

/// While the first is under way, and when it is done.
pub async fn another_operation_under_the_same_key_is_a_conflict(h: &Harness) {
    let (key, other) = (h.gauge("gauge"), h.gauge("other"));
    let (name, claims) = (name("k"), [claim(&key, 3, 9)]);
    let others = [
        vec![claim(&key, 2, 9)],
        vec![claim(&other, 3, 9)],
        vec![claim(&key, 3, 9), claim(&other, 1, 9)],
    ];
    let first = h.admitted_as(&name, &claims).await;
    for _ in 0..2 {
        for claims in &others {
            let request = Reserve::new(claims, TTL).with_idempotency_key(&name);
            assert_eq!(h.fault(request).await, StoreErrorKind::IdempotencyConflict);
        }
        h.committed(first.id(), &[3]).await;
    }
    assert_eq!((h.used(&key).await, h.used(&other).await), (3, 0));
}

/// So a retry is decided anew.
pub async fn a_refused_operation_leaves_no_key(h: &Harness) {
    let key = h.gauge("gauge");
    let name = name("k");
    let claims = [claim(&key, 3, 2)];
    let request = Reserve::new(&claims, TTL).with_idempotency_key(&name);
    for _ in 0..2 {
        let outcome = h.store().reserve(request).await;
        assert!(matches!(outcome, Ok(ReserveOutcome::Refused(_))));
    }
    let admitted = h.admitted_as(&name, &[claim(&key, 2, 2)]).await;
    assert_eq!(admitted.replay(), Replay::First);
}

/// Two subjects may use the same one.
pub async fn a_key_belongs_to_its_subject(h: &Harness) {
    let name = name("k");
    for subject in [
        Subject::user("x"),
        Subject::organization("x"),
        Subject::user("y"),
    ] {
        let key = CounterKey::new(subject, "seats", CounterWindow::Level);
        let admitted = h.admitted_as(&name, &[claim(&key, 1, 1)]).await;
        assert_eq!(admitted.replay(), Replay::First);
    }
}

/// It is the same operation all the same.
pub async fn a_retry_may_meet_another_limit_and_window(h: &Harness) {
    let (day, month) = (h.quota("quota", MINUTE), h.quota("quota", 9 * MINUTE));
    let name = name("k");
    let first = h
        .admitted_as(&name, &[claim(&day, 3, 5), claim(&month, 3, 9)])
        .await;
    h.committed(first.id(), &[3, 3]).await;
    h.clock().advance(2 * MINUTE);
    let next_day = h.quota("quota", MINUTE);
    let again = h
        .admitted_as(&name, &[claim(&next_day, 3, 1), claim(&month, 3, 1)])
        .await;
    assert_eq!(again.replay(), Replay::Repeated);
    assert_eq!((h.used(&month).await, h.used(&next_day).await), (3, 0));
}

/// Of the longest of the windows it was used in.
pub async fn a_key_is_forgotten_after_the_window(h: &Harness) {
    let day = Duration::from_secs(24 * 3_600);
    let name = name("k");
    for length in [MINUTE, 5 * MINUTE, day] {
        let window = match length {
            MINUTE => h.rate("rate").window(),
            length if length < day => h.quota("quota", length).window(),
            _ => CounterWindow::Level,
        };
        let subject = Subject::user(length.as_secs().to_string());
        let key = CounterKey::new(subject, "feature", window);
        let claims = [claim(&key, 1, 9)];
        let first = h.admitted_as(&name, &claims).await;
        h.committed(first.id(), &[1]).await;
        h.clock()
            .advance(length.saturating_sub(Duration::from_micros(1)));
        assert_eq!(
            h.admitted_as(&name, &claims).await.replay(),
            Replay::Repeated,
            "{key:?}"
        );
        h.clock().advance(Duration::from_micros(1));
        assert_eq!(
            h.admitted_as(&name, &claims).await.replay(),
            Replay::First,
            "{key:?}"
        );
    }
}

/// Like one that was released.
pub async fn an_expired_operation_frees_its_key(h: &Harness) {
    let key = h.gauge("gauge");
    let (name, claims) = (name("k"), [claim(&key, 3, 5)]);
    h.admitted_as(&name, &claims).await;
    h.clock().advance(TTL);
    let again = h.admitted_as(&name, &claims).await;
    assert_eq!(again.replay(), Replay::First);
    assert_eq!(h.used(&key).await, 3);
}
