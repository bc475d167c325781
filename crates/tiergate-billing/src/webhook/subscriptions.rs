//! What a subscription is stored as when its events say how it stands.

use tiergate_core::catalog::{Price, PriceUnit};
use tiergate_core::time::Timestamp;
use tiergate_core::{Catalog, SubscriptionStatus};
use tiergate_stripe::Standing;
use tiergate_stripe::event::{Cancellation, SubscriptionObject};

use super::prices::{PriceMap, PricePlan};
use super::text::storable;
use crate::record::{Provider, SubscriptionRecord, Time};

/// Why the events of a subscription cannot be stored yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UnknownPrice {
    price: Option<String>,
}

impl std::fmt::Display for UnknownPrice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.price {
            Some(price) => write!(
                f,
                "price {price} names no tier of the catalog: give it a lookup key like `pro_monthly`, \
                 or name it in the setting STRIPE_PRICE_…"
            ),
            None => f.write_str("the subscription has no price"),
        }
    }
}

/// The plan of a subscription by its price.
pub(super) fn plan_of(
    subscription: &SubscriptionObject,
    catalog: &Catalog,
    prices: &PriceMap,
) -> Result<PricePlan, UnknownPrice> {
    let price = subscription.price();
    price
        .and_then(|price| prices.plan(catalog, price.id.as_str(), price.lookup_key.as_deref()))
        .ok_or_else(|| UnknownPrice {
            price: price.map(|price| price.id.as_str().to_owned()),
        })
}

/// What `record` becomes by how its subscription stands. Everything that Stripe decides is replaced as a
/// whole; what only this service knows, such as overrides, stays.
pub(super) fn stored_as(
    mut record: SubscriptionRecord,
    standing: &Standing<'_>,
    plan: PricePlan,
    catalog: &Catalog,
) -> SubscriptionRecord {
    let subscription = standing.subscription;
    let time = |at: Option<Timestamp>| at.map(Time::from);
    let mut end = subscription.period.map(|period| period.end);
    let start = subscription.period.map(|period| period.start);
    let mut ends_with_period = false;
    match subscription.cancellation {
        Cancellation::NotScheduled => {}
        Cancellation::AtPeriodEnd => ends_with_period = true,
        // An end in a later period is not an end of this one.
        Cancellation::At(at) if end.is_none_or(|end| at <= end) => {
            ends_with_period = true;
            end = Some(at);
        }
        Cancellation::At(_) => {}
    }
    if standing.status == SubscriptionStatus::Canceled {
        // Stripe ends what was canceled at period end when the period does, and everything else when it
        // says so. Nobody has anything of what comes after.
        end = [end, subscription.ended_at].into_iter().flatten().min();
    }
    let whole = start.zip(end).filter(|(start, end)| start < end);
    record.current_period_start = time(whole.map(|(start, _)| start));
    record.current_period_end = time(whole.map(|(_, end)| end));
    record.seats = sold_by_seats(catalog, &plan.tier)
        .then(|| subscription.seats())
        .flatten()
        .map(|seats| u32::try_from(seats).unwrap_or(u32::MAX))
        .filter(|seats| *seats > 0);
    record.tier = plan.tier;
    record.billing_cycle = Some(plan.cycle);
    record.status = storable(standing.status.as_str());
    record.provider = Provider::Stripe;
    record.stripe_customer_id = subscription
        .customer
        .as_ref()
        .map(|customer| customer.as_str().to_owned());
    record.stripe_subscription_id = Some(subscription.id.as_str().to_owned());
    record.cancel_at_period_end = ends_with_period;
    record.canceled_at = time(subscription.canceled_at);
    record.trial_start = time(subscription.trial_start);
    record.trial_end = time(subscription.trial_end);
    record.discount_basis_points = subscription
        .discount
        .map_or(0, |percent| percent.parts_per_million() / 100);
    // Stripe cuts its periods itself.
    record.billing_anchor = None;
    record.pending = None;
    record
}

fn sold_by_seats(catalog: &Catalog, tier: &str) -> bool {
    let tier = catalog.tier_id(tier).and_then(|id| catalog.tier(id).ok());
    matches!(
        tier.map(|tier| &tier.price),
        Some(Price::Paid {
            unit: PriceUnit::PerSeat { .. },
            ..
        })
    )
}
