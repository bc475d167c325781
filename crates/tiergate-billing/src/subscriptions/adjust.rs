//! Corrections by hand.

use serde_json::{Map, Value};
use tiergate_core::Catalog;
use tiergate_core::catalog::{Price, PriceUnit};

use super::alter::reply_of;
use super::{edit, plan};
use crate::change::Reply;
use crate::context::Context;
use crate::record::{Provider, SubscriptionRecord, Time, is_live};
use crate::table::subscriptions;
use crate::{Billing, BillingError, FieldFault, SubscriptionId};

/// The statuses that can be set by hand. A trial is extended, and the others are a provider's.
const STATUSES: [&str; 6] = [
    "active",
    "past_due",
    "suspended",
    "unpaid",
    "paused",
    "canceled",
];
/// The most bytes of metadata, as JSON.
const MOST_METADATA: usize = 16 * 1024;

/// What is to be corrected. What is not said stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct Adjustment {
    /// The status.
    pub(crate) status: Option<String>,
    /// The discount, in hundredths of a percent.
    pub(crate) discount_basis_points: Option<u32>,
    /// The seats.
    pub(crate) seats: Option<u32>,
    /// The metadata, as a whole.
    pub(crate) metadata: Option<Map<String, Value>>,
    /// Where the current period ends; the periods after it are counted from there.
    pub(crate) current_period_end: Option<Time>,
}

/// Corrects a subscription. Nothing is charged or credited for it; a discount and seats count from the
/// next invoice on. What was suspended or the like beyond the end of its period starts a new one when it
/// is made active: the time in between is not charged. For admins: whoever asks has been found to be one.
///
/// # Errors
///
/// [`BillingError::Invalid`] when a value does not fit; [`BillingError::InvalidState`] when the payment
/// service decides what is to be corrected; [`BillingError::SubscriptionExists`] when a canceled one is
/// brought back and its owner has another.
pub(crate) async fn adjust(
    billing: &Billing,
    context: &Context,
    id: SubscriptionId,
    adjustment: &Adjustment,
    reason: &str,
) -> Result<Reply, BillingError> {
    let catalog = billing.catalog();
    edit::edit(billing, context, id, async |change, before| {
        check(&catalog, context, before, adjustment)?;
        let after = adjusted(before.clone(), adjustment, context);
        if after.is_live() && !before.is_live() {
            let owner = before.owner();
            let other = subscriptions::live_of(change.write(), &owner).await?;
            if other.is_some() {
                return Err(BillingError::SubscriptionExists);
            }
        }
        let after = subscriptions::update(change.write(), after, context.now.into()).await?;
        change
            .subscription_changed("subscription.adjusted", Some(before), &after, Some(reason))
            .await?;
        Ok(reply_of(&after))
    })
    .await
}

fn adjusted(
    mut record: SubscriptionRecord,
    adjustment: &Adjustment,
    context: &Context,
) -> SubscriptionRecord {
    if let Some(status) = &adjustment.status {
        if !is_live(status) {
            record.canceled_at = Some(context.now.into());
            record.cancel_at_period_end = false;
            record.pending = None;
        } else if !record.is_live() {
            record.canceled_at = None;
            record.cancel_at_period_end = false;
        }
        let stood_still = !matches!(record.status.as_str(), "active" | "trialing");
        let now = Time::from(context.now);
        if status == "active"
            && stood_still
            && record.billing_cycle.is_some()
            && record.current_period_end.is_some_and(|end| end < now)
        {
            record.current_period_end = Some(now);
            record.billing_anchor = Some(now);
        }
        record.status.clone_from(status);
    }
    if let Some(discount) = adjustment.discount_basis_points {
        record.discount_basis_points = discount;
    }
    if let Some(seats) = adjustment.seats {
        record.seats = Some(seats);
    }
    if let Some(metadata) = &adjustment.metadata {
        record.metadata.clone_from(metadata);
    }
    if let Some(end) = adjustment.current_period_end {
        record.current_period_end = Some(end);
        record.billing_anchor = record.billing_cycle.map(|_| end);
    }
    record
}

fn check(
    catalog: &Catalog,
    context: &Context,
    record: &SubscriptionRecord,
    adjustment: &Adjustment,
) -> Result<(), BillingError> {
    let mut faults = Vec::new();
    if let Some(status) = &adjustment.status
        && !STATUSES.contains(&status.as_str())
    {
        let detail = format!("expected one of {}", STATUSES.join(", "));
        faults.push(FieldFault::new("/status", detail));
    }
    if adjustment
        .discount_basis_points
        .is_some_and(|points| points > 10_000)
    {
        let detail = "expected 0 to 10000 hundredths of a percent";
        faults.push(FieldFault::new("/discountBasisPoints", detail));
    }
    if let Some(seats) = adjustment.seats {
        faults.extend(seats_fault(catalog, &record.tier, seats));
    }
    let bytes = |metadata| serde_json::to_vec(metadata).map_or(usize::MAX, |json| json.len());
    if adjustment.metadata.as_ref().map_or(0, bytes) > MOST_METADATA {
        let detail = format!("expected at most {MOST_METADATA} bytes as JSON");
        faults.push(FieldFault::new("/metadata", detail));
    }
    if let Some(end) = adjustment.current_period_end {
        let detail = match record.current_period_start {
            None => Some("it has no period whose end could be moved"),
            Some(_) if record.status == "trialing" => Some("it is on trial; extend the trial"),
            Some(start) if end <= start || end.0 <= context.now => {
                Some("expected a time in the future, after the start of the period")
            }
            Some(_) => None,
        };
        faults.extend(detail.map(|detail| FieldFault::new("/currentPeriodEnd", detail)));
    }
    if !faults.is_empty() {
        return Err(BillingError::Invalid(faults));
    }
    let of_provider = adjustment.status.is_some()
        || adjustment.discount_basis_points.is_some()
        || adjustment.seats.is_some()
        || adjustment.current_period_end.is_some();
    if record.provider == Provider::Stripe && of_provider {
        return Err(BillingError::InvalidState(
            "Stripe decides that, and would set it back; change it there. Metadata can be set here"
                .into(),
        ));
    }
    Ok(())
}

fn seats_fault(catalog: &Catalog, tier: &str, seats: u32) -> Option<FieldFault> {
    let least = match plan::tier(catalog, tier)?.price {
        Price::Paid {
            unit: PriceUnit::PerSeat { minimum },
            ..
        } => minimum.max(1),
        Price::ByContract => 1,
        Price::Free | Price::Paid { .. } => {
            let detail = format!("`{tier}` has no seats; leave them out");
            return Some(FieldFault::new("/seats", detail));
        }
    };
    (seats < least)
        .then(|| FieldFault::new("/seats", format!("`{tier}` has at least {least} seats")))
}
