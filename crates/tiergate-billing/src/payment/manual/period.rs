//! Where periods end.

use tiergate_core::Window;
use tiergate_core::time::Timestamp;
use tiergate_core::window::BillingAnchor;

use crate::record::{BillingCycle, SubscriptionRecord};

/// Where the period ends that starts at `start`, which is a boundary of `anchor`.
///
/// A year is twelve months of the anchor, so that a yearly period that started on 29 February is back
/// on it in the next leap year. Every boundary comes from the anchor itself, so nothing drifts.
pub(super) fn end_of(start: Timestamp, cycle: BillingCycle, anchor: BillingAnchor) -> Timestamp {
    let months = match cycle {
        BillingCycle::Monthly => 1,
        BillingCycle::Annual => 12,
    };
    (0..months).fold(start, |at, _| Window::of_billing_period(at, anchor).end())
}

/// The anchor of periods the first of which starts at `start`.
pub(super) fn anchor_at(start: Timestamp) -> BillingAnchor {
    BillingAnchor::from_period(start, None)
}

/// The anchor of a subscription, if one is known on which its current period ends.
pub(super) fn anchor_of(subscription: &SubscriptionRecord) -> Option<BillingAnchor> {
    let end = subscription.current_period_end?.0;
    let anchor = match (
        subscription.billing_anchor,
        subscription.current_period_start,
    ) {
        (Some(anchor), _) => anchor_at(anchor.0),
        // Others than this provider have made it; what they left tells its anchor nearly always.
        (None, Some(start)) => BillingAnchor::from_period(start.0, Some(end)),
        (None, None) => return None,
    };
    // A period of some other length, such as a trial, ends off the grid: the next would be cut short.
    (Window::of_billing_period(end, anchor).start() == end).then_some(anchor)
}

#[cfg(test)]
mod tests {
    use jiff::{Span, tz};
    use proptest::prelude::*;

    use super::*;

    /// The boundaries by jiff alone: each is so many months after the anchor, clamped by its calendar.
    fn expected(anchor: &str, months: i32) -> Timestamp {
        let anchor: jiff::Timestamp = anchor.parse().unwrap();
        let moved = anchor
            .to_zoned(tz::TimeZone::UTC)
            .checked_add(Span::new().months(months));
        moved.unwrap().timestamp().to_string().parse().unwrap()
    }

    fn walk(anchor: &str, cycle: BillingCycle, periods: i32) {
        let months = if cycle == BillingCycle::Annual { 12 } else { 1 };
        let mut at: Timestamp = anchor.parse().unwrap();
        for period in 1..=periods {
            at = end_of(at, cycle, anchor_at(anchor.parse().unwrap()));
            assert_eq!(at, expected(anchor, period * months), "{anchor}, {period}");
        }
    }

    #[test]
    fn periods_do_not_drift_from_the_ends_of_months() {
        for month in ["2023-12", "2024-01", "2025-03", "2026-01", "2027-08"] {
            for day in 28..=31 {
                let anchor = format!("{month}-{day}T23:59:59.999999Z");
                walk(&anchor, BillingCycle::Monthly, 48);
                walk(&anchor, BillingCycle::Annual, 12);
            }
        }
        walk("2024-02-29T12:00:00Z", BillingCycle::Annual, 12);
        walk("2024-02-29T12:00:00Z", BillingCycle::Monthly, 48);
    }

    proptest! {
        #[test]
        fn periods_of_any_anchor_are_whole_months_after_it(seconds in 0_i64..4_000_000_000) {
            let anchor = Timestamp::from_seconds(seconds).to_string();
            walk(&anchor, BillingCycle::Monthly, 48);
            walk(&anchor, BillingCycle::Annual, 5);
        }
    }
}
