//! The catalog: which tiers there are, and what each gives of every feature.

pub mod legacy;

mod builder;
mod check;
mod collect;
mod compile;
mod draft;
mod fault;
mod feature;
mod fields;
mod ids;
mod limit;
mod load;
mod lookup;
mod matrix;
mod nearest;
mod number;
mod order;
mod render;
mod same;
mod scalar;
mod schema;
mod source;
mod spec;
mod succeed;
mod tier;
pub(crate) mod words;
mod write;
mod yaml;

pub use builder::CatalogBuilder;
pub use fault::{CatalogError, Fault, FaultKind};
pub use feature::{Availability, Category, Feature, FeatureKind, Metric};
pub use ids::{FeatureId, ForeignIdError, TierId};
pub use limit::{LimitId, LimitIdError, NotMeteredError};
pub use lookup::{UnknownFeatureError, UnknownMetricError, UnknownTierError};
pub use spec::{FeatureSpec, MetricSpec, PriceSpec, TierSpec, ValueSpec};
pub use succeed::SuccessionError;
pub use tier::{Price, PriceUnit, Tier, Track};

use std::collections::HashMap;

use compile::Row;
use ids::Birth;
use matrix::BitMatrix;

use crate::money::Currency;
use crate::time::TimeZone;
use crate::{FeatureValue, Level};

/// Which tiers there are, and what each gives of every feature.
///
/// Equality is of meaning: two catalogs are equal when they say the same of the same keys, in whatever
/// order, wherever they came from.
///
/// A catalog is checked as a whole when it is made and never changes afterwards. What it holds is
/// laid out for reading: every tier and feature has a dense id, each boolean is a bit, and whether a
/// tier includes another is a bit as well. No question asked of it allocates, but for the name of a
/// [`Level`], whose count is raised.
#[derive(Clone, Debug)]
pub struct Catalog {
    revision: u32,
    currency: Currency,
    time_zone: TimeZone,
    trial_days: u32,
    default_tier: usize,
    tiers: Vec<Tier>,
    metrics: Vec<Metric>,
    features: Vec<Feature>,
    tier_index: Index,
    feature_index: Index,
    /// Where the first catalog of its line came to be, and most of what it names.
    origin: Birth,
    tier_births: Box<[Birth]>,
    feature_births: Box<[Birth]>,
    rows: Vec<Row>,
    /// Which tiers have each feature.
    granted: BitMatrix,
    /// Which tiers each tier satisfies.
    reaches: BitMatrix,
}

type Index = HashMap<Box<str>, u16, foldhash::quality::RandomState>;

impl Catalog {
    /// How many tiers a catalog can have.
    pub const MAX_TIERS: usize = 1_000;
    /// How many features a catalog can have.
    pub const MAX_FEATURES: usize = 20_000;

    /// How many catalogs came before this one in its line; zero for one that was not made to
    /// succeed another.
    #[must_use]
    pub fn revision(&self) -> u32 {
        self.revision
    }

    /// The currency of every price.
    #[must_use]
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// The zone whose days and months quotas are counted in.
    #[must_use]
    pub fn time_zone(&self) -> &TimeZone {
        &self.time_zone
    }

    /// How many days a new paid subscription is on trial.
    #[must_use]
    pub fn trial_days(&self) -> u32 {
        self.trial_days
    }

    /// The tier of who has no other.
    #[must_use]
    pub fn default_tier(&self) -> TierId {
        self.tier_id_at(self.default_tier)
    }

    /// The tier of that key.
    #[must_use]
    pub fn tier_id(&self, key: &str) -> Option<TierId> {
        let index = *self.tier_index.get(key)?;
        Some(self.tier_id_at(usize::from(index)))
    }

    /// The feature of that key.
    #[must_use]
    pub fn feature_id(&self, key: &str) -> Option<FeatureId> {
        let index = *self.feature_index.get(key)?;
        Some(self.feature_id_at(usize::from(index)))
    }

    /// Every tier, in the order of the catalog.
    #[must_use]
    pub fn tiers(&self) -> impl ExactSizeIterator<Item = (TierId, &Tier)> {
        self.tiers
            .iter()
            .enumerate()
            .map(|(index, tier)| (self.tier_id_at(index), tier))
    }

    /// Every feature, in the order of the catalog.
    #[must_use]
    pub fn features(&self) -> impl ExactSizeIterator<Item = (FeatureId, &Feature)> {
        self.features
            .iter()
            .enumerate()
            .map(|(index, feature)| (self.feature_id_at(index), feature))
    }

    /// Every metric, in the order of the catalog.
    #[must_use]
    pub fn metrics(&self) -> impl ExactSizeIterator<Item = &Metric> {
        self.metrics.iter()
    }

