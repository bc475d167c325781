//! What fits, and what does not.

use std::sync::Arc;

use tiergate_core::{Limit, Subject};

use super::harness::{Harness, MINUTE, TTL, claim};
use crate::{
    Claim, CounterKey, CounterWindow, Lowered, Refusal, Reserve, ReserveOutcome, Settlement,
    StoreErrorKind,
};

/// Of many operations at once, exactly as many are admitted as the limit has units.
pub async fn concurrent_operations_admit_exactly_the_limit(h: &Harness) {
    for key in [h.gauge("gauge"), h.rate("rate"), h.quota("quota", MINUTE)] {
        let mut tasks = Vec::new();
        for _ in 0..40 {
            let (store, claims) = (Arc::clone(h.store()), [claim(&key, 1, 10)]);
            tasks.push(tokio::spawn(async move {
                let outcome = store.reserve(Reserve::new(&claims, TTL)).await;
                if let Ok(ReserveOutcome::Admitted(admitted)) = outcome {
                    return matches!(
                        store.commit(admitted.id(), &[1]).await,
                        Ok(Settlement::Settled)
                    );
                }
                false
            }));
        }
        let mut admitted = 0;
        for task in tasks {
            admitted += u64::from(matches!(task.await, Ok(true)));
        }
        assert_eq!(admitted, 10, "{key:?}");
        assert_eq!(h.used(&key).await, 10, "{key:?}");
    }
}

/// When the last of several claims does not fit, the others are not taken either.
pub async fn all_claims_are_taken_or_none(h: &Harness) {
    let (gauge, rate, quota) = (h.gauge("a"), h.rate("b"), h.quota("c", MINUTE));
    let claims = |limit| {
        [
            claim(&gauge, 1, 9),
            claim(&rate, 2, 9),
            claim(&quota, 3, limit),
        ]
    };
    let refused = h.refused(&claims(2)).await;
    assert_eq!(refused.claim(), 2);
    for key in [&gauge, &rate, &quota] {
        assert_eq!(h.used(key).await, 0, "{key:?}");
    }
    let admitted = h.admitted(&claims(3)).await;
    let used: Vec<u64> = admitted.states().iter().map(|state| state.used()).collect();
    assert_eq!(used, [1, 2, 3]);
}

/// However often it is refused.
pub async fn a_refused_operation_changes_nothing(h: &Harness) {
    for key in [h.gauge("gauge"), h.rate("rate"), h.quota("quota", MINUTE)] {
        h.admitted(&[claim(&key, 3, 5)]).await;
        for _ in 0..100 {
            let refused = h.refused(&[claim(&key, 3, 5)]).await;
            assert_eq!(refused.reason(), Refusal::Full);
            assert_eq!(refused.state().used(), 3);
        }
        assert_eq!(h.used(&key).await, 3);
        h.admitted(&[claim(&key, 2, 5)]).await;
    }
}

/// Zero, the largest number, and no limit at all.
pub async fn extreme_limits_and_units_are_decided_exactly(h: &Harness) {
    let table = [
        // used before, units, limit, fits
        (0, 0, Limit::ZERO, true),
        (0, 1, Limit::ZERO, false),
        (5, 0, Limit::AtMost(5), true),
        (5, 0, Limit::AtMost(4), false),
        (4, 1, Limit::AtMost(5), true),
        (5, 1, Limit::AtMost(5), false),
        (0, u64::MAX, Limit::AtMost(u64::MAX), true),
        (1, u64::MAX, Limit::AtMost(u64::MAX), false),
        (u64::MAX, 1, Limit::AtMost(u64::MAX), false),
        (u64::MAX, u64::MAX, Limit::Unlimited, true),
    ];
    for (row, (before, units, limit, fits)) in table.into_iter().enumerate() {
        let feature = format!("row {row}");
        for key in [
            h.gauge(&feature),
            h.rate(&feature),
            h.quota(&feature, MINUTE),
        ] {
            h.admitted(&[Claim::new(key.clone(), before, Limit::Unlimited)])
                .await;
            let outcome = h.ask(&[Claim::new(key.clone(), units, limit)]).await;
            let admitted = matches!(outcome, ReserveOutcome::Admitted(_));
            assert_eq!(admitted, fits, "row {row}: {key:?}");
            let used = if fits {
                before.saturating_add(units)
            } else {
                before
            };
            assert_eq!(h.used(&key).await, used, "row {row}: {key:?}");
        }
    }
}

/// And is told apart from one that may fit later.
pub async fn a_claim_above_the_whole_limit_never_fits(h: &Harness) {
    for key in [h.gauge("gauge"), h.rate("rate"), h.quota("quota", MINUTE)] {
        h.admitted(&[claim(&key, 1, 5)]).await;
        let refused = h.refused(&[claim(&key, 6, 5)]).await;
        assert_eq!(refused.reason(), Refusal::NeverFits);
        assert_eq!(refused.state().used(), 1);
        assert_eq!(refused.state().wait(), None);
    }
}

