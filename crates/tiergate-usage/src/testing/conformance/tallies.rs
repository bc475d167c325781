//! What a counter is made of, and putting it right.

use super::harness::{MINUTE, SharedHarness, TTL, claim, lease};
use crate::{Adjustment, StoreErrorKind};

/// Reservations and leases alike.
pub async fn a_tally_tells_committed_from_open(h: &SharedHarness) {
    for key in [h.alone().gauge("gauge"), h.alone().quota("quota", 2 * TTL)] {
        assert_eq!(h.tally(&key).await, (0, 0));
        let committed = h.alone().admitted(&[claim(&key, 4, 20)]).await;
        h.alone().committed(committed.id(), &[3]).await;
        h.alone().admitted(&[claim(&key, 2, 20)]).await;
        h.leased(lease(&key, 1, 5, 20)).await;
        assert_eq!(h.tally(&key).await, (3, 7), "{key:?}");
        h.alone().clock().advance(TTL);
        assert_eq!(h.tally(&key).await, (3, 0), "{key:?}");
    }
}

/// Never below nothing, and open units are not touched.
pub async fn an_adjustment_changes_what_is_committed(h: &SharedHarness) {
    for key in [h.alone().gauge("gauge"), h.alone().quota("quota", MINUTE)] {
        h.alone().admitted(&[claim(&key, 2, 20)]).await;
        for (adjustment, committed) in [
            (Adjustment::Lower(1), 0),
            (Adjustment::Raise(7), 7),
            (Adjustment::Lower(3), 4),
            (Adjustment::Raise(0), 4),
            (Adjustment::Lower(u64::MAX), 0),
            (Adjustment::Raise(u64::MAX), u64::MAX),
        ] {
            let tally = h.store().adjust(&key, adjustment).await;
            let tally = tally.map(|tally| (tally.committed(), tally.open()));
            assert_eq!(tally.ok(), Some((committed, 2)), "{key:?}: {adjustment:?}");
            assert_eq!(h.tally(&key).await, (committed, 2));
        }
        h.alone().refused(&[claim(&key, 1, 20)]).await;
    }
    // One that was never used is made.
    let new = h.alone().gauge("new");
    let tally = h.store().adjust(&new, Adjustment::Raise(5)).await;
    assert_eq!(tally.map(crate::Tally::committed).ok(), Some(5));
    h.alone().refused(&[claim(&new, 1, 5)]).await;
}

/// It forgets by itself.
pub async fn a_rate_has_no_tally(h: &SharedHarness) {
    let rate = h.alone().rate("rate");
    let tally = h.store().tally(&rate).await.map_err(|error| error.kind());
    assert_eq!(tally, Err(StoreErrorKind::InvalidClaims));
    for adjustment in [Adjustment::Raise(1), Adjustment::Lower(1)] {
        let fault = h.store().adjust(&rate, adjustment).await;
        let kind = fault.map_err(|error| error.kind());
        assert_eq!(kind, Err(StoreErrorKind::InvalidClaims));
    }
    assert_eq!(h.alone().used(&rate).await, 0);
}
