//! Who leaves.

use std::collections::BTreeMap;
use std::time::Duration;

use tiergate_core::Catalog;
use tiergate_core::catalog::Price;

use super::{rank, rounding};
use crate::record::Time;
use crate::table::reports::{self, CustomerRow};
use crate::{Billing, BillingError};

/// How many of those who paid at the start of a span were lost in it.
///
/// A subscription is a paying one at the start if it was made by then, had not ended, was past any
/// trial, and was of a tier that is not free. It is lost if it has ended or become free since, unless
/// its owner has another by now that is not free. A subscription ends when it is canceled at once, or
/// with the period at whose end it was canceled. One that is only behind with its payment is not lost;
/// neither is who leaves in a trial, because they never paid.
///
/// Each is counted under the tier that it had at the start. The audit log tells which that was; of what
/// it does not tell, such as records that were brought in from elsewhere, the present tier is taken.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Churn {
    /// Where the span starts.
    pub start: Time,
    /// Where it ends: now.
    pub end: Time,
    /// How many paid at its start.
    pub at_start: u64,
    /// How many of those were lost.
    pub lost: u64,
    /// The share of the lost in hundredths of a percent; null if nobody paid at the start.
    #[schema(required)]
    pub rate_basis_points: Option<u32>,
    /// The same by tier, in the catalog's order.
    pub tiers: Vec<ChurnOfTier>,
}

/// The churn of one tier.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChurnOfTier {
    /// The key of the tier.
    pub tier: String,
    /// How many paid at the start.
    pub at_start: u64,
    /// How many of those were lost.
    pub lost: u64,
    /// The share of the lost in hundredths of a percent.
    #[schema(required)]
    pub rate_basis_points: Option<u32>,
}

/// The length of a span: 1 to 366 days of 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days(u16);

impl Days {
    /// So many days; none if it is not 1 to 366.
    #[must_use]
    pub fn new(days: u16) -> Option<Self> {
        (1..=366).contains(&days).then_some(Self(days))
    }

    fn length(self) -> Duration {
        Duration::from_secs(u64::from(self.0) * 24 * 60 * 60)
    }
}

impl Default for Days {
    /// 30 days.
    fn default() -> Self {
        Self(30)
    }
}

/// Counts who was lost in the last `days`.
///
/// # Errors
///
/// When the database fails.
pub async fn churn(billing: &Billing, days: Days) -> Result<Churn, BillingError> {
    let end = billing.now();
    let start = end.saturating_sub(days.length()).into();
    let end = end.into();
    let mut read = billing.database().read().await?;
    let rows = reports::customers(&mut read, start, end).await?;
    Ok(count(&billing.catalog(), start, end, &rows))
}

pub(super) fn count(catalog: &Catalog, start: Time, end: Time, rows: &[CustomerRow]) -> Churn {
    let is_free = |key: &str| {
        catalog
            .tiers()
            .any(|(_, tier)| *tier.key == *key && tier.price == Price::Free)
    };
    let mut tiers: BTreeMap<_, (u64, u64)> = BTreeMap::new();
    for row in rows.iter().filter(|row| !is_free(&row.tier_at_start)) {
        let many = u64::try_from(row.subscriptions).unwrap_or_default();
        let pays = row.tier_now.as_deref().is_some_and(|tier| !is_free(tier));
        let (at_start, lost) = tiers.entry(rank(catalog, &row.tier_at_start)).or_default();
        *at_start += many;
        if !pays {
            *lost += many;
        }
    }
    let at_start = tiers.values().map(|(at_start, _)| at_start).sum();
    let lost = tiers.values().map(|(_, lost)| lost).sum();
    Churn {
        start,
        end,
        at_start,
        lost,
        rate_basis_points: rounding::basis_points(lost, at_start),
        tiers: tiers
            .into_iter()
            .map(|((_, tier), (at_start, lost))| ChurnOfTier {
                tier,
                at_start,
                lost,
                rate_basis_points: rounding::basis_points(lost, at_start),
            })
            .collect(),
    }
}
