//! Reading the older JSON shape of feature flags: a list of flags without tiers, prices or counting.
//!
//! ```json
//! [
//!   { "featureKey": "crm_enabled", "featureName": "CRM", "category": "service",
//!     "tiers": { "free": false, "pro": true } },
//!   { "featureKey": "storage_limit_gb", "featureName": "File storage", "category": "storage",
//!     "tiers": { "free": 5, "pro": -1 } }
//! ]
//! ```
//!
//! In this shape `-1` means unlimited, and words are levels in no order. [`Importer`] reads it into
//! [`FeatureSpec`]s for a [`CatalogBuilder`](super::CatalogBuilder), which checks them against its
//! tiers. Nothing else in the crate knows of `-1`.

mod json;
mod read;

use std::collections::HashMap;

use super::fault::CatalogError;
use super::spec::FeatureSpec;
use crate::Meter;

/// Reads feature flags from the older JSON shape.
///
/// ```
/// use tiergate_core::Meter;
/// use tiergate_core::catalog::legacy::Importer;
/// use tiergate_core::catalog::{Catalog, MetricSpec, TierSpec};
///
/// let flags = r#"[
///     { "featureKey": "support", "featureName": "Support", "category": "support",
///       "tiers": { "free": "community", "pro": "priority" } },
///     { "featureKey": "storage_gb", "featureName": "Storage", "category": "storage",
///       "tiers": { "free": 5, "pro": -1 } }
/// ]"#;
/// let features = Importer::new()
///     .levels("support", ["community", "priority"])
///     .counted("storage_gb", "storage", Meter::Gauge)
///     .read(flags)?;
/// let catalog = Catalog::builder()
///     .default_tier("free")
///     .tier(TierSpec::new("free"))
///     .tier(TierSpec::new("pro").includes("free"))
///     .metric(MetricSpec::new("storage"))
///     .features(features)
///     .build()?;
/// assert!(catalog.to_yaml().contains("tiers: { free: 5, pro: unlimited }"));
/// # Ok::<(), tiergate_core::catalog::CatalogError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Importer {
    levels: HashMap<Box<str>, Vec<Box<str>>>,
    counted: HashMap<Box<str>, (Box<str>, Meter)>,
}

impl Importer {
    /// An importer that knows no levels and no counting yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares the levels of a feature, weakest first. The older shape does not say which word is
    /// more than another, so a feature with words is a fault until this is called for it.
    pub fn levels<'a>(
        mut self,
        feature: &str,
        weakest_first: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let levels = weakest_first.into_iter().map(Into::into).collect();
        self.levels.insert(feature.into(), levels);
        self
    }

    /// Declares the metric that a limit counts, and how. A limit for which this is not called is
    /// only shown.
    pub fn counted(mut self, feature: &str, metric: &str, how: Meter) -> Self {
        self.counted.insert(feature.into(), (metric.into(), how));
        self
    }

    /// Reads flags, at most [`Catalog::MAX_BYTES`](super::Catalog::MAX_BYTES) of text. Whether the
    /// tiers exist is found out when the catalog is built.
    ///
    /// # Errors
    ///
    /// When anything is wrong with the text, or with what was declared about it: then everything
    /// that is wrong, at once, each naming its feature and tier.
    pub fn read(&self, json: &str) -> Result<Vec<FeatureSpec>, CatalogError> {
        read::read(self, json)
    }
}
