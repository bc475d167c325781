use tiergate_core::decision::{Knowledge, Standing};
use tiergate_core::{FeatureKind, Limit, Subject};

use crate::auth::Caller;
use crate::record::{LimitValue, Time, ValueOnWire};
use crate::usage::Meters;
use crate::{Billing, BillingError, subscriptions};

/// What somebody has of a feature now.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FeatureHeld {
    /// The key of the feature.
    pub(crate) feature_key: String,
    /// The name that people read.
    pub(crate) name: String,
    /// Whether they have it at all.
    pub(crate) enabled: bool,
    /// What they have of it, from their tier or an override.
    pub(crate) value: ValueOnWire,
    /// How much of it they may use; null for what has no number.
    #[schema(required)]
    pub(crate) limit: Option<LimitValue>,
    /// How much of it they have used; null where no total is kept, as of a rate.
    #[schema(required)]
    pub(crate) used: Option<i64>,
    /// How much of it is left; null where that cannot be said.
    #[schema(required)]
    pub(crate) remaining: Option<LimitValue>,
    /// When it starts at zero again; null if it never does.
    #[schema(required)]
    pub(crate) resets_at: Option<Time>,
}

/// What an owner has of every feature of the catalog, in its order.
///
/// # Errors
///
/// [`BillingError::NotFound`] when the caller may not see it.
pub(crate) async fn of_owner(
    billing: &Billing,
    caller: &Caller,
    owner: &Subject,
) -> Result<Vec<FeatureHeld>, BillingError> {
    let record = subscriptions::of_owner(billing, caller, owner).await?;
    let catalog = billing.catalog();
    let view = record.view();
    let known = match record.id {
        Some(_) => Knowledge::Subscription(&view),
        None => Knowledge::NoSubscription,
    };
    let standing = Standing::of(&catalog, owner, known, billing.policy(), billing.now());
    let mut meters = Meters::new(&catalog, standing, record.id);

    let mut read = billing.database().read().await?;
    let mut held = Vec::with_capacity(catalog.features().len());
    for (id, feature) in catalog.features() {
        // The catalog gave the id.
        let (Ok(enabled), Ok(effective)) = (
            standing.is_granted(&catalog, id),
            standing.value(&catalog, id),
        ) else {
            continue;
        };
        let reading = meters.read(&mut read, id).await?;
        let limit = match &feature.kind {
            FeatureKind::Limit { .. } => reading.map(|reading| reading.limit),
            // On is one and off is none, as a guard counts them.
            FeatureKind::Boolean => Some(Limit::AtMost(u64::from(enabled))),
            FeatureKind::Level { .. } => None,
        };
        held.push(FeatureHeld {
            feature_key: feature.key.to_string(),
            name: feature.name.to_string(),
            enabled,
            value: (&effective.value).into(),
            limit: limit.map(Into::into),
            used: reading.and_then(|reading| reading.used),
            remaining: reading
                .and_then(|reading| reading.remaining())
                .map(Into::into),
            resets_at: reading
                .and_then(|reading| reading.window)
                .map(|window| window.end().into()),
        });
    }
    Ok(held)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json, to_value};

    use super::*;
    use crate::auth::{OrganizationRole, Role};
    use crate::database::on;
    use crate::record::SubscriptionRecord;
    use crate::table;
    use crate::testing::{Office, member, operator, user};

    async fn held(office: &Office, caller: &Caller, owner: &Subject) -> Vec<FeatureHeld> {
        of_owner(&office.billing, caller, owner).await.unwrap()
    }

    fn shown(held: &[FeatureHeld], key: &str) -> Value {
        let mut held = held.iter();
        let feature = held.find(|feature| feature.feature_key == key);
        let feature = to_value(feature.unwrap()).unwrap();
        let names = ["enabled", "value", "limit", "used", "remaining", "resetsAt"];
        names.iter().map(|name| feature[*name].clone()).collect()
    }

    #[tokio::test]
    async fn who_has_no_subscription_has_what_the_default_tier_has() {
        let office = Office::open().await;
        let ada = Subject::user("ada");
        let features = held(&office, &user("ada"), &ada).await;
        assert_eq!(features.len(), office.billing.catalog().features().len());
        let row = |key| shown(&features, key);
        assert_eq!(
            row("crm_enabled"),
            json!([false, false, 0, null, null, null])
        );
        assert_eq!(
            row("support_level"),
            json!([true, "community", null, null, null, null])
        );
        assert_eq!(row("storage_limit_gb"), json!([true, 5, 5, 0, 5, null]));
        let reset = "2026-02-01T00:00:00Z";
        assert_eq!(row("sms_messages"), json!([false, 0, 0, 0, 0, reset]));
        assert_eq!(
            row("api_calls_per_minute"),
            json!([true, 60, 60, null, null, null])
        );
    }

    #[tokio::test]
    async fn an_override_counts_as_long_as_it_holds() {
        for office in Office::each().await {
            let eagle = Subject::organization("eagle");
            let now = office.billing.now();
            let record = SubscriptionRecord::none(&eagle, "team_small", now.into());
            let mut write = office.billing.database().write().await.unwrap();
            let record = table::subscriptions::insert(&mut write, record)
                .await
                .unwrap();
            let expires = now.saturating_add(std::time::Duration::from_secs(3_600));
            on!(&mut write, connection => sqlx::query(
                "INSERT INTO overrides (subscription_id, feature_key, value, reason, expires_at, \
                 created_by, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)"
            )
                .bind(record.id.unwrap().uuid())
                .bind("storage_limit_gb")
                .bind(sqlx::types::Json(json!("unlimited")))
                .bind("a favor")
                .bind(expires.as_micros())
                .bind("root")
                .bind(now.as_micros())
                .execute(connection)
                .await
                .map(drop)
                .unwrap());
            write.commit().await.unwrap();

            let meter = operator("meter", Role::Service);
            let used = serde_json::from_value(json!([{
                "idempotencyKey": "a", "organizationId": "eagle", "metric": "storage", "quantity": 120,
            }]));
            let context = office.context(&meter);
            crate::usage::record(&office.billing, &meter, &context, used.unwrap())
                .await
                .unwrap();

            let caller = member("ada", "eagle", OrganizationRole::Member);
            let row = |held: Vec<FeatureHeld>| shown(&held, "storage_limit_gb");
            assert_eq!(
                row(held(&office, &caller, &eagle).await),
                json!([true, "unlimited", "unlimited", 120, "unlimited", null])
            );
            office.clock.advance(std::time::Duration::from_secs(3_600));
            assert_eq!(
                row(held(&office, &caller, &eagle).await),
                json!([true, 100, 100, 120, 0, null])
            );
            let other = of_owner(&office.billing, &user("eve"), &eagle).await;
            assert!(matches!(other, Err(BillingError::NotFound(_))));
        }
    }
}
