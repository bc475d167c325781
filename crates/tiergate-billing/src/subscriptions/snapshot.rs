//! How what a provider tells becomes what is stored.

use crate::payment::Snapshot;
use crate::record::{Provider, SubscriptionRecord};

/// A record as `provider` tells it to be now. What the provider does not know of stays: whose it is,
/// metadata, overrides.
pub(crate) fn apply(
    record: SubscriptionRecord,
    snapshot: &Snapshot,
    provider: Provider,
) -> SubscriptionRecord {
    SubscriptionRecord {
        tier: snapshot.tier.clone(),
        status: snapshot.status.clone(),
        billing_cycle: snapshot.cycle,
        provider,
        // A provider that has no name for it takes none away.
        stripe_customer_id: snapshot.customer.clone().or(record.stripe_customer_id),
        stripe_subscription_id: snapshot.reference.clone().or(record.stripe_subscription_id),
        current_period_start: snapshot.period.map(|(start, _)| start.into()),
        current_period_end: snapshot.period.map(|(_, end)| end.into()),
        billing_anchor: snapshot.anchor.map(Into::into),
        cancel_at_period_end: snapshot.cancel_at_period_end,
        canceled_at: snapshot.canceled_at.map(Into::into),
        trial_start: snapshot.trial.map(|(start, _)| start.into()),
        trial_end: snapshot.trial.map(|(_, end)| end.into()),
        seats: snapshot.seats,
        discount_basis_points: snapshot.discount_basis_points,
        pending: snapshot.pending.clone(),
        ..record
    }
}
