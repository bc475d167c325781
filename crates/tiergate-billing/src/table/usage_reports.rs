//! Sums over the table of usage records that belong to no single subscription.
//!
//! Both go by the billing month that was written down with each record, which is the calendar month
//! in the zone of the catalog that was in force then.

use tiergate_core::Subject;

use crate::database::{DatabaseError, Session, on};
use crate::record::BillingMonth;

/// What was used of a metric in a month, by everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MetricUsage {
    /// The key of the metric.
    pub(crate) metric: String,
    /// The unit that was recorded; none for a plain count.
    pub(crate) unit: Option<String>,
    /// The sum of the quantities. Of a gauge, it is by how much the level changed.
    pub(crate) quantity: i64,
    /// How many records there are.
    pub(crate) records: i64,
    /// How many subscriptions they are for.
    pub(crate) subscriptions: i64,
}

/// What one owner used of a metric in a month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnerUsage {
    /// Whose usage it is.
    pub(crate) owner: Subject,
    /// The sum of the quantities.
    pub(crate) quantity: i64,
    /// How many records there are.
    pub(crate) records: i64,
}

// The sum of integers is a wider type on PostgreSQL; quantities are bounded, so that it fits.
const BY_METRIC: &str = "SELECT metric, MAX(unit) AS unit, \
     CAST(SUM(quantity) AS BIGINT) AS quantity, COUNT(*) AS records, \
     COUNT(DISTINCT subscription_id) AS subscriptions \
     FROM usage_records WHERE billing_month = $1 GROUP BY metric ORDER BY metric";

// An owner may have had several subscriptions in the month: they count together.
const TOP_OWNERS: &str = "SELECT s.user_id AS user_id, s.organization_id AS organization_id, \
     CAST(SUM(used.quantity) AS BIGINT) AS quantity, CAST(SUM(used.records) AS BIGINT) AS records \
     FROM (SELECT subscription_id, SUM(quantity) AS quantity, COUNT(*) AS records \
         FROM usage_records WHERE metric = $1 AND billing_month = $2 GROUP BY subscription_id) used \
     JOIN subscriptions s ON s.id = used.subscription_id \
     GROUP BY s.user_id, s.organization_id \
     ORDER BY quantity DESC, s.user_id, s.organization_id LIMIT $3";

/// What was used of each metric in a month, by the metric's key. A metric without a record is left out.
pub(crate) async fn usage_by_metric(
    session: &mut impl Session,
    month: BillingMonth,
) -> Result<Vec<MetricUsage>, DatabaseError> {
    type Row = (String, Option<String>, i64, i64, i64);
    let rows = on!(session, connection => sqlx::query_as::<_, Row>(BY_METRIC)
        .bind(month.to_string())
        .fetch_all(connection)
        .await?);
    let usage = rows.into_iter();
    Ok(usage
        .map(
            |(metric, unit, quantity, records, subscriptions)| MetricUsage {
                metric,
                unit,
                quantity,
                records,
                subscriptions,
            },
        )
        .collect())
}

/// The owners who used the most of a metric in a month, the greatest first; at most `most` of them.
pub(crate) async fn top_owners(
    session: &mut impl Session,
    metric: &str,
    month: BillingMonth,
    most: u32,
) -> Result<Vec<OwnerUsage>, DatabaseError> {
    type Row = (Option<String>, Option<String>, i64, i64);
    let rows = on!(session, connection => sqlx::query_as::<_, Row>(TOP_OWNERS)
        .bind(metric)
        .bind(month.to_string())
        .bind(i64::from(most))
        .fetch_all(connection)
        .await?);
    let usage = rows.into_iter();
    Ok(usage
        .filter_map(|(user, organization, quantity, records)| {
            // The schema has exactly one of them in each row.
            let owner = user
                .map(Subject::user)
                .or(organization.map(Subject::organization))?;
            Some(OwnerUsage {
                owner,
                quantity,
                records,
            })
        })
        .collect())
}

statements![BY_METRIC, TOP_OWNERS];
