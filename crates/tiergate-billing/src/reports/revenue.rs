//! Paid revenue of a month.

use std::collections::BTreeMap;

use tiergate_core::Catalog;

use super::rank;
use crate::record::{Amount, BillingMonth, Time};
use crate::table::reports::{self, PaidRow};
use crate::{Billing, BillingError};

/// What was paid in a month.
///
/// Counted is every invoice that is paid, in the month in which it was paid by the calendar of the
/// catalog's time zone. What was paid back, whenever that was, is taken from the month in which the
/// invoice was paid. Amounts of different currencies are never added.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Revenue {
    /// The month.
    #[schema(value_type = String, example = "2026-01")]
    pub month: BillingMonth,
    /// Where it starts.
    pub start: Time,
    /// Where it ends; that moment belongs to the next one.
    pub end: Time,
    /// By tier, in the catalog's order, and currency.
    pub tiers: Vec<RevenueOfTier>,
    /// By currency, over all tiers.
    pub totals: Vec<RevenueTotal>,
}

/// What was paid for a tier in one currency.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevenueOfTier {
    /// The key of the tier that was sold.
    pub tier: String,
    /// The sums.
    #[serde(flatten)]
    pub sums: RevenueTotal,
}

/// What was paid in one currency.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevenueTotal {
    /// How many invoices were paid.
    pub invoices: u64,
    /// What was paid, taxes included.
    pub paid: Amount,
    /// How much of that is taxes.
    pub tax: Amount,
    /// What was paid back of it.
    pub refunded: Amount,
    /// What is left: paid less refunded.
    pub net: Amount,
}

/// Adds up what was paid in a month.
///
/// # Errors
///
/// When the database fails.
pub async fn revenue(billing: &Billing, month: BillingMonth) -> Result<Revenue, BillingError> {
    let catalog = billing.catalog();
    let window = month.window(catalog.time_zone());
    let (start, end) = (window.start().into(), window.end().into());
    let mut read = billing.database().read().await?;
    let rows = reports::paid(&mut read, start, end).await?;
    let (tiers, totals) = add_up(&catalog, &rows);
    Ok(Revenue {
        month,
        start,
        end,
        tiers,
        totals,
    })
}

#[derive(Default)]
struct Sums {
    invoices: u64,
    paid: i64,
    tax: i64,
    refunded: i64,
}

impl Sums {
    fn add(&mut self, row: &PaidRow) {
        self.invoices += u64::try_from(row.invoices).unwrap_or_default();
        self.paid = self.paid.saturating_add(row.paid);
        self.tax = self.tax.saturating_add(row.tax);
        self.refunded = self.refunded.saturating_add(row.refunded);
    }

    fn in_currency(&self, currency: &str) -> RevenueTotal {
        let amount = |amount| Amount::new(amount, currency);
        RevenueTotal {
            invoices: self.invoices,
            paid: amount(self.paid),
            tax: amount(self.tax),
            refunded: amount(self.refunded),
            net: amount(self.paid.saturating_sub(self.refunded)),
        }
    }
}

pub(super) fn add_up(
    catalog: &Catalog,
    rows: &[PaidRow],
) -> (Vec<RevenueOfTier>, Vec<RevenueTotal>) {
    let mut tiers: BTreeMap<_, Sums> = BTreeMap::new();
    let mut totals: BTreeMap<&str, Sums> = BTreeMap::new();
    for row in rows {
        let tier = (rank(catalog, &row.tier), row.currency.as_str());
        tiers.entry(tier).or_default().add(row);
        totals.entry(&row.currency).or_default().add(row);
    }
    let tiers = tiers.into_iter().map(|(((_, tier), currency), sums)| {
        let sums = sums.in_currency(currency);
        RevenueOfTier { tier, sums }
    });
    let totals = totals
        .into_iter()
        .map(|(currency, sums)| sums.in_currency(currency));
    (tiers.collect(), totals.collect())
}
