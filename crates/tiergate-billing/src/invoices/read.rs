//! Who sees which invoices.

use tiergate_core::Subject;

use crate::auth::Caller;
use crate::database::Session;
use crate::record::{InvoiceRecord, Page, PageRequest};
use crate::table::{invoices, subscriptions};
use crate::{Billing, BillingError, InvoiceId, SubscriptionId};

/// The invoices of a subscription, newest first.
///
/// # Errors
///
/// [`BillingError::NotFound`] when there is no such subscription, or the caller may not see it.
pub(crate) async fn of_subscription(
    billing: &Billing,
    caller: &Caller,
    id: SubscriptionId,
    page: PageRequest,
) -> Result<Page<InvoiceRecord>, BillingError> {
    crate::subscriptions::by_id(billing, caller, id).await?;
    let mut read = billing.database().read().await?;
    Ok(invoices::of_subscription(&mut read, id, page).await?)
}

/// The invoice with that id.
///
/// # Errors
///
/// [`BillingError::NotFound`] when there is none, or the caller may not see it.
pub(crate) async fn by_id(
    billing: &Billing,
    caller: &Caller,
    id: InvoiceId,
) -> Result<InvoiceRecord, BillingError> {
    let mut read = billing.database().read().await?;
    let (invoice, owner) = with_owner(&mut read, id).await?;
    if caller.may_read(&owner) {
        Ok(invoice)
    } else {
        Err(BillingError::NotFound("invoice"))
    }
}

/// An invoice, and whose it is.
pub(super) async fn with_owner(
    session: &mut impl Session,
    id: InvoiceId,
) -> Result<(InvoiceRecord, Subject), BillingError> {
    let missing = BillingError::NotFound("invoice");
    let Some(invoice) = invoices::by_id(session, id).await? else {
        return Err(missing);
    };
    // The schema has no invoice without its subscription.
    match subscriptions::by_id(session, invoice.subscription_id).await? {
        Some(subscription) => Ok((invoice, subscription.owner())),
        None => Err(missing),
    }
}