    /// What the catalog says about a tier.
    ///
    /// # Errors
    ///
    /// When the id is another catalog's.
    pub fn tier(&self, id: TierId) -> Result<&Tier, ForeignIdError> {
        self.tier_position(id)
            .and_then(|index| self.tiers.get(index))
            .ok_or(ForeignIdError::new())
    }

    /// What the catalog says about a feature.
    ///
    /// # Errors
    ///
    /// When the id is another catalog's.
    pub fn feature(&self, id: FeatureId) -> Result<&Feature, ForeignIdError> {
        self.feature_position(id)
            .and_then(|index| self.features.get(index))
            .ok_or(ForeignIdError::new())
    }

    /// What a tier gives of a feature. A disabled feature still has its values; whether it is
    /// granted is another question, see [`grants`](Self::grants).
    ///
    /// # Errors
    ///
    /// When one of the ids is another catalog's.
    pub fn value(&self, tier: TierId, feature: FeatureId) -> Result<FeatureValue, ForeignIdError> {
        self.value_at(tier, feature).ok_or(ForeignIdError::new())
    }

    fn value_at(&self, tier: TierId, feature: FeatureId) -> Option<FeatureValue> {
        let tier = self.tier_position(tier)?;
        let feature = self.feature_position(feature)?;
        Some(match self.rows.get(feature)? {
            Row::Booleans(row) => FeatureValue::Boolean(*row.get(tier)?),
            Row::Limits(row) => FeatureValue::Limit(*row.get(tier)?),
            Row::Levels(row) => {
                let rank = usize::from(*row.get(tier)?);
                FeatureValue::Level(self.levels(feature)?.get(rank)?.clone())
            }
        })
    }

    /// Whether a tier has a feature at all: it is not disabled, and a boolean is on, a limit is
    /// unlimited or above zero, a level is any.
    ///
    /// # Errors
    ///
    /// When one of the ids is another catalog's.
    #[inline]
    pub fn grants(&self, tier: TierId, feature: FeatureId) -> Result<bool, ForeignIdError> {
        match (self.tier_position(tier), self.feature_position(feature)) {
            (Some(tier), Some(feature)) => Ok(self.granted.get(feature, tier)),
            _ => Err(ForeignIdError::new()),
        }
    }

    /// Whether `tier` satisfies the minimum `minimum`: it is that tier, or includes it directly or
    /// through others. This is a partial order: of two tiers, it may be that neither satisfies the
    /// other.
    ///
    /// # Errors
    ///
    /// When one of the ids is another catalog's.
    #[inline]
    pub fn satisfies(&self, tier: TierId, minimum: TierId) -> Result<bool, ForeignIdError> {
        match (self.tier_position(tier), self.tier_position(minimum)) {
            (Some(tier), Some(minimum)) => Ok(self.reaches.get(tier, minimum)),
            _ => Err(ForeignIdError::new()),
        }
    }

    fn levels(&self, feature: usize) -> Option<&[Level]> {
        match &self.features.get(feature)?.kind {
            FeatureKind::Level { levels } => Some(levels),
            FeatureKind::Boolean | FeatureKind::Limit { .. } => None,
        }
    }

    #[inline]
    fn tier_position(&self, id: TierId) -> Option<usize> {
        self.position(id.birth, id.index, &self.tier_births)
    }

    #[inline]
    fn feature_position(&self, id: FeatureId) -> Option<usize> {
        self.position(id.birth, id.index, &self.feature_births)
    }

    /// The place of what has this birth and index, if it is this catalog's.
    #[inline]
    fn position(&self, birth: Birth, index: u16, births: &[Birth]) -> Option<usize> {
        let index = usize::from(index);
        // What the first of a line had, all that follow have in the same place. That spares the look
        // at the list, which is large for a large catalog.
        (birth == self.origin || births.get(index) == Some(&birth)).then_some(index)
    }

    fn tier_id_at(&self, index: usize) -> TierId {
        TierId {
            birth: birth_at(&self.tier_births, index),
            // The checks bound the number of tiers far below this.
            index: u16::try_from(index).unwrap_or(u16::MAX),
        }
    }

    fn feature_id_at(&self, index: usize) -> FeatureId {
        FeatureId {
            birth: birth_at(&self.feature_births, index),
            index: u16::try_from(index).unwrap_or(u16::MAX),
        }
    }
}

fn birth_at(births: &[Birth], index: usize) -> Birth {
    // There is one for every tier and feature; the fallback is unreachable, and valid nowhere.
    births.get(index).copied().unwrap_or_else(Birth::new)
}
