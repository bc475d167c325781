use std::fmt;

use super::nearest::{Budget, nearest};
use super::words::{echo, listing};
use super::{Catalog, FeatureId, Metric, TierId};

impl Catalog {
    /// The feature of a key that is known only at run time.
    ///
    /// ```
    /// # use tiergate_core::Catalog;
    /// # use tiergate_core::catalog::{FeatureSpec, TierSpec};
    /// let catalog = Catalog::builder()
    ///     .default_tier("free")
    ///     .tier(TierSpec::new("free"))
    ///     .feature(FeatureSpec::boolean("crm_enabled").value("free", false))
    ///     .build()?;
    /// let error = catalog.require_feature("crm_enabld").unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "unknown feature `crm_enabld`, did you mean `crm_enabled`?"
    /// );
    /// # Ok::<(), tiergate_core::catalog::CatalogError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the catalog has none of that key. The message says which one was probably meant.
    pub fn require_feature(&self, key: &str) -> Result<FeatureId, UnknownFeatureError> {
        self.feature_id(key).ok_or_else(|| UnknownFeatureError {
            inner: Unknown::boxed(key, "features", &keys(&self.features, |one| &one.key)),
        })
    }

    /// The tier of a key that is known only at run time.
    ///
    /// # Errors
    ///
    /// When the catalog has none of that key. The message says which one was probably meant.
    pub fn require_tier(&self, key: &str) -> Result<TierId, UnknownTierError> {
        self.tier_id(key).ok_or_else(|| UnknownTierError {
            inner: Unknown::boxed(key, "tiers", &keys(&self.tiers, |one| &one.key)),
        })
    }

    /// The metric of a key that is known only at run time.
    ///
    /// # Errors
    ///
    /// When the catalog has none of that key. The message says which one was probably meant.
    pub fn require_metric(&self, key: &str) -> Result<&Metric, UnknownMetricError> {
        let metrics = &self.metrics;
        let found = metrics.iter().find(|metric| *metric.key == *key);
        found.ok_or_else(|| UnknownMetricError {
            inner: Unknown::boxed(key, "metrics", &keys(metrics, |one| &one.key)),
        })
    }
}

/// The catalog has no feature of that key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown feature {inner}")]
pub struct UnknownFeatureError {
    inner: Box<Unknown>,
}

impl UnknownFeatureError {
    /// The key that was asked for.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.inner.key
    }

    /// The key that was probably meant.
    #[must_use]
    pub fn suggestion(&self) -> Option<&str> {
        self.inner.suggestion.as_deref()
    }
}

/// The catalog has no tier of that key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown tier {inner}")]
pub struct UnknownTierError {
    inner: Box<Unknown>,
}

impl UnknownTierError {
    /// The key that was asked for.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.inner.key
    }

    /// The key that was probably meant.
    #[must_use]
    pub fn suggestion(&self) -> Option<&str> {
        self.inner.suggestion.as_deref()
    }
}

/// The catalog has no metric of that key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown metric {inner}")]
pub struct UnknownMetricError {
    inner: Box<Unknown>,
}

impl UnknownMetricError {
    /// The key that was asked for.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.inner.key
    }

    /// The key that was probably meant.
    #[must_use]
    pub fn suggestion(&self) -> Option<&str> {
        self.inner.suggestion.as_deref()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Unknown {
    key: Box<str>,
    suggestion: Option<Box<str>>,
    remedy: Box<str>,
}

impl Unknown {
    /// In one place of memory, because whoever asks by a key hands the error's room on, also where there is
    /// none.
    fn boxed(key: &str, what: &str, known: &[&str]) -> Box<Self> {
        let suggestion = nearest(key, known, &mut Budget::new());
        let remedy = match suggestion {
            Some(near) => format!("did you mean `{near}`?"),
            None => match listing(known, "and") {
                none if none.is_empty() => format!("the catalog has no {what}"),
                listing => format!("the catalog has the {what} {listing}"),
            },
        };
        Box::new(Self {
            key: key.into(),
            suggestion: suggestion.map(Into::into),
            remedy: remedy.into(),
        })
    }
}

fn keys<T>(described: &[T], key: fn(&T) -> &str) -> Vec<&str> {
    described.iter().map(key).collect()
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`, {}", echo(&self.key), self.remedy)
    }
}

#[cfg(test)]
mod tests {
    use crate::Catalog;
    use crate::catalog::{MetricSpec, TierSpec};

    #[test]
    fn an_unknown_metric_is_told_with_the_one_that_was_meant() {
        let catalog = Catalog::builder()
            .default_tier("free")
            .tier(TierSpec::new("free"))
            .metric(MetricSpec::new("storage").unit("GB"))
            .build()
            .unwrap();
        assert_eq!(&*catalog.require_metric("storage").unwrap().key, "storage");
        let error = catalog.require_metric("storag").unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown metric `storag`, did you mean `storage`?"
        );
        assert_eq!(
            (error.key(), error.suggestion()),
            ("storag", Some("storage"))
        );
        assert_eq!(
            catalog.require_metric("tea").unwrap_err().suggestion(),
            None
        );
    }
}
