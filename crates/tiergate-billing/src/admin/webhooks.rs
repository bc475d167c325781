//! Webhooks that were given up or wait.

use crate::change::{Begun, Change, Reply};
use crate::context::Context;
use crate::table::inbox_admin;
use crate::{Billing, BillingError, InboxId};

/// Has an event tried again at once: one that was given up, was tried in vain or waits.
///
/// # Errors
///
/// [`BillingError::NotFound`] when there is none; [`BillingError::InvalidState`] when there is nothing to
/// try, or it is being tried right now.
pub(crate) async fn retry_webhook(
    billing: &Billing,
    context: &Context,
    id: InboxId,
    reason: Option<&str>,
) -> Result<Reply, BillingError> {
    let mut change = match Change::begin_for_all(billing, context).await? {
        Begun::Fresh(change) => change,
        Begun::Answered(reply) => return Ok(reply),
    };
    let before = inbox_admin::by_id(change.write(), id)
        .await?
        .ok_or(BillingError::NotFound("webhook event"))?;
    let retried = inbox_admin::retry(change.write(), id, context.now.into()).await?;
    let Some(after) = retried else {
        let state = before.state.as_str();
        return Err(BillingError::InvalidState(
            format!(
                "this event is {state}, or is being tried right now; \
                 only one that is dead, failed or waiting is tried again"
            )
            .into(),
        ));
    };
    let object = ("webhook", id.to_string());
    change
        .audit(
            "webhook.retried",
            object,
            Some(&before),
            Some(&after),
            reason,
        )
        .await?;
    let reply = change.finish(Reply::done(&after)).await?;
    billing.inbox_grew().notify_waiters();
    Ok(reply)
}
