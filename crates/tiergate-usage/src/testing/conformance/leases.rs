//! Blocks of units that processes hold.

use std::sync::Arc;
use std::time::Duration;

use tiergate_core::Limit;

use super::harness::{MINUTE, SharedHarness, TICK, TTL, claim, lease, lease_id};
use crate::{
    CounterKey, Lease, LeaseEnd, LeaseExtension, LeaseId, LeaseOutcome, Refusal, StoreErrorKind,
};

/// Longer than a lease lives.
const LONG: Duration = Duration::from_secs(10 * 600);

/// The kinds of counters that can be leased.
fn keys(h: &SharedHarness) -> [CounterKey; 2] {
    [h.alone().gauge("gauge"), h.alone().quota("quota", LONG)]
}

/// Whether or not anything was done with it.
pub async fn what_is_leased_counts_as_used(h: &SharedHarness) {
    for key in keys(h) {
        assert_eq!(h.leased(lease(&key, 1, 3, 5)).await, 3, "{key:?}");
        assert_eq!(h.leased(lease(&key, 2, 2, 5)).await, 5);
        assert_eq!(h.alone().used(&key).await, 5);
        h.alone().refused(&[claim(&key, 1, 5)]).await;
    }
}

/// However often it is asked for.
pub async fn a_block_that_does_not_fit_changes_nothing(h: &SharedHarness) {
    for key in keys(h) {
        h.leased(lease(&key, 1, 3, 5)).await;
        for _ in 0..3 {
            let outcome = h.ask_lease(lease(&key, 2, 3, 5)).await;
            assert!(
                matches!(outcome, LeaseOutcome::Refused(Refusal::Full, state) if state.used() == 3),
                "three more than three of five: {outcome:?}"
            );
        }
        let outcome = h.ask_lease(lease(&key, 2, 6, 5)).await;
        assert!(matches!(
            outcome,
            LeaseOutcome::Refused(Refusal::NeverFits, _)
        ));
        assert_eq!(h.leased(lease(&key, 2, 2, 5)).await, 5);
    }
}

/// By however many processes.
pub async fn blocks_taken_at_once_stay_within_the_limit(h: &SharedHarness) {
    for key in keys(h) {
        let mut tasks = Vec::new();
        for number in 0..40 {
            let (store, key) = (Arc::clone(h.store()), key.clone());
            tasks.push(tokio::spawn(async move {
                let outcome = store.lease(lease(&key, number, 3, 32)).await;
                matches!(outcome, Ok(LeaseOutcome::Granted(_)))
            }));
        }
        let mut granted = 0;
        for task in tasks {
            granted += u64::from(matches!(task.await, Ok(true)));
        }
        assert_eq!(granted, 10, "{key:?}");
        assert_eq!(h.alone().used(&key).await, 30);
    }
}

/// So that whoever heard no answer may ask again.
pub async fn the_same_lease_is_granted_once(h: &SharedHarness) {
    for key in keys(h) {
        for _ in 0..3 {
            assert_eq!(h.leased(lease(&key, 1, 3, 5)).await, 3, "{key:?}");
        }
        h.alone().clock().advance(TTL - TICK);
        h.leased(lease(&key, 1, 3, 5)).await;
        h.alone().clock().advance(TICK);
        assert_eq!(
            h.alone().used(&key).await,
            0,
            "asking again extends nothing"
        );
    }
}

/// More than was leased is counted in full, even beyond the limit.
pub async fn what_was_used_is_counted_and_the_rest_goes_back(h: &SharedHarness) {
    for key in keys(h) {
        for (number, (used, total)) in [(2, 2), (0, 2), (5, 7), (9, 16)].into_iter().enumerate() {
            let number = u128::try_from(number).unwrap_or(0);
            h.leased(lease(&key, number, 5, 20)).await;
            let id = lease_id(&key, number);
            assert_eq!(h.ended(&key, id, used).await, LeaseEnd::Ended);
            assert_eq!(h.ended(&key, id, used).await, LeaseEnd::AlreadyEnded);
            assert_eq!(h.tally(&key).await, (total, 0), "{key:?}");
        }
    }
}

/// The rest goes back, at the end of its time to live and not before.
pub async fn an_expired_lease_keeps_what_it_was_told_to_keep(h: &SharedHarness) {
    for key in keys(h) {
        let block = lease(&key, 1, 5, 5);
        h.leased(Lease { kept: 2, ..block }).await;
        h.alone().clock().advance(TTL - TICK);
        assert_eq!(h.tally(&key).await, (0, 5), "{key:?}");
        h.alone().clock().advance(TICK);
        assert_eq!(h.tally(&key).await, (2, 0), "{key:?}");
        assert_eq!(
            h.extended(&key, lease_id(&key, 1), 3).await,
            LeaseExtension::Expired
        );
        assert_eq!(h.tally(&key).await, (2, 0), "{key:?}");
        h.leased(lease(&key, 2, 3, 5)).await;
    }
}

