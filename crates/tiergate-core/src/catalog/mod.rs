//! The catalog: which tiers there are, and what each gives of every feature.

mod feature;
mod ids;
mod matrix;
mod tier;

pub use feature::{Availability, Feature, FeatureKind, Metric};
pub use ids::{FeatureId, ForeignIdError, TierId};
pub use tier::{Price, PriceUnit, Tier, Track};

use std::collections::HashMap;

use ids::Lineage;
use matrix::BitMatrix;

use crate::money::Currency;
use crate::time::TimeZone;
use crate::{FeatureValue, Level, Limit};

/// Which tiers there are, and what each gives of every feature.
///
/// A catalog is checked as a whole when it is made and never changes afterwards. What it holds is
/// laid out for reading: every tier and feature has a dense id, each boolean is a bit, and whether a
/// tier includes another is a bit as well. No question asked of it allocates, but for the name of a
/// [`Level`], whose count is raised.
#[derive(Clone, Debug)]
pub struct Catalog {
    lineage: Lineage,
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
    rows: Vec<Row>,
    granted: BitMatrix,
    reaches: BitMatrix,
}

type Index = HashMap<Box<str>, u16, foldhash::quality::RandomState>;

/// What the tiers give of one feature, by tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    Booleans(Box<[bool]>),
    Limits(Box<[Limit]>),
    /// Ranks in the feature's list of levels.
    Levels(Box<[u16]>),
}

/// Everything that a catalog says, checked: keys are unique, names resolve, values are of their
/// feature's kind, `includes` has no cycle.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) currency: Currency,
    pub(crate) time_zone: TimeZone,
    pub(crate) trial_days: u32,
    /// An index into `tiers`.
    pub(crate) default_tier: usize,
    pub(crate) tiers: Vec<Tier>,
    pub(crate) metrics: Vec<Metric>,
    /// Each feature with a row as long as `tiers`.
    pub(crate) features: Vec<(Feature, Row)>,
}

impl Catalog {
    /// How many tiers a catalog can have.
    pub const MAX_TIERS: usize = 1_000;
    /// How many features a catalog can have.
    pub const MAX_FEATURES: usize = 20_000;

    /// Lays out what was checked.
    pub(crate) fn compile(parts: Parts) -> Self {
        Self::lay_out(parts, Lineage::new(), 0)
    }

    fn lay_out(parts: Parts, lineage: Lineage, revision: u32) -> Self {
        let tier_index = index(parts.tiers.iter().map(|tier| &tier.key));
        let (features, rows): (Vec<_>, Vec<_>) = parts.features.into_iter().unzip();
        let feature_index = index(features.iter().map(|feature: &Feature| &feature.key));
        let granted = grants(&features, &rows, parts.tiers.len());
        let reaches = reachability(&parts.tiers, &tier_index);
        Self {
            lineage,
            revision,
            currency: parts.currency,
            time_zone: parts.time_zone,
            trial_days: parts.trial_days,
            default_tier: parts.default_tier,
            tiers: parts.tiers,
            metrics: parts.metrics,
            features,
            tier_index,
            feature_index,
            rows,
            granted,
            reaches,
        }
    }

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
        Some(TierId {
            lineage: self.lineage,
            index,
        })
    }

    /// The feature of that key.
    #[must_use]
    pub fn feature_id(&self, key: &str) -> Option<FeatureId> {
        let index = *self.feature_index.get(key)?;
        Some(FeatureId {
            lineage: self.lineage,
            index,
        })
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
            (Some(tier), Some(feature)) => Ok(self.granted.get(tier, feature)),
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
        let index = usize::from(id.index);
        (id.lineage == self.lineage && index < self.tiers.len()).then_some(index)
    }

    #[inline]
    fn feature_position(&self, id: FeatureId) -> Option<usize> {
        let index = usize::from(id.index);
        (id.lineage == self.lineage && index < self.features.len()).then_some(index)
    }

    fn tier_id_at(&self, index: usize) -> TierId {
        TierId {
            lineage: self.lineage,
            // The checks bound the number of tiers far below this.
            index: u16::try_from(index).unwrap_or(u16::MAX),
        }
    }

    fn feature_id_at(&self, index: usize) -> FeatureId {
        FeatureId {
            lineage: self.lineage,
            index: u16::try_from(index).unwrap_or(u16::MAX),
        }
    }
}

fn index<'a>(keys: impl Iterator<Item = &'a Box<str>>) -> Index {
    keys.enumerate()
        .map(|(index, key)| (key.clone(), u16::try_from(index).unwrap_or(u16::MAX)))
        .collect()
}

fn grants(features: &[Feature], rows: &[Row], tiers: usize) -> BitMatrix {
    let mut granted = BitMatrix::new(tiers, features.len());
    for (column, (feature, row)) in features.iter().zip(rows).enumerate() {
        if feature.availability == Availability::Disabled {
            continue;
        }
        let mut grant = |tier: usize| granted.set(tier, column);
        match row {
            Row::Booleans(row) => {
                for (tier, _) in row.iter().enumerate().filter(|(_, on)| **on) {
                    grant(tier);
                }
            }
            Row::Limits(row) => {
                for (tier, _) in row.iter().enumerate().filter(|(_, limit)| !limit.is_zero()) {
                    grant(tier);
                }
            }
            Row::Levels(row) => (0..row.len()).for_each(grant),
        }
    }
    granted
}

/// The reflexive and transitive closure of `includes`.
fn reachability(tiers: &[Tier], index: &Index) -> BitMatrix {
    let mut reaches = BitMatrix::new(tiers.len(), tiers.len());
    for tier in 0..tiers.len() {
        reaches.set(tier, tier);
    }
    // Each pass takes every path one step further, so this ends after the longest chain.
    loop {
        let mut changed = false;
        for (row, tier) in tiers.iter().enumerate() {
            for included in tier.includes.iter().filter_map(|key| index.get(key)) {
                changed |= reaches.absorb(row, usize::from(*included));
            }
        }
        if !changed {
            return reaches;
        }
    }
}
