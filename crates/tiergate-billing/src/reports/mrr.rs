//! Monthly recurring revenue.

use std::collections::BTreeMap;

use tiergate_core::Catalog;
use tiergate_core::catalog::{Price, PriceUnit};

use super::{rank, rounding};
use crate::record::{Amount, BillingCycle, Time};
use crate::table::reports::{self, SoldRow};
use crate::{Billing, BillingError};

/// Monthly recurring revenue: what a month would bring if everything stayed as it is.
///
/// Counted is every subscription that is active, or trialing and not past the end of the trial, at the
/// prices of the catalog in force: a monthly price as it is, an annual one by a twelfth; times the seats,
/// of which no fewer count than the tier is sold with; less the discount. What has no billing cycle is
/// not paid and counts nothing. The sum is rounded once, half up, and its parts so that they add up.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mrr {
    /// When it was counted.
    pub at: Time,
    /// The sum.
    pub total: Amount,
    /// Its parts, by tier in the catalog's order. The free tier is not among them.
    pub tiers: Vec<MrrOfTier>,
    /// What the catalog has no price for, and so is in no sum.
    pub unpriced: Vec<UnpricedTier>,
}

/// A tier's part of the monthly recurring revenue.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MrrOfTier {
    /// The key of the tier.
    pub tier: String,
    /// How many subscriptions are counted.
    pub subscriptions: u64,
    /// How much they bring.
    pub amount: Amount,
}

/// Subscriptions whose price is not in the catalog: a contract says, or the catalog does not know the tier.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnpricedTier {
    /// The key of the tier.
    pub tier: String,
    /// How many subscriptions have it.
    pub subscriptions: u64,
}

/// Counts the monthly recurring revenue.
///
/// # Errors
///
/// When the database fails.
pub async fn mrr(billing: &Billing) -> Result<Mrr, BillingError> {
    let now = billing.now().into();
    let mut read = billing.database().read().await?;
    let sold = reports::sold(&mut read, now).await?;
    Ok(count(&billing.catalog(), now, &sold))
}

/// A month's price in parts of a minor unit: hundredths of a percent of twelfths.
const PARTS: i128 = 12 * 10_000;

/// What the rows bring, by the prices of `catalog`.
pub(super) fn count(catalog: &Catalog, at: Time, sold: &[SoldRow]) -> Mrr {
    let mut priced: BTreeMap<_, (u64, i128)> = BTreeMap::new();
    let mut unpriced: BTreeMap<_, u64> = BTreeMap::new();
    for row in sold {
        let many = u64::try_from(row.subscriptions).unwrap_or_default();
        let price = catalog
            .tiers()
            .find(|(_, tier)| *tier.key == *row.tier)
            .map(|(_, tier)| tier.price);
        match price {
            Some(Price::Free) => {}
            None | Some(Price::ByContract) => {
                *unpriced.entry(rank(catalog, &row.tier)).or_default() += many;
            }
            Some(price) => {
                let (count, parts) = priced.entry(rank(catalog, &row.tier)).or_default();
                *count += many;
                *parts = parts.saturating_add(bring(price, row).saturating_mul(i128::from(many)));
            }
        }
    }
    let parts: Vec<_> = priced.values().map(|(_, parts)| *parts).collect();
    let (total, amounts) = rounding::together(&parts, PARTS);
    let currency = catalog.currency().code();
    Mrr {
        at,
        total: Amount::new(total, currency),
        tiers: priced
            .into_iter()
            .zip(amounts)
            .map(|(((_, tier), (subscriptions, _)), amount)| MrrOfTier {
                tier,
                subscriptions,
                amount: Amount::new(amount, currency),
            })
            .collect(),
        unpriced: unpriced
            .into_iter()
            .map(|((_, tier), subscriptions)| UnpricedTier {
                tier,
                subscriptions,
            })
            .collect(),
    }
}

/// What one subscription of a row brings in a month.
fn bring(price: Price, row: &SoldRow) -> i128 {
    let Price::Paid {
        monthly,
        annual,
        unit,
    } = price
    else {
        return 0;
    };
    let twelfths = match row
        .billing_cycle
        .as_deref()
        .and_then(BillingCycle::from_word)
    {
        Some(BillingCycle::Monthly) => i128::from(monthly.minor_units()) * 12,
        Some(BillingCycle::Annual) => i128::from(annual.minor_units()),
        None => 0,
    };
    let seats = match unit {
        PriceUnit::Flat => 1,
        PriceUnit::PerSeat { minimum } => row.seats.unwrap_or_default().max(i64::from(minimum)),
    };
    let share = 10_000_i64.saturating_sub(row.discount).clamp(0, 10_000);
    twelfths
        .saturating_mul(i128::from(seats))
        .saturating_mul(i128::from(share))
}