/// A change of plan holds from the next operation on, and takes nothing back.
pub async fn limits_come_with_each_call(h: &Harness) {
    for key in [h.gauge("gauge"), h.rate("rate"), h.quota("quota", MINUTE)] {
        h.admitted(&[claim(&key, 5, 5)]).await;
        h.refused(&[claim(&key, 1, 5)]).await;
        h.admitted(&[claim(&key, 1, 6)]).await;
        h.refused(&[claim(&key, 1, 3)]).await;
        assert_eq!(h.used(&key).await, 6);
    }
}

/// No two counters share anything, however alike their names are.
pub async fn subjects_features_and_windows_count_apart(h: &Harness) {
    let level = CounterWindow::Level;
    let keys = [
        CounterKey::new(Subject::user("x"), "f", level),
        CounterKey::new(Subject::organization("x"), "f", level),
        CounterKey::new(
            Subject::user("x"),
            "f",
            CounterWindow::Sliding { length: MINUTE },
        ),
        CounterKey::new(
            Subject::user("x"),
            "f",
            CounterWindow::Sliding { length: 2 * MINUTE },
        ),
        CounterKey::new(Subject::user("x"), "f", h.quota("f", MINUTE).window()),
        CounterKey::new(Subject::user("x"), "f", h.quota("f", 2 * MINUTE).window()),
        CounterKey::new(Subject::user("x:f"), "g", level),
        CounterKey::new(Subject::user("x"), "f:g", level),
    ];
    for key in &keys {
        h.admitted(&[claim(key, 1, 1)]).await;
    }
    for key in &keys {
        assert_eq!(h.used(key).await, 1, "{key:?}");
    }
}

/// Nor does it admit or refuse anything.
pub async fn peeking_spends_nothing(h: &Harness) {
    let keys = [h.gauge("gauge"), h.rate("rate"), h.quota("quota", MINUTE)];
    for _ in 0..10 {
        for key in &keys {
            assert_eq!(h.used(key).await, 0);
        }
    }
    let claims: Vec<Claim> = keys.iter().map(|key| claim(key, 1, 1)).collect();
    h.admitted(&claims).await;
    let states = h.store().peek(&keys).await;
    let used = states.map(|states| states.iter().map(|state| state.used()).collect::<Vec<_>>());
    assert_eq!(used.ok(), Some(vec![1, 1, 1]));
}

/// They are faults of the caller, not refusals.
pub async fn senseless_operations_are_errors(h: &Harness) {
    let gauge = claim(&h.gauge("a"), 1, 1);
    let twins = [gauge.clone(), gauge.clone()];
    let many: Vec<Claim> = ('a'..='e')
        .map(|name| claim(&h.gauge(&name.to_string()), 1, 1))
        .collect();
    for claims in [&[][..], &twins, &many] {
        let fault = h.fault(Reserve::new(claims, TTL)).await;
        assert_eq!(fault, StoreErrorKind::InvalidClaims);
    }
    let fault = h
        .fault(Reserve::new(&[gauge], std::time::Duration::ZERO))
        .await;
    assert_eq!(fault, StoreErrorKind::InvalidClaims);
    assert_eq!(h.used(&h.gauge("a")).await, 0);
}

/// No more than that, and from gauges only.
pub async fn lowering_a_gauge_gives_back_what_was_committed(h: &Harness) {
    let key = h.gauge("gauge");
    let admitted = h.admitted(&[claim(&key, 5, 9)]).await;
    h.committed(admitted.id(), &[5]).await;
    h.admitted(&[claim(&key, 1, 9)]).await;

    let lowered = h
        .store()
        .lower(&key, 2)
        .await
        .map(|lowered| (lowered.units(), lowered.state().used()));
    assert_eq!(lowered.ok(), Some((2, 4)));
    let lowered = h
        .store()
        .lower(&key, u64::MAX)
        .await
        .map(|lowered| (lowered.units(), lowered.state().used()));
    assert_eq!(lowered.ok(), Some((3, 1)), "what is reserved stays");
    let untouched = h
        .store()
        .lower(&h.gauge("other"), 1)
        .await
        .map(Lowered::units);
    assert_eq!(untouched.ok(), Some(0));
    for key in [h.rate("rate"), h.quota("quota", MINUTE)] {
        let fault = h.store().lower(&key, 1).await.map_err(|error| error.kind());
        assert_eq!(fault.err(), Some(StoreErrorKind::InvalidClaims));
    }
}
