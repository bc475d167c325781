//! Values that one subscription has in place of its tier's.

use serde_json::Value;
use tiergate_core::catalog::Feature;
use tiergate_core::{Catalog, FeatureKind};

use super::alter::reply_of;
use super::{by_id, edit};
use crate::auth::{Caller, Role};
use crate::change::Reply;
use crate::context::Context;
use crate::record::{OverrideRecord, SubscriptionRecord, Time};
use crate::table::{overrides, subscriptions};
use crate::{Billing, BillingError, FieldFault, SubscriptionId};

/// A value to be given.
#[derive(Clone, Debug)]
pub(crate) struct NewOverride {
    /// The value: true, false, a whole number, "unlimited", or the word of a level.
    pub(crate) value: Value,
    /// When it stops to hold; none for never.
    pub(crate) expires_at: Option<Time>,
    /// Why it is given.
    pub(crate) reason: String,
}

/// Gives a subscription a value of its own for a feature, in place of the one it may have.
///
/// # Errors
///
/// [`BillingError::Forbidden`] for who is no admin, [`BillingError::Invalid`] when the feature is unknown,
/// the value is not one of its kind, or it would have expired already.
pub(crate) async fn put_override(
    billing: &Billing,
    caller: &Caller,
    context: &Context,
    id: SubscriptionId,
    feature: &str,
    new: NewOverride,
) -> Result<Reply, BillingError> {
    only_for_admins(billing, caller, id).await?;
    let catalog = billing.catalog();
    edit::edit(billing, context, id, async |change, before| {
        check(&catalog, context, feature, &new)?;
        if !before.is_live() {
            return Err(BillingError::InvalidState("it has been canceled".into()));
        }
        let record = OverrideRecord {
            feature_key: feature.to_owned(),
            value: new.value.clone(),
            expires_at: new.expires_at,
            reason: new.reason.clone(),
            created_by: context.actor.id.clone(),
            created_at: context.now.into(),
        };
        overrides::put(change.write(), id, &record).await?;
        let after = with_overrides(change, before, context).await?;
        change
            .subscription_changed("override.set", Some(before), &after, Some(&new.reason))
            .await?;
        Ok(reply_of(&after))
    })
    .await
}

/// Takes the value of its own that a subscription has for a feature.
///
/// # Errors
///
/// [`BillingError::Forbidden`] for who is no admin, [`BillingError::NotFound`] when it has none.
pub(crate) async fn delete_override(
    billing: &Billing,
    caller: &Caller,
    context: &Context,
    id: SubscriptionId,
    feature: &str,
    reason: Option<&str>,
) -> Result<Reply, BillingError> {
    only_for_admins(billing, caller, id).await?;
    edit::edit(billing, context, id, async |change, before| {
        let has = |record: &OverrideRecord| record.feature_key == feature;
        if !before.overrides.iter().any(has) {
            return Err(BillingError::NotFound("override"));
        }
        overrides::delete(change.write(), id, feature).await?;
        let after = with_overrides(change, before, context).await?;
        change
            .subscription_changed("override.removed", Some(before), &after, reason)
            .await?;
        Ok(reply_of(&after))
    })
    .await
}

/// The record at its next version, so that everybody who follows learns of it, with its overrides as
/// they are stored now.
async fn with_overrides(
    change: &mut crate::change::Change<'_>,
    before: &SubscriptionRecord,
    context: &Context,
) -> Result<SubscriptionRecord, BillingError> {
    let mut after =
        subscriptions::update(change.write(), before.clone(), context.now.into()).await?;
    if let Some(id) = after.id {
        after.overrides = overrides::of(change.write(), id).await?;
    }
    Ok(after)
}

async fn only_for_admins(
    billing: &Billing,
    caller: &Caller,
    id: SubscriptionId,
) -> Result<(), BillingError> {
    // Who may not see it learns nothing of it.
    by_id(billing, caller, id).await?;
    if caller.is(Role::Admin) {
        Ok(())
    } else {
        Err(BillingError::Forbidden(
            "only an admin may change what a subscription has beside its tier".into(),
        ))
    }
}

fn check(
    catalog: &Catalog,
    context: &Context,
    key: &str,
    new: &NewOverride,
) -> Result<(), BillingError> {
    let mut faults = Vec::new();
    match catalog.require_feature(key) {
        Err(unknown) => faults.push(FieldFault::new("featureKey", unknown.to_string())),
        Ok(id) => {
            let feature = catalog.feature(id).ok();
            faults.extend(feature.and_then(|feature| value_fault(feature, &new.value)));
        }
    }
    if new.expires_at.is_some_and(|end| end.0 <= context.now) {
        faults.push(FieldFault::new(
            "/expiresAt",
            "expected a time in the future",
        ));
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(BillingError::Invalid(faults))
    }
}

fn value_fault(feature: &Feature, value: &Value) -> Option<FieldFault> {
    let key = &feature.key;
    let detail = match (&feature.kind, value) {
        (FeatureKind::Boolean, Value::Bool(_)) => return None,
        (FeatureKind::Boolean, _) => format!("`{key}` is on or off: expected true or false"),
        (FeatureKind::Limit { .. }, Value::Number(units)) if units.is_u64() => return None,
        (FeatureKind::Limit { .. }, Value::String(word)) if word == "unlimited" => return None,
        (FeatureKind::Limit { .. }, _) => {
            format!("`{key}` is a limit: expected a whole number from 0 on, or \"unlimited\"")
        }
        (kind @ FeatureKind::Level { .. }, Value::String(word)) if kind.level(word).is_some() => {
            return None;
        }
        (FeatureKind::Level { levels }, _) => {
            let words: Vec<_> = levels
                .iter()
                .map(|level| format!("\"{}\"", level.name()))
                .collect();
            format!("`{key}` is a level: expected one of {}", words.join(", "))
        }
    };
    Some(FieldFault::new("/value", detail))
}
