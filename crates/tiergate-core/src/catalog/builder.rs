use super::check;
use super::collect::Faults;
use super::draft::{Draft, FeatureDraft, MetricDraft, Slot, TierDraft};
use super::source::Located;
use super::spec::{FeatureSpec, MetricSpec, TierSpec};
use super::{Catalog, CatalogError};
use crate::money::Currency;

impl Catalog {
    /// Builds a catalog in code, with the same checks as for one that is read from a file.
    ///
    /// ```
    /// use tiergate_core::catalog::{Catalog, FeatureSpec, MetricSpec, PriceSpec, TierSpec};
    /// use tiergate_core::{Limit, Meter};
    ///
    /// let catalog = Catalog::builder()
    ///     .default_tier("free")
    ///     .tier(TierSpec::new("free"))
    ///     .tier(TierSpec::new("pro").includes("free").price(PriceSpec::amounts("12.00", "115.00")))
    ///     .metric(MetricSpec::new("storage").unit("GB"))
    ///     .feature(
    ///         FeatureSpec::limit("storage_limit_gb")
    ///             .metric("storage")
    ///             .counted(Meter::Gauge)
    ///             .value("free", 5)
    ///             .value("pro", Limit::Unlimited),
    ///     )
    ///     .build()?;
    ///
    /// let pro = catalog.require_tier("pro")?;
    /// let storage = catalog.require_feature("storage_limit_gb")?;
    /// assert_eq!(catalog.value(pro, storage)?.to_string(), "unlimited");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder() -> CatalogBuilder {
        CatalogBuilder {
            currency: Currency::USD.code().into(),
            time_zone: None,
            default_tier: None,
            trial_days: 0,
            tiers: Vec::new(),
            metrics: Vec::new(),
            features: Vec::new(),
        }
    }
}

/// A catalog in the making.
///
/// Nothing is checked before [`build`](Self::build), so that everything that is wrong is told at
/// once.
#[derive(Clone, Debug)]
#[must_use]
pub struct CatalogBuilder {
    currency: Box<str>,
    time_zone: Option<Box<str>>,
    default_tier: Option<Box<str>>,
    trial_days: u32,
    tiers: Vec<TierDraft>,
    metrics: Vec<MetricDraft>,
    features: Vec<FeatureDraft>,
}

impl CatalogBuilder {
    /// The currency of every price, by its code in ISO 4217. `USD` if this is not called.
    pub fn currency(mut self, code: &str) -> Self {
        self.currency = code.into();
        self
    }

    /// The zone whose days and months quotas are counted in, by its name in the IANA database. UTC
    /// if this is not called.
    pub fn time_zone(mut self, name: &str) -> Self {
        self.time_zone = Some(name.into());
        self
    }

    /// The tier of whoever has no other. There must be one.
    pub fn default_tier(mut self, key: &str) -> Self {
        self.default_tier = Some(key.into());
        self
    }

    /// How many days a new paid subscription is on trial. None if this is not called.
    pub fn trial_days(mut self, days: u32) -> Self {
        self.trial_days = days;
        self
    }

    /// Adds a tier.
    pub fn tier(mut self, tier: TierSpec) -> Self {
        self.tiers.push(tier.into_draft());
        self
    }

    /// Adds a metric.
    pub fn metric(mut self, metric: MetricSpec) -> Self {
        self.metrics.push(metric.into_draft());
        self
    }

    /// Adds a feature.
    pub fn feature(mut self, feature: FeatureSpec) -> Self {
        self.features.push(feature.into_draft());
        self
    }

    /// Adds features, such as those that [`legacy`](super::legacy) reads.
    pub fn features(mut self, features: impl IntoIterator<Item = FeatureSpec>) -> Self {
        let drafts = features.into_iter().map(FeatureSpec::into_draft);
        self.features.extend(drafts);
        self
    }

    /// Checks everything and makes the catalog.
    ///
    /// # Errors
    ///
    /// When anything is wrong: then everything that is wrong, at once, each naming its tier or
    /// feature.
    pub fn build(self) -> Result<Catalog, CatalogError> {
        let draft = Draft {
            currency: Slot::in_code(self.currency),
            time_zone: optional(self.time_zone),
            default_tier: optional(self.default_tier),
            trial_days: Slot::in_code(u64::from(self.trial_days)),
            tiers: Slot::in_code(self.tiers),
            metrics: Slot::in_code(self.metrics),
            features: Slot::in_code(self.features),
            start: None,
        };
        let mut faults = Faults::in_code();
        let parts = check::check(draft, &mut faults);
        faults.finish()?;
        Ok(Catalog::compile(parts))
    }
}

fn optional(value: Option<Box<str>>) -> Slot<Box<str>> {
    match value {
        Some(value) => Slot::Given(Located::in_code(value)),
        None => Slot::Missing,
    }
}
