//! What passes with time.

use std::time::Duration;

use tiergate_clock::Clock;

use super::harness::{Harness, MINUTE, TICK, claim};
use crate::{Refusal, ReserveOutcome, Settlement};

/// Wherever the span begins: there is no boundary around which twice as many fit.
pub async fn in_no_span_more_than_the_rate(h: &Harness) {
    const LIMIT: u64 = 7;
    let key = h.rate("rate");
    let mut admissions: Vec<(Duration, u64)> = Vec::new();
    for step in 0..200_u64 {
        h.clock().advance(Duration::from_secs(step * 7 % 13));
        let units = step * 5 % 4;
        let outcome = h.ask(&[claim(&key, units, LIMIT)]).await;
        let now = h.clock().elapsed();
        let counting = |admissions: &[(Duration, u64)]| -> u64 {
            let live = admissions.iter().filter(|(at, _)| *at + MINUTE > now);
            live.map(|(_, units)| units).sum()
        };
        let fits = counting(&admissions) + units <= LIMIT;
        assert_eq!(
            matches!(outcome, ReserveOutcome::Admitted(_)),
            fits,
            "step {step}"
        );
        if fits {
            admissions.push((now, units));
        }
        assert_eq!(h.used(&key).await, counting(&admissions), "step {step}");
    }
}

/// A microsecond less is too little.
pub async fn a_refused_rate_says_exactly_how_long_to_wait(h: &Harness) {
    let key = h.rate("rate");
    for units in [2, 3, 4] {
        let admitted = h.admitted(&[claim(&key, units, 9)]).await;
        let oldest = admitted.states().first().and_then(|state| state.wait());
        assert_eq!(oldest, Some(MINUTE - Duration::from_secs(10 * (units - 2))));
        h.clock().advance(Duration::from_secs(10));
    }
    for (units, wait) in [(1, 30), (2, 30), (3, 40), (5, 40), (6, 50), (9, 50)] {
        let refused = h.refused(&[claim(&key, units, 9)]).await;
        assert_eq!(
            refused.state().wait(),
            Some(Duration::from_secs(wait)),
            "{units}"
        );
    }
    let refused = h.refused(&[claim(&key, 5, 9)]).await;
    let wait = refused.state().wait().unwrap_or_default();
    h.clock().advance(wait.saturating_sub(TICK));
    h.refused(&[claim(&key, 5, 9)]).await;
    h.clock().advance(TICK);
    h.admitted(&[claim(&key, 5, 9)]).await;
}

/// What was admitted still counts.
pub async fn a_clock_set_back_reopens_no_rate(h: &Harness) {
    let key = h.rate("rate");
    h.admitted(&[claim(&key, 5, 5)]).await;
    let start = h.clock().now();
    for moment in [
        start.saturating_sub(Duration::from_secs(3_600)),
        start.saturating_add(Duration::from_secs(3_600)),
    ] {
        h.clock().set_wall_clock(moment);
        h.refused(&[claim(&key, 1, 5)]).await;
        assert_eq!(h.used(&key).await, 5);
    }
}

/// And says when that is.
pub async fn a_quota_starts_anew_with_its_window(h: &Harness) {
    let first = h.quota("quota", MINUTE);
    h.admitted(&[claim(&first, 5, 5)]).await;
    h.clock().advance(Duration::from_secs(20));
    let refused = h.refused(&[claim(&first, 1, 5)]).await;
    assert_eq!(refused.reason(), Refusal::Full);
    assert_eq!(refused.state().wait(), Some(Duration::from_secs(40)));
    assert_eq!(h.state(&first).await.wait(), Some(Duration::from_secs(40)));
    h.clock().advance(Duration::from_secs(40));
    let second = h.quota("quota", MINUTE);
    h.admitted(&[claim(&second, 5, 5)]).await;
    assert_eq!(h.used(&first).await, 5);
}

/// Even when that window is over.
pub async fn a_quota_settles_where_it_was_reserved(h: &Harness) {
    let first = h.quota("quota", MINUTE);
    let committed = h.admitted(&[claim(&first, 2, 9)]).await.id();
    let released = h.admitted(&[claim(&first, 3, 9)]).await.id();
    h.clock().advance(MINUTE);
    let second = h.quota("quota", MINUTE);
    h.admitted(&[claim(&second, 1, 9)]).await;
    assert_eq!(h.committed(committed, &[4]).await, Settlement::Settled);
    assert_eq!(h.released(released).await, Settlement::Settled);
    assert_eq!((h.used(&first).await, h.used(&second).await), (4, 1));
}

/// Neither what is used nor what is left.
pub async fn a_gauge_does_not_change_with_time(h: &Harness) {
    let key = h.gauge("gauge");
    let id = h.admitted(&[claim(&key, 5, 5)]).await.id();
    h.committed(id, &[5]).await;
    h.clock().advance(Duration::from_secs(400 * 24 * 3_600));
    let refused = h.refused(&[claim(&key, 1, 5)]).await;
    assert_eq!(refused.state().used(), 5);
    assert_eq!(refused.state().wait(), None);
}
