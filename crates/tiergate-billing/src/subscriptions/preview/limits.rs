//! What is used beyond what there would be.

use tiergate_core::decision::{Knowledge, Policy, Standing};
use tiergate_core::time::Timestamp;
use tiergate_core::window::BillingAnchor;
use tiergate_core::{Catalog, Feature, FeatureKind, Meter, Subscription, Window};

use super::view::ExceededLimit;
use crate::record::{SubscriptionRecord, Time};
use crate::table::usage_totals;
use crate::{Billing, BillingError};

/// Limits below what is used now. Rates are not among them: nothing of a rate is used up.
pub(super) async fn exceeded(
    billing: &Billing,
    catalog: &Catalog,
    record: &SubscriptionRecord,
    proposed: &Subscription,
    now: Timestamp,
) -> Result<Vec<ExceededLimit>, BillingError> {
    let Some(id) = record.id else {
        return Ok(Vec::new());
    };
    let limits = limits(catalog, record, proposed, now);
    let mut read = billing.database().read().await?;
    let mut exceeded = Vec::new();
    for limit in limits {
        let used = usage_totals::sum_within(&mut read, id, &limit.metric, limit.span).await?;
        if u64::try_from(used).is_ok_and(|used| used > limit.most) {
            exceeded.push(ExceededLimit {
                feature_key: limit.feature,
                metric: limit.metric,
                used,
                limit: limit.most,
            });
        }
    }
    Ok(exceeded)
}

/// A limit that would hold, and the time whose usage counts against it.
struct Bound {
    feature: String,
    metric: String,
    most: u64,
    span: (Time, Time),
}

fn limits(
    catalog: &Catalog,
    record: &SubscriptionRecord,
    proposed: &Subscription,
    now: Timestamp,
) -> Vec<Bound> {
    let owner = record.owner();
    let known = Knowledge::Subscription(proposed);
    let standing = Standing::of(catalog, &owner, known, Policy::DEFAULT, now);
    let bound = |(id, feature): (_, &Feature)| {
        let FeatureKind::Limit {
            metric: Some(metric),
            meter: Some(meter),
        } = &feature.kind
        else {
            return None;
        };
        let value = standing.value(catalog, id).ok()?.value;
        Some(Bound {
            feature: feature.key.to_string(),
            metric: metric.to_string(),
            most: value.as_limit()?.at_most()?,
            span: span(catalog, record, *meter, now)?,
        })
    };
    let features = catalog.features();
    features
        .filter(|(id, _)| catalog.is_enabled(*id) == Ok(true))
        .filter_map(bound)
        .collect()
}

/// The time whose usage counts; none for a rate.
fn span(
    catalog: &Catalog,
    record: &SubscriptionRecord,
    meter: Meter,
    now: Timestamp,
) -> Option<(Time, Time)> {
    match meter {
        Meter::Rate(_) => None,
        Meter::Gauge => Some((Time::from_micros(i64::MIN), Time::from_micros(i64::MAX))),
        Meter::Quota(period) => {
            let end = record.current_period_end.map(|end| end.0);
            let anchor = record
                .current_period_start
                .map(|start| BillingAnchor::from_period(start.0, end));
            let window = Window::of(period, now, anchor, catalog.time_zone());
            Some((window.start().into(), window.end().into()))
        }
    }
}
