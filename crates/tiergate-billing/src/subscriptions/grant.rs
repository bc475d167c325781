//! Tiers that are given without payment: by contract, or as a favour.

use tiergate_core::catalog::{Price, PriceUnit};
use tiergate_core::{Catalog, Subject};

use super::alter::reply_of;
use super::plan;
use crate::change::{Begun, Change, Reply};
use crate::context::Context;
use crate::record::{Provider, SubscriptionRecord, Time};
use crate::table::subscriptions;
use crate::{Billing, BillingError, FieldFault, SubscriptionId};

/// Who is given a tier.
#[derive(Clone, Debug)]
pub(crate) enum Grantee {
    /// The owner of a subscription.
    Subscription(SubscriptionId),
    /// Somebody who may have none yet.
    Owner(Subject),
}

/// A tier to be given.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    /// The key of the tier.
    pub(crate) tier: String,
    /// For how many seats, where that matters.
    pub(crate) seats: Option<u32>,
    /// Until when; none for as long as nobody takes it.
    pub(crate) until: Option<Time>,
    /// Why.
    pub(crate) reason: String,
}

/// Gives a tier without payment, any of the catalog, in place of what the owner has of the manual
/// provider. What was paid for the rest of a period is not credited. For admins: whoever asks has been
/// found to be one.
///
/// # Errors
///
/// [`BillingError::Invalid`] when the tier is unknown or the rest does not fit it,
/// [`BillingError::InvalidState`] when the owner pays at a payment service, which would go on charging.
pub(crate) async fn grant_tier(
    billing: &Billing,
    context: &Context,
    grantee: &Grantee,
    grant: &Grant,
) -> Result<Reply, BillingError> {
    let catalog = billing.catalog();
    let owner = match grantee {
        Grantee::Owner(owner) => owner.clone(),
        Grantee::Subscription(id) => {
            let mut read = billing.database().read().await?;
            let record = subscriptions::by_id(&mut read, *id).await?;
            record
                .ok_or(BillingError::NotFound("subscription"))?
                .owner()
        }
    };
    let mut change = match Change::begin(billing, context, &owner).await? {
        Begun::Fresh(change) => change,
        Begun::Answered(reply) => return Ok(reply),
    };
    check(&catalog, context, grant)?;
    let live = subscriptions::live_of(change.write(), &owner).await?;
    context.check_version(live.as_ref().map_or(0, |live| live.version))?;
    if let Grantee::Subscription(id) = grantee
        && live.as_ref().and_then(|live| live.id) != Some(*id)
    {
        return Err(BillingError::InvalidState(
            "it has been canceled; grant the tier to its owner's present subscription".into(),
        ));
    }
    let now = context.now.into();
    let after = match &live {
        Some(live) if live.provider == Provider::Stripe => {
            return Err(BillingError::InvalidState(
                "it is paid at Stripe, which would go on charging; cancel it there first".into(),
            ));
        }
        Some(live) => {
            let after = granted(live.clone(), grant, now);
            subscriptions::update(change.write(), after, now).await?
        }
        None => {
            let none = SubscriptionRecord::none(&owner, plan::default_tier(&catalog), now);
            subscriptions::insert(change.write(), granted(none, grant, now)).await?
        }
    };
    change
        .subscription_changed(
            "subscription.granted",
            live.as_ref(),
            &after,
            Some(&grant.reason),
        )
        .await?;
    change.finish(reply_of(&after)).await
}

fn granted(record: SubscriptionRecord, grant: &Grant, now: Time) -> SubscriptionRecord {
    SubscriptionRecord {
        tier: grant.tier.clone(),
        status: "active".to_owned(),
        billing_cycle: None,
        provider: Provider::Manual,
        current_period_start: grant.until.map(|_| now),
        current_period_end: grant.until,
        billing_anchor: None,
        cancel_at_period_end: grant.until.is_some(),
        canceled_at: None,
        seats: grant.seats,
        pending: None,
        ..record
    }
}

fn check(catalog: &Catalog, context: &Context, grant: &Grant) -> Result<(), BillingError> {
    let mut faults = Vec::new();
    if let Err(unknown) = catalog.require_tier(&grant.tier) {
        faults.push(FieldFault::new("/tier", unknown.to_string()));
    }
    let sold_whole = plan::tier(catalog, &grant.tier).is_some_and(|tier| {
        matches!(
            tier.price,
            Price::Free
                | Price::Paid {
                    unit: PriceUnit::Flat,
                    ..
                }
        )
    });
    if sold_whole && grant.seats.is_some() {
        let detail = format!("`{}` has no seats; leave them out", grant.tier);
        faults.push(FieldFault::new("/seats", detail));
    }
    if grant.until.is_some_and(|until| until.0 <= context.now) {
        faults.push(FieldFault::new("/until", "expected a time in the future"));
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(BillingError::Invalid(faults))
    }
}
