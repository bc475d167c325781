//! Ends, and ends taken back.

use tiergate_core::Catalog;
use tiergate_core::catalog::Price;
use tiergate_core::time::Timestamp;

use super::alter::{Alteration, alter, changeable};
use super::plan;
use crate::auth::Caller;
use crate::change::Reply;
use crate::context::Context;
use crate::payment::Effective;
use crate::record::{Provider, SubscriptionRecord};
use crate::{Billing, BillingError, SubscriptionId};

/// Ends a subscription, now or with its period. Asked again for an end that is already set, it changes
/// nothing.
///
/// # Errors
///
/// [`BillingError::InvalidState`] when it has ended, costs nothing, or has no period to end with.
pub(crate) async fn cancel(
    billing: &Billing,
    caller: &Caller,
    context: &Context,
    id: SubscriptionId,
    effective: Effective,
    reason: Option<&str>,
) -> Result<Reply, BillingError> {
    changeable(billing, caller, id).await?;
    let alteration = Alteration::Cancel(effective);
    alter(billing, context, id, &alteration, reason).await
}

/// Takes back an end that has not come.
///
/// # Errors
///
/// [`BillingError::InvalidState`] when there is none.
pub(crate) async fn reactivate(
    billing: &Billing,
    caller: &Caller,
    context: &Context,
    id: SubscriptionId,
) -> Result<Reply, BillingError> {
    changeable(billing, caller, id).await?;
    alter(billing, context, id, &Alteration::Reactivate, None).await
}

/// When it ends if it is canceled so; none if it is about to end as it is asked to.
pub(super) fn check(
    catalog: &Catalog,
    record: &SubscriptionRecord,
    effective: Effective,
    now: Timestamp,
) -> Result<Option<Effective>, BillingError> {
    if !record.is_live() {
        return Err(BillingError::InvalidState("it has been canceled".into()));
    }
    let manual = record.provider == Provider::Manual;
    let price = plan::tier(catalog, &record.tier).map(|tier| tier.price);
    if price == Some(Price::Free) && manual {
        return Err(BillingError::InvalidState(
            "there is nothing to cancel: its tier costs nothing".into(),
        ));
    }
    match (effective, record.current_period_end) {
        (Effective::Now, _) => Ok(Some(Effective::Now)),
        (Effective::PeriodEnd, _) if record.cancel_at_period_end => Ok(None),
        (Effective::PeriodEnd, None) => Err(BillingError::InvalidState(
            "it has no period that it could end with; cancel it with `immediately`".into(),
        )),
        // What is overdue is not renewed, so its period can be over.
        (Effective::PeriodEnd, Some(end)) if manual && end.0 <= now => Ok(Some(Effective::Now)),
        (Effective::PeriodEnd, Some(_)) => Ok(Some(Effective::PeriodEnd)),
    }
}

pub(super) fn check_reactivate(record: &SubscriptionRecord) -> Result<(), BillingError> {
    if record.is_live() && record.cancel_at_period_end {
        return Ok(());
    }
    Err(BillingError::InvalidState(if record.is_live() {
        "it is not about to end, so there is nothing to take back".into()
    } else {
        "it has ended; subscribe again".into()
    }))
}
