use std::sync::Arc;

use crate::catalog::words::echo;
use crate::catalog::{ForeignIdError, LimitId};
use crate::{Feature, FeatureId, FeatureKind, TierId};

/// What something asks of the subject that wants it.
///
/// ```
/// use tiergate_core::Catalog;
/// use tiergate_core::catalog::{FeatureSpec, TierSpec};
/// use tiergate_core::decision::Requirement;
///
/// let catalog = Catalog::builder()
///     .default_tier("free")
///     .tier(TierSpec::new("free"))
///     .feature(FeatureSpec::level("support", ["email", "phone"]).value("free", "email"))
///     .build()?;
/// let support = catalog.require_feature("support")?;
///
/// let phone = Requirement::Level { feature: support, at_least: "phone".into() };
/// assert_eq!(phone.feature(), Some(support));
/// assert_eq!(Requirement::MinTier(catalog.require_tier("free")?).feature(), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Requirement {
    /// To have a feature at all.
    Feature(FeatureId),
    /// To have at least a level of a feature.
    Level {
        /// The feature.
        feature: FeatureId,
        /// The word of the level. One that the feature does not have is an error where it is
        /// decided.
        at_least: Arc<str>,
    },
    /// To be on a tier, or on one that includes it.
    MinTier(TierId),
    /// To have room for units of a limit.
    Units {
        /// The limit.
        limit: LimitId,
        /// How many units at once.
        units: u64,
    },
}

impl Requirement {
    /// The feature that is asked for, unless it is a tier.
    #[must_use]
    pub fn feature(&self) -> Option<FeatureId> {
        match self {
            Self::Feature(feature) | Self::Level { feature, .. } => Some(*feature),
            Self::Units { limit, .. } => Some(limit.feature()),
            Self::MinTier(_) => None,
        }
    }
}

/// Why a requirement could not be decided: a mistake in the program, never a denial.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequirementError {
    /// An id of another catalog was used.
    #[error(transparent)]
    ForeignId(#[from] ForeignIdError),
    /// The feature has no such level.
    #[error(transparent)]
    UnknownLevel(UnknownLevelError),
}

/// The feature has no such level.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("feature `{}` has no level `{}`{}", inner.feature, inner.level, inner.remedy)]
pub struct UnknownLevelError {
    // Beside, as in the errors of unknown keys.
    inner: Box<UnknownLevel>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct UnknownLevel {
    feature: Arc<str>,
    /// The word, cut if it is long.
    level: Box<str>,
    /// What there is instead.
    remedy: Box<str>,
}

impl UnknownLevelError {
    /// The key of the feature.
    #[must_use]
    pub fn feature(&self) -> &str {
        &self.inner.feature
    }

    /// The word that is none of its levels, cut if it is long.
    #[must_use]
    pub fn level(&self) -> &str {
        &self.inner.level
    }
}

impl RequirementError {
    pub(crate) fn unknown_level(feature: &Feature, word: &str) -> Self {
        let remedy = match &feature.kind {
            FeatureKind::Level { levels } => {
                let words: Vec<_> = levels
                    .iter()
                    .map(|level| format!("`{}`", echo(level.name())))
                    .collect();
                format!(", its levels are {}", words.join(" < "))
            }
            kind @ (FeatureKind::Boolean | FeatureKind::Limit { .. }) => {
                format!(", it is a {kind}")
            }
        };
        let inner = Box::new(UnknownLevel {
            feature: Arc::clone(&feature.key),
            level: echo(word).into(),
            remedy: remedy.into(),
        });
        Self::UnknownLevel(UnknownLevelError { inner })
    }
}