/// A message that comes late takes nothing back.
pub async fn what_is_kept_only_rises(h: &SharedHarness) {
    for key in keys(h) {
        h.leased(lease(&key, 1, 5, 5)).await;
        for kept in [3, 1, 4, 0] {
            assert_eq!(
                h.extended(&key, lease_id(&key, 1), kept).await,
                LeaseExtension::Extended
            );
        }
        h.alone().clock().advance(TTL);
        assert_eq!(h.tally(&key).await, (4, 0), "{key:?}");
    }
}

/// As long as it is extended in time.
pub async fn an_extended_lease_lives_on(h: &SharedHarness) {
    for key in keys(h) {
        h.leased(lease(&key, 1, 5, 5)).await;
        for _ in 0..3 {
            h.alone().clock().advance(TTL - TICK);
            assert_eq!(
                h.extended(&key, lease_id(&key, 1), 0).await,
                LeaseExtension::Extended
            );
        }
        h.alone().clock().advance(TTL - TICK);
        assert_eq!(h.tally(&key).await, (0, 5), "{key:?}");
        h.alone().clock().advance(TICK);
        assert_eq!(h.tally(&key).await, (0, 0), "{key:?}");
    }
}

/// It comes from a time when less was asked for.
pub async fn an_older_extension_shortens_nothing(h: &SharedHarness) {
    for key in keys(h) {
        h.leased(lease(&key, 1, 5, 5)).await;
        let answer = h.store().extend(&key, lease_id(&key, 1), 0, TICK).await;
        assert_eq!(answer.ok(), Some(LeaseExtension::Extended));
        h.alone().clock().advance(TTL - TICK);
        assert_eq!(h.tally(&key).await, (0, 5), "{key:?}");
    }
}

/// What was kept was a guess; the holder knows.
pub async fn an_end_after_the_expiry_corrects_once(h: &SharedHarness) {
    for key in keys(h) {
        for (number, (used, total)) in [(1, 1), (3, 4), (0, 4), (7, 11)].into_iter().enumerate() {
            let number = u128::try_from(number).unwrap_or(0);
            let (id, block) = (lease_id(&key, number), lease(&key, number, 5, 20));
            h.leased(Lease { kept: 3, ..block }).await;
            h.alone().clock().advance(TTL);
            for expected in [LeaseEnd::Corrected, LeaseEnd::AlreadyEnded] {
                assert_eq!(h.ended(&key, id, used).await, expected, "{key:?}");
                assert_eq!(h.tally(&key).await, (total, 0), "{key:?}");
            }
        }
    }
}

/// A message under its id, however late, neither leases nor extends.
pub async fn a_lease_that_is_over_is_fenced_off(h: &SharedHarness) {
    for key in keys(h) {
        let expired = lease(&key, 1, 5, 50);
        h.leased(Lease { kept: 5, ..expired }).await;
        h.alone().clock().advance(TTL);
        let ended = lease(&key, 2, 5, 50);
        h.leased(ended).await;
        h.ended(&key, ended.id, 4).await;
        for _ in 0..2 {
            assert_eq!(h.ask_lease(expired).await, LeaseOutcome::Over);
            assert_eq!(h.ask_lease(ended).await, LeaseOutcome::Over);
            let after = (
                h.extended(&key, expired.id, 5).await,
                h.extended(&key, ended.id, 5).await,
            );
            assert_eq!(after, (LeaseExtension::Expired, LeaseExtension::Ended));
            assert_eq!(h.tally(&key).await, (9, 0), "{key:?}");
        }
    }
}

/// Also when that window has ended.
pub async fn a_lease_settles_where_it_was_granted(h: &SharedHarness) {
    let first = h.alone().quota("quota", MINUTE);
    h.leased(lease(&first, 1, 5, 9)).await;
    h.leased(lease(&first, 2, 3, 9)).await;
    h.alone().clock().advance(2 * MINUTE);
    let second = h.alone().quota("quota", MINUTE);
    h.leased(lease(&second, 3, 5, 9)).await;
    assert_eq!(
        h.ended(&first, lease_id(&first, 1), 4).await,
        LeaseEnd::Ended
    );
    let two = lease_id(&first, 2);
    assert_eq!(h.extended(&first, two, 1).await, LeaseExtension::Extended);
    h.alone().clock().advance(TTL);
    assert_eq!(h.tally(&first).await, (5, 0));
    assert_eq!(h.tally(&second).await, (0, 0));
}

