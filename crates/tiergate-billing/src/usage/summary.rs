use tiergate_core::FeatureKind;
use tiergate_core::decision::{Knowledge, Standing};

use super::Meters;
use super::meters::Span;
use crate::auth::Caller;
use crate::record::{LimitValue, Time};
use crate::{Billing, BillingError, SubscriptionId, subscriptions};

/// What a subscription has used, by metric.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageSummary {
    /// The subscription.
    pub subscription_id: SubscriptionId,
    /// Where the current billing period starts.
    pub period_start: Time,
    /// Where it ends.
    pub period_end: Time,
    /// One for each limit on a metric, and one for each metric without a limit.
    pub metrics: Vec<MetricUsage>,
}

/// How much of a metric is used, and how much is left.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SubscriptionMetricUsage)]
pub struct MetricUsage {
    /// The key of the metric.
    pub metric: String,
    /// Its name.
    pub name: String,
    /// Its unit; null for a plain count.
    #[schema(required)]
    pub unit: Option<String>,
    /// The feature that limits it; null if none does.
    #[schema(required)]
    pub feature_key: Option<String>,
    /// How it is counted: `gauge`, or a phrase like `quota per month`; null where nothing limits it.
    #[schema(required)]
    pub counted: Option<String>,
    /// How much is used: of a gauge what there is now, else the sum of the window, which is the billing
    /// period where nothing limits it. Null for a rate, which has no total.
    #[schema(required)]
    pub used: Option<i64>,
    /// How much there may be; null where nothing limits it.
    #[schema(required)]
    pub limit: Option<LimitValue>,
    /// How much is left; null where that cannot be said.
    #[schema(required)]
    pub remaining: Option<LimitValue>,
    /// When it starts at zero again; null if it never does, or has no total.
    #[schema(required)]
    pub resets_at: Option<Time>,
}

/// What a subscription has used of each metric, and what is left of its limits now.
///
/// # Errors
///
/// [`BillingError::NotFound`] when there is no such subscription, or the caller may not see it.
pub(crate) async fn of_subscription(
    billing: &Billing,
    caller: &Caller,
    id: SubscriptionId,
) -> Result<UsageSummary, BillingError> {
    let record = subscriptions::by_id(billing, caller, id).await?;
    let catalog = billing.catalog();
    let (owner, view) = (record.owner(), record.view());
    let known = Knowledge::Subscription(&view);
    let standing = Standing::of(&catalog, &owner, known, billing.policy(), billing.now());
    let mut meters = Meters::new(&catalog, standing, Some(id));
    let period = meters.billing_period();

    let mut read = billing.database().read().await?;
    let mut metrics = Vec::new();
    for metric in catalog.metrics() {
        let blank = MetricUsage {
            metric: metric.key.to_string(),
            name: metric.name.to_string(),
            unit: metric.unit.as_deref().map(str::to_owned),
            feature_key: None,
            counted: None,
            used: None,
            limit: None,
            remaining: None,
            resets_at: None,
        };
        let before = metrics.len();
        for (feature, described) in catalog.features() {
            let FeatureKind::Limit {
                metric: Some(of),
                meter,
            } = &described.kind
            else {
                continue;
            };
            if *of != metric.key {
                continue;
            }
            if let Some(reading) = meters.read(&mut read, feature).await? {
                metrics.push(MetricUsage {
                    feature_key: Some(described.key.to_string()),
                    counted: meter.map(|meter| meter.to_string()),
                    used: reading.used,
                    limit: Some(reading.limit.into()),
                    remaining: reading.remaining().map(Into::into),
                    resets_at: reading.window.map(|window| window.end().into()),
                    ..blank.clone()
                });
            }
        }
        if metrics.len() == before {
            let used = meters
                .sum(&mut read, &metric.key, Span::Within(period))
                .await?;
            metrics.push(MetricUsage {
                used: Some(used),
                resets_at: Some(period.end().into()),
                ..blank
            });
        }
    }
    Ok(UsageSummary {
        subscription_id: id,
        period_start: period.start().into(),
        period_end: period.end().into(),
        metrics,
    })
}
