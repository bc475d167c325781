use super::Standing;
use crate::catalog::ForeignIdError;
use crate::{Catalog, FeatureId, FeatureValue, Level, Limit, TierId};

/// What is asked of a standing: of the subject's own, of the one it would have if its subscription
/// were active, and of those it would have on other tiers. One rule answers all of them, so a denial
/// never proposes what would be denied as well.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ask<'a> {
    Feature(FeatureId),
    Level {
        feature: FeatureId,
        at_least: &'a Level,
    },
    MinTier(TierId),
    Units {
        feature: FeatureId,
        units: u64,
        used: u64,
    },
}

impl Ask<'_> {
    pub(super) fn feature(&self) -> Option<FeatureId> {
        match self {
            Self::Feature(feature) | Self::Level { feature, .. } | Self::Units { feature, .. } => {
                Some(*feature)
            }
            Self::MinTier(_) => None,
        }
    }

    /// Whether the feature is off for everyone, whoever they are and whatever they have.
    pub(super) fn is_off_for_all(&self, catalog: &Catalog) -> Result<bool, ForeignIdError> {
        match self.feature() {
            Some(feature) => Ok(!catalog.is_enabled(feature)?),
            None => Ok(false),
        }
    }

    #[inline]
    pub(super) fn is_met(
        &self,
        catalog: &Catalog,
        standing: &Standing<'_>,
    ) -> Result<bool, ForeignIdError> {
        match *self {
            Self::Feature(feature) => standing.is_granted(catalog, feature),
            Self::Level { feature, at_least } => Ok(standing.is_granted(catalog, feature)?
                && match standing.value(catalog, feature)?.value {
                    FeatureValue::Level(level) => level.rank() >= at_least.rank(),
                    FeatureValue::Boolean(_) | FeatureValue::Limit(_) => false,
                }),
            Self::MinTier(minimum) => {
                let satisfied = catalog.satisfies(standing.tier(), minimum)?;
                Ok(satisfied && !standing.has_nothing())
            }
            Self::Units {
                feature,
                units,
                used,
            } => {
                Ok(bound(catalog, standing, feature)?
                    .is_some_and(|bound| bound.admits(used, units)))
            }
        }
    }
}

/// How many units of a feature a standing gives; none if it does not give the feature at all.
pub(super) fn bound(
    catalog: &Catalog,
    standing: &Standing<'_>,
    feature: FeatureId,
) -> Result<Option<Limit>, ForeignIdError> {
    if !standing.is_granted(catalog, feature)? {
        return Ok(None);
    }
    Ok(standing.value(catalog, feature)?.value.as_limit())
}
