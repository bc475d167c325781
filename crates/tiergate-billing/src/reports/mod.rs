//! Figures for the operator: what is earned, by what, who leaves, and what is used.
//!
//! The database adds up rows; what the sums mean is decided here, by functions without I/O over the
//! rows and the catalog in force. Amounts are whole minor units and shares are hundredths of a percent:
//! nothing is ever a fraction that cannot be written down.
//!
//! ```
//! use tiergate_billing::database::{Database, DatabaseOptions};
//! use tiergate_billing::{Billing, reports};
//! use tiergate_core::Catalog;
//! use tiergate_core::catalog::TierSpec;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let address = format!("sqlite://{}", folder.path().join("billing.db").display());
//! let database = Database::connect(&DatabaseOptions::new(address.parse()?)).await?;
//! database.migrate().await?;
//! let catalog = Catalog::builder()
//!     .default_tier("free")
//!     .tier(TierSpec::new("free"))
//!     .build()?;
//! let billing = Billing::new(database, catalog);
//!
//! let mrr = reports::mrr(&billing).await?;
//! assert_eq!((mrr.total.amount, &*mrr.total.currency), (0, "USD"));
//! let revenue = reports::revenue(&billing, "2026-01".parse()?).await?;
//! assert!(revenue.tiers.is_empty());
//! # Ok(())
//! # }
//! ```

mod churn;
mod counters;
mod distribution;
mod mrr;
mod revenue;
mod rounding;
mod usage;

pub use churn::{Churn, ChurnOfTier, Days, churn};
pub use counters::{
    CounterRow, CountersError, CountersReport, Metrics, Rebuild, Rebuilt, counters,
};
pub use distribution::{Distribution, StatusCount, TierCount, distribution};
pub use mrr::{Mrr, MrrOfTier, UnpricedTier, mrr};
pub use revenue::{Revenue, RevenueOfTier, RevenueTotal, revenue};
pub use usage::{MetricUsage, TopOwner, TopOwners, UsageReport, top_owners, usage};

use tiergate_core::Catalog;

/// Where a tier stands in a report: as in the catalog, and after those by name if it is not there.
fn rank(catalog: &Catalog, tier: &str) -> (usize, String) {
    let place = catalog.tiers().position(|(_, known)| *known.key == *tier);
    (place.unwrap_or(usize::MAX), tier.to_owned())
}

#[cfg(test)]
mod tests;
