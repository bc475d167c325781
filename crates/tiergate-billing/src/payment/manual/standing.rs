//! What a subscription is before anything is done to it.

use tiergate_core::time::Timestamp;

use crate::payment::{Existing, Snapshot};
use crate::record::SubscriptionRecord;

/// A stored subscription as a snapshot, without invoices.
pub(super) fn of(record: &SubscriptionRecord) -> Snapshot {
    let span = |start: Option<crate::record::Time>, end: Option<crate::record::Time>| {
        Some((start?.0, end?.0))
    };
    Snapshot {
        customer: None,
        reference: None,
        tier: record.tier.clone(),
        status: record.status.clone(),
        cycle: record.billing_cycle,
        seats: record.seats,
        period: span(record.current_period_start, record.current_period_end),
        anchor: record.billing_anchor.map(|anchor| anchor.0),
        cancel_at_period_end: record.cancel_at_period_end,
        canceled_at: record.canceled_at.map(|at| at.0),
        trial: span(record.trial_start, record.trial_end),
        pending: record.pending.clone(),
        discount_basis_points: record.discount_basis_points,
        invoices: Vec::new(),
    }
}

/// Makes it one for which nothing is paid, of that tier.
pub(super) fn become_free(snapshot: &mut Snapshot, tier: &str) {
    tier.clone_into(&mut snapshot.tier);
    "active".clone_into(&mut snapshot.status);
    snapshot.cycle = None;
    snapshot.seats = None;
    snapshot.period = None;
    snapshot.anchor = None;
    snapshot.pending = None;
    snapshot.cancel_at_period_end = false;
    snapshot.canceled_at = None;
}

/// Whether its trial still runs.
pub(super) fn is_on_trial(existing: &Existing<'_>) -> bool {
    let runs = |end: Timestamp| existing.now < end;
    existing.subscription.status == "trialing"
        && existing
            .subscription
            .trial_end
            .is_some_and(|end| runs(end.0))
}
