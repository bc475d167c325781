//! What somebody has.

use tiergate_core::Subject;

use crate::auth::Caller;
use crate::record::SubscriptionRecord;
use crate::table::subscriptions;
use crate::{Billing, BillingError, SubscriptionId};

/// What an owner has: the subscription that lives; else one that was canceled and has not ended; else
/// the default tier. Reading makes nothing.
///
/// # Errors
///
/// [`BillingError::NotFound`] when the caller may not see it.
pub(crate) async fn of_owner(
    billing: &Billing,
    caller: &Caller,
    owner: &Subject,
) -> Result<SubscriptionRecord, BillingError> {
    if !caller.may_read(owner) {
        return Err(BillingError::NotFound("subscription"));
    }
    standing_of(billing, owner).await
}

/// What an owner has, whoever asks.
pub(crate) async fn standing_of(
    billing: &Billing,
    owner: &Subject,
) -> Result<SubscriptionRecord, BillingError> {
    let now = billing.now();
    let mut read = billing.database().read().await?;
    if let Some(live) = subscriptions::live_of(&mut read, owner).await? {
        return Ok(live);
    }
    let last = subscriptions::last_of(&mut read, owner).await?;
    let still_holds = |record: &SubscriptionRecord| {
        record.cancel_at_period_end && record.current_period_end.is_some_and(|end| now < end.0)
    };
    if let Some(last) = last.filter(still_holds) {
        return Ok(last);
    }
    let catalog = billing.catalog();
    // The catalog gave the id.
    let default = catalog
        .tier(catalog.default_tier())
        .map(|tier| tier.key.to_string());
    Ok(SubscriptionRecord::none(
        owner,
        &default.unwrap_or_default(),
        now.into(),
    ))
}

/// The subscription with that id.
///
/// # Errors
///
/// [`BillingError::NotFound`] when there is none, or the caller may not see it: nobody learns which ids
/// there are.
pub(crate) async fn by_id(
    billing: &Billing,
    caller: &Caller,
    id: SubscriptionId,
) -> Result<SubscriptionRecord, BillingError> {
    let mut read = billing.database().read().await?;
    subscriptions::by_id(&mut read, id)
        .await?
        .filter(|record| caller.may_read(&record.owner()))
        .ok_or(BillingError::NotFound("subscription"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::OrganizationRole;
    use crate::change::{Begun, Change, Reply};
    use crate::record::Provider;
    use crate::testing::{Office, member, user};

    async fn insert(office: &Office, record: SubscriptionRecord) -> SubscriptionRecord {
        let context = office.context(&user("pia"));
        let owner = record.owner();
        let begun = Change::begin(&office.billing, &context, &owner)
            .await
            .unwrap();
        let Begun::Fresh(mut change) = begun else {
            panic!("no key was given");
        };
        let record = subscriptions::insert(change.write(), record).await.unwrap();
        change
            .subscription_changed("subscription.created", None, &record, None)
            .await
            .unwrap();
        change.finish(Reply::done(&record)).await.unwrap();
        record
    }

    #[tokio::test]
    async fn who_has_none_has_the_default_tier_and_no_row() {
        let office = Office::open().await;
        let pia = Subject::user("pia");
        let record = of_owner(&office.billing, &user("pia"), &pia).await.unwrap();
        assert_eq!(
            (record.id, &*record.tier, &*record.status),
            (None, "free", "active")
        );
        let mut read = office.billing.database().read().await.unwrap();
        assert_eq!(subscriptions::last_of(&mut read, &pia).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_record_is_read_back_as_it_was_stored() {
        let office = Office::open().await;
        let eagle = Subject::organization("eagle");
        let stored = insert(
            &office,
            SubscriptionRecord {
                seats: Some(7),
                provider: Provider::Stripe,
                current_period_start: Some(office.billing.now().into()),
                ..SubscriptionRecord::none(&eagle, "team_small", office.billing.now().into())
            },
        )
        .await;
        let caller = member("pia", "eagle", OrganizationRole::Member);
        let read = by_id(&office.billing, &caller, stored.id.unwrap())
            .await
            .unwrap();
        assert_eq!(read, stored);
        let other = by_id(&office.billing, &user("eagle"), stored.id.unwrap()).await;
        assert!(matches!(other, Err(BillingError::NotFound(_))));
    }
}
