use std::sync::Arc;

use super::{Availability, Catalog, FeatureId, FeatureKind, ForeignIdError};
use crate::decision::RequirementError;
use crate::{Level, Meter};

/// A feature of a loaded catalog that is a limit whose units are counted.
///
/// Only a catalog gives these out, see [`Catalog::limit_id`], so nothing that cannot be counted is
/// ever asked to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LimitId {
    feature: FeatureId,
}

impl LimitId {
    /// The feature.
    #[must_use]
    pub fn feature(self) -> FeatureId {
        self.feature
    }
}

/// The feature is not a limit whose units are counted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitIdError {
    /// An id of another catalog was used.
    #[error(transparent)]
    ForeignId(#[from] ForeignIdError),
    /// It has no units, or nothing says how they are counted.
    #[error(transparent)]
    NotMetered(NotMeteredError),
}

/// The feature has no units, or nothing says how they are counted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("feature `{}` {}", inner.feature, inner.remedy)]
pub struct NotMeteredError {
    // Beside, as in the errors of unknown keys.
    inner: Box<NotMetered>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct NotMetered {
    feature: Arc<str>,
    remedy: &'static str,
}

impl NotMeteredError {
    /// The key of the feature.
    #[must_use]
    pub fn feature(&self) -> &str {
        &self.inner.feature
    }
}

impl Catalog {
    /// The feature as a limit whose units can be counted.
    ///
    /// # Errors
    ///
    /// When it is a boolean or a level, or the catalog does not say how it is `counted`, or the id
    /// is another catalog's.
    pub fn limit_id(&self, feature: FeatureId) -> Result<LimitId, LimitIdError> {
        let described = self.feature(feature)?;
        let remedy = match &described.kind {
            FeatureKind::Limit { meter: Some(_), .. } => return Ok(LimitId { feature }),
            FeatureKind::Limit { meter: None, .. } => {
                "is a limit that is only shown: say in the catalog how it is `counted`, for \
                 example `counted: quota per month`"
            }
            FeatureKind::Boolean => "is a boolean and has no units: require the feature instead",
            FeatureKind::Level { .. } => {
                "is a level and has no units: require one of its levels instead"
            }
        };
        let feature = Arc::clone(&described.key);
        Err(LimitIdError::NotMetered(NotMeteredError {
            inner: Box::new(NotMetered { feature, remedy }),
        }))
    }

    /// How the units of a limit are counted, and the key they are counted under.
    ///
    /// # Errors
    ///
    /// When the id is another catalog's.
    pub fn meter(&self, limit: LimitId) -> Result<(&Arc<str>, Meter), ForeignIdError> {
        let feature = self.feature(limit.feature)?;
        match &feature.kind {
            FeatureKind::Limit {
                meter: Some(meter), ..
            } => Ok((&feature.key, *meter)),
            _ => Err(ForeignIdError::new()),
        }
    }

    /// The level of a feature by its word.
    ///
    /// # Errors
    ///
    /// When the id is another catalog's, or the feature has no such level.
    pub fn level(&self, feature: FeatureId, word: &str) -> Result<Level, RequirementError> {
        let feature = self.feature(feature)?;
        feature
            .kind
            .level(word)
            .cloned()
            .ok_or_else(|| RequirementError::unknown_level(feature, word))
    }

    /// Whether a feature is offered at all.
    ///
    /// # Errors
    ///
    /// When the id is another catalog's.
    pub fn is_enabled(&self, feature: FeatureId) -> Result<bool, ForeignIdError> {
        Ok(self.feature(feature)?.availability == Availability::Enabled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{FeatureSpec, TierSpec};

    fn catalog() -> Catalog {
        Catalog::builder()
            .default_tier("free")
            .tier(TierSpec::new("free"))
            .feature(FeatureSpec::boolean("crm").value("free", true))
            .feature(FeatureSpec::level("support", ["mail"]).value("free", "mail"))
            .feature(FeatureSpec::limit("shown").value("free", 1))
            .feature(
                FeatureSpec::limit("seats")
                    .counted(Meter::Gauge)
                    .value("free", 1),
            )
            .feature(
                FeatureSpec::boolean("gone")
                    .availability(Availability::Disabled)
                    .value("free", true),
            )
            .build()
            .unwrap()
    }

    #[test]
    fn only_what_is_counted_is_a_limit_and_the_rest_is_told_what_it_is() {
        let catalog = catalog();
        let limit = |key: &str| catalog.limit_id(catalog.require_feature(key).unwrap());
        let seats = limit("seats").unwrap();
        assert_eq!(Some(seats.feature()), catalog.feature_id("seats"));
        let (key, meter) = catalog.meter(seats).unwrap();
        assert_eq!((&**key, meter), ("seats", Meter::Gauge));
        let message = |key: &str| limit(key).unwrap_err().to_string();
        assert_eq!(
            message("crm"),
            "feature `crm` is a boolean and has no units: require the feature instead"
        );
        assert_eq!(
            message("support"),
            "feature `support` is a level and has no units: require one of its levels instead"
        );
        assert_eq!(
            message("shown"),
            "feature `shown` is a limit that is only shown: say in the catalog how it is \
             `counted`, for example `counted: quota per month`"
        );
    }

    #[test]
    fn ids_of_another_catalog_are_refused() {
        let (catalog, other) = (self::catalog(), self::catalog());
        let seats = other.require_feature("seats").unwrap();
        let limit = other.limit_id(seats).unwrap();
        assert!(matches!(
            catalog.limit_id(seats),
            Err(LimitIdError::ForeignId(_))
        ));
        assert!(catalog.meter(limit).is_err());
        assert!(catalog.level(seats, "mail").is_err());
        assert!(catalog.is_enabled(seats).is_err());
    }

    #[test]
    fn a_disabled_feature_is_known_as_such() {
        let catalog = catalog();
        let is_enabled = |key: &str| catalog.is_enabled(catalog.require_feature(key).unwrap());
        assert_eq!(is_enabled("gone"), Ok(false));
        assert_eq!(is_enabled("crm"), Ok(true));
    }
}
