use tiergate_core::Denial;
use tiergate_core::catalog::{ForeignIdError, LimitIdError, UnknownFeatureError, UnknownTierError};
use tiergate_core::decision::RequirementError;
use tiergate_lookup::LookupError;
use tiergate_usage::StoreError;

/// Why a question could not be answered. Never a denial: a denial is an answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The catalog has no such feature.
    #[error(transparent)]
    UnknownFeature(#[from] UnknownFeatureError),
    /// The catalog has no such tier.
    #[error(transparent)]
    UnknownTier(#[from] UnknownTierError),
    /// The feature has no units to count.
    #[error(transparent)]
    NotMetered(#[from] LimitIdError),
    /// So many limits cannot be taken in one operation.
    #[error("one layer takes one to four limits in one operation, not {given}")]
    LimitCount {
        /// How many were named.
        given: usize,
    },
    /// One limit was named twice in one operation.
    #[error("limit `{limit}` is named twice in one layer, for more units of it use `cost`")]
    LimitTwice {
        /// The key of the limit.
        limit: Box<str>,
    },
    /// Nothing was asked for.
    #[error("reserving takes at least one unit")]
    NoUnits,
    /// The requirement names something that is not the catalog's.
    #[error(transparent)]
    Requirement(#[from] RequirementError),
    /// It is not known what the subject has.
    #[error("billing cannot be asked: {0}")]
    Unavailable(#[source] LookupError),
    /// It is not known how much is used.
    #[error("usage cannot be read or counted: {0}")]
    Usage(#[from] StoreError),
}

impl From<ForeignIdError> for CheckError {
    fn from(error: ForeignIdError) -> Self {
        Self::Requirement(error.into())
    }
}

/// Why units were not reserved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReserveError {
    /// The subject may not use them.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// It could not be found out whether it may.
    #[error(transparent)]
    Check(#[from] CheckError),
}
