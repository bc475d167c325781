//! What is used.

use std::collections::BTreeMap;

use tiergate_core::Catalog;

use crate::record::{BillingMonth, organization_id, user_id};
use crate::table::usage_reports::{self, MetricUsage as MetricRow};
use crate::{Billing, BillingError, FieldFault};

/// What was used in a month, by metric: the metrics of the catalog in its order, used or not, and after
/// them by key those that it no longer has.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageReport {
    /// The month, by the calendar of the catalog's time zone.
    #[schema(value_type = String, example = "2026-01")]
    pub month: BillingMonth,
    /// The metrics.
    pub metrics: Vec<MetricUsage>,
}

/// What was used of a metric in a month.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricUsage {
    /// The key of the metric.
    pub metric: String,
    /// Its name; null if the catalog does not have it.
    #[schema(required)]
    pub name: Option<String>,
    /// The unit; null for a plain count.
    #[schema(required)]
    pub unit: Option<String>,
    /// The sum of what was recorded. Of a level, such as gigabytes stored, by how much it changed.
    pub quantity: i64,
    /// How many records there are.
    pub records: u64,
    /// How many subscriptions they are for.
    pub subscriptions: u64,
}

/// Who used the most of a metric in a month.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TopOwners {
    /// The month, by the calendar of the catalog's time zone.
    #[schema(value_type = String, example = "2026-01")]
    pub month: BillingMonth,
    /// The key of the metric.
    pub metric: String,
    /// The owners, who used the most first.
    pub owners: Vec<TopOwner>,
}

/// What an owner used of a metric in a month.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TopOwner {
    /// The user; null if it is an organization.
    #[schema(required)]
    pub user_id: Option<String>,
    /// The organization; null if it is a user.
    #[schema(required)]
    pub organization_id: Option<String>,
    /// How much, over all subscriptions of the owner.
    pub quantity: i64,
    /// How many records there are.
    pub records: u64,
}

/// Adds up what was used in a month.
///
/// # Errors
///
/// When the database fails.
pub async fn usage(billing: &Billing, month: BillingMonth) -> Result<UsageReport, BillingError> {
    let mut read = billing.database().read().await?;
    let rows = usage_reports::usage_by_metric(&mut read, month).await?;
    Ok(UsageReport {
        month,
        metrics: arrange(&billing.catalog(), rows),
    })
}

/// The owners who used the most of a metric in a month, at most `most` of them.
///
/// # Errors
///
/// [`BillingError::Invalid`] when the catalog has no such metric; else when the database fails.
pub async fn top_owners(
    billing: &Billing,
    metric: &str,
    month: BillingMonth,
    most: u32,
) -> Result<TopOwners, BillingError> {
    if let Err(unknown) = billing.catalog().require_metric(metric) {
        let fault = FieldFault::new("metric", unknown.to_string());
        return Err(BillingError::Invalid(vec![fault]));
    }
    let mut read = billing.database().read().await?;
    let rows = usage_reports::top_owners(&mut read, metric, month, most).await?;
    Ok(TopOwners {
        month,
        metric: metric.to_owned(),
        owners: rows
            .into_iter()
            .map(|row| TopOwner {
                user_id: user_id(&row.owner),
                organization_id: organization_id(&row.owner),
                quantity: row.quantity,
                records: count(row.records),
            })
            .collect(),
    })
}

pub(super) fn arrange(catalog: &Catalog, rows: Vec<MetricRow>) -> Vec<MetricUsage> {
    let mut rows: BTreeMap<_, _> = rows
        .into_iter()
        .map(|row| (row.metric.clone(), row))
        .collect();
    let known = catalog.metrics().map(|metric| {
        let row = rows.remove(&*metric.key);
        MetricUsage {
            metric: metric.key.to_string(),
            name: Some(metric.name.to_string()),
            unit: metric.unit.as_deref().map(str::to_owned),
            quantity: row.as_ref().map_or(0, |row| row.quantity),
            records: row.as_ref().map_or(0, |row| count(row.records)),
            subscriptions: row.as_ref().map_or(0, |row| count(row.subscriptions)),
        }
    });
    let mut metrics: Vec<_> = known.collect();
    metrics.extend(rows.into_values().map(|row| MetricUsage {
        metric: row.metric,
        name: None,
        unit: row.unit,
        quantity: row.quantity,
        records: count(row.records),
        subscriptions: count(row.subscriptions),
    }));
    metrics
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
