//! Changes that no provider has to be asked for.

use crate::change::{Begun, Change, Reply};
use crate::context::Context;
use crate::record::SubscriptionRecord;
use crate::table::subscriptions;
use crate::{Billing, BillingError, SubscriptionId};

/// Changes a subscription in one transaction, in which nobody else changes it.
pub(super) async fn edit(
    billing: &Billing,
    context: &Context,
    id: SubscriptionId,
    work: impl AsyncFnOnce(&mut Change<'_>, &SubscriptionRecord) -> Result<Reply, BillingError>,
) -> Result<Reply, BillingError> {
    let missing = || BillingError::NotFound("subscription");
    let mut read = billing.database().read().await?;
    // Whose it is never changes, so it can be read before their lock is held.
    let owner = subscriptions::by_id(&mut read, id)
        .await?
        .ok_or_else(missing)?
        .owner();
    drop(read);
    let mut change = match Change::begin(billing, context, &owner).await? {
        Begun::Fresh(change) => change,
        Begun::Answered(reply) => return Ok(reply),
    };
    let before = subscriptions::by_id(change.write(), id)
        .await?
        .ok_or_else(missing)?;
    context.check_version(before.version)?;
    let reply = work(&mut change, &before).await?;
    change.finish(reply).await
}
