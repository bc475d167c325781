//! Subscriptions by tier and status.

use std::collections::BTreeMap;

use tiergate_core::Catalog;

use super::rank;
use crate::record::Time;
use crate::table::reports::{self, StandingRow};
use crate::{Billing, BillingError};

/// How many subscriptions there are of each tier and status. Owners who never had one are not stored,
/// and not counted.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Distribution {
    /// When it was counted.
    pub at: Time,
    /// All of them, canceled ones too.
    pub total: u64,
    /// By tier, in the catalog's order.
    pub tiers: Vec<TierCount>,
    /// By status, over all tiers.
    pub statuses: Vec<StatusCount>,
}

/// How many subscriptions have a tier.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TierCount {
    /// The key of the tier.
    pub tier: String,
    /// All that have it.
    pub total: u64,
    /// Those by status.
    pub statuses: Vec<StatusCount>,
}

/// How many subscriptions have a status.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusCount {
    /// The status.
    pub status: String,
    /// How many.
    pub count: u64,
}

/// Counts subscriptions by tier and status.
///
/// # Errors
///
/// When the database fails.
pub async fn distribution(billing: &Billing) -> Result<Distribution, BillingError> {
    let now = billing.now().into();
    let mut read = billing.database().read().await?;
    let rows = reports::standings(&mut read).await?;
    Ok(count(&billing.catalog(), now, &rows))
}

pub(super) fn count(catalog: &Catalog, at: Time, rows: &[StandingRow]) -> Distribution {
    let mut tiers: BTreeMap<_, BTreeMap<&str, u64>> = BTreeMap::new();
    let mut statuses: BTreeMap<&str, u64> = BTreeMap::new();
    let mut total = 0_u64;
    for row in rows {
        let many = u64::try_from(row.subscriptions).unwrap_or_default();
        let tier = tiers.entry(rank(catalog, &row.tier)).or_default();
        *tier.entry(&row.status).or_default() += many;
        *statuses.entry(&row.status).or_default() += many;
        total += many;
    }
    Distribution {
        at,
        total,
        tiers: tiers
            .into_iter()
            .map(|((_, tier), statuses)| TierCount {
                tier,
                total: statuses.values().sum(),
                statuses: list(statuses),
            })
            .collect(),
        statuses: list(statuses),
    }
}

fn list(statuses: BTreeMap<&str, u64>) -> Vec<StatusCount> {
    statuses
        .into_iter()
        .map(|(status, count)| StatusCount {
            status: status.to_owned(),
            count,
        })
        .collect()
}