/// A replica that was cut off for long still tells what it used.
pub async fn a_lease_is_remembered_for_a_day_after_its_window(h: &SharedHarness) {
    let day = Duration::from_secs(24 * 3_600);
    let key = h.alone().quota("quota", day);
    let block = lease(&key, 1, 5, 9);
    h.leased(Lease { kept: 5, ..block }).await;
    h.alone().clock().advance(2 * day - TICK);
    assert_eq!(
        h.ended(&key, lease_id(&key, 1), 2).await,
        LeaseEnd::Corrected
    );
    assert_eq!(h.tally(&key).await, (2, 0));
}

/// Both count, whichever came first.
pub async fn leases_and_reservations_share_a_limit(h: &SharedHarness) {
    for key in keys(h) {
        let reserved = h.alone().admitted(&[claim(&key, 2, 10)]).await;
        h.leased(lease(&key, 1, 5, 10)).await;
        h.alone().refused(&[claim(&key, 4, 10)]).await;
        h.alone().admitted(&[claim(&key, 3, 10)]).await;
        h.alone().released(reserved.id()).await;
        h.ended(&key, lease_id(&key, 1), 1).await;
        assert_eq!(h.tally(&key).await, (1, 3), "{key:?}");
        h.leased(lease(&key, 2, 6, 10)).await;
    }
}

/// The largest numbers, and no limit at all.
pub async fn extreme_leases_are_counted_exactly(h: &SharedHarness) {
    for key in keys(h) {
        let most = lease(&key, 1, u64::MAX, u64::MAX);
        h.leased(Lease {
            kept: u64::MAX,
            ..most
        })
        .await;
        let more = h.ask_lease(lease(&key, 2, 1, u64::MAX)).await;
        assert!(matches!(more, LeaseOutcome::Refused(Refusal::Full, _)));
        let limit = Limit::Unlimited;
        let unbounded = lease(&key, 3, u64::MAX, 0);
        assert_eq!(h.leased(Lease { limit, ..unbounded }).await, u64::MAX);
        assert_eq!(h.ended(&key, unbounded.id, 1).await, LeaseEnd::Ended);
        assert_eq!(h.tally(&key).await, (1, u64::MAX), "{key:?}");
        h.alone().clock().advance(TTL);
        assert_eq!(h.tally(&key).await, (u64::MAX, 0), "{key:?}");
        assert_eq!(
            h.ended(&key, lease_id(&key, 1), 2).await,
            LeaseEnd::Corrected
        );
        assert_eq!(h.tally(&key).await, (3, 0), "{key:?}");
    }
}

/// And change nothing.
pub async fn senseless_leases_are_errors(h: &SharedHarness) {
    let (gauge, rate) = (h.alone().gauge("gauge"), h.alone().rate("rate"));
    let block = lease(&gauge, 1, 5, 9);
    let ttl = Duration::ZERO;
    for senseless in [
        Lease { units: 0, ..block },
        Lease { kept: 6, ..block },
        Lease { ttl, ..block },
        lease(&rate, 1, 5, 9),
    ] {
        let fault = h.store().lease(senseless).await;
        let kind = fault.map_err(|error| error.kind());
        assert_eq!(kind, Err(StoreErrorKind::InvalidClaims), "{senseless:?}");
    }
    assert_eq!(h.tally(&gauge).await, (0, 0));
    h.leased(block).await;
    for (kept, ttl) in [(6, TTL), (1, ttl)] {
        let fault = h
            .store()
            .extend(&gauge, lease_id(&gauge, 1), kept, ttl)
            .await;
        let kind = fault.map_err(|error| error.kind());
        assert_eq!(kind, Err(StoreErrorKind::InvalidClaims));
    }
    h.alone().clock().advance(TTL);
    assert_eq!(h.tally(&gauge).await, (0, 0), "nothing was kept");
}

/// And so is one that nobody was granted.
pub async fn an_unknown_lease_is_unknown(h: &SharedHarness) {
    let [gauge, quota] = keys(h);
    h.leased(lease(&gauge, 1, 5, 9)).await;
    for id in [0, 2, u128::MAX].map(LeaseId::from_u128) {
        assert_eq!(h.extended(&gauge, id, 0).await, LeaseExtension::Unknown);
        assert_eq!(h.ended(&gauge, id, 1).await, LeaseEnd::Unknown);
        assert_eq!(h.extended(&quota, id, 0).await, LeaseExtension::Unknown);
        assert_eq!(h.ended(&quota, id, 1).await, LeaseEnd::Unknown);
    }
    assert_eq!(h.tally(&gauge).await, (0, 5));
    assert_eq!(h.tally(&quota).await, (0, 0));
}
