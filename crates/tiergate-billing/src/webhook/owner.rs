//! Whose a Stripe subscription is.

use tiergate_core::Subject;
use tiergate_stripe::event::SubscriptionObject;

use super::STRIPE;
use super::history::History;
use crate::BillingError;
use crate::database::Session;
use crate::table::{customers, subscriptions};

/// Whose a subscription is: whoever it is stored for; else whoever its customer was bound to; else whom
/// its metadata named first. What metadata says never moves what is bound: anybody who can write metadata
/// could take over a stranger's subscription.
pub(super) async fn owner_of(
    session: &mut impl Session,
    subscription: &SubscriptionObject,
    history: &History,
) -> Result<Option<Subject>, BillingError> {
    let stored = subscriptions::by_stripe_id(session, subscription.id.as_str()).await?;
    if let Some(stored) = stored {
        return Ok(Some(stored.owner()));
    }
    owner_by_events(session, subscription, history).await
}

/// Whose a subscription is that is not stored.
pub(super) async fn owner_by_events(
    session: &mut impl Session,
    subscription: &SubscriptionObject,
    history: &History,
) -> Result<Option<Subject>, BillingError> {
    if let Some(customer) = &subscription.customer
        && let Some(owner) = customers::owner_of(session, STRIPE, customer.as_str()).await?
    {
        return Ok(Some(owner));
    }
    // The first, so that it makes no difference whether somebody looked before the second came.
    Ok(history.snapshots().into_iter().find_map(named))
}

/// Whom the metadata of a subscription names, in either spelling that is in use.
fn named(subscription: &SubscriptionObject) -> Option<Subject> {
    let get = |keys: [&str; 2]| {
        let value = keys
            .into_iter()
            .find_map(|key| subscription.metadata.get(key));
        value.map(str::trim).filter(|id| !id.is_empty())
    };
    let organization = get(["organizationId", "organization_id"]).map(Subject::organization);
    let user = || get(["userId", "user_id"]).map(Subject::user);
    // Somebody buys for their organization: then both are named.
    organization
        .or_else(user)
        .filter(|owner| owner.is_valid() && !owner.id().contains('\0'))
}
