//! Lists over all owners.

use crate::record::{
    AuditRecord, EventState, Page, PageRequest, SubscriptionRecord, WebhookEventRecord,
};
use crate::table::audit_search::{self, AuditQuery};
use crate::table::inbox_admin;
use crate::table::subscription_search::{self, SubscriptionQuery};
use crate::{Billing, BillingError};

/// The subscriptions that are looked for, newest first.
pub(crate) async fn subscriptions(
    billing: &Billing,
    query: &SubscriptionQuery,
    page: PageRequest,
) -> Result<Page<SubscriptionRecord>, BillingError> {
    let mut read = billing.database().read().await?;
    Ok(subscription_search::search(&mut read, query, page).await?)
}

/// The entries of the audit log that are looked for, newest first.
pub(crate) async fn audit_log(
    billing: &Billing,
    query: &AuditQuery,
    page: PageRequest,
) -> Result<Page<AuditRecord>, BillingError> {
    let mut read = billing.database().read().await?;
    Ok(audit_search::search(&mut read, query, page).await?)
}

/// The events in the inbox, those first that came last.
pub(crate) async fn webhook_events(
    billing: &Billing,
    state: Option<EventState>,
    page: PageRequest,
) -> Result<Page<WebhookEventRecord>, BillingError> {
    let mut read = billing.database().read().await?;
    Ok(inbox_admin::list(&mut read, state, page).await?)
}
