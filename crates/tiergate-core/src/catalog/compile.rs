use super::feature::{Availability, Feature, Metric};
use super::ids::Birth;
use super::matrix::BitMatrix;
use super::tier::Tier;
use super::{Catalog, Index};
use crate::Limit;
use crate::money::Currency;
use crate::time::TimeZone;

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

/// In which catalogs the tiers and features came to be that a catalog takes over, by their index.
#[derive(Clone, Copy, Default)]
pub(super) struct Births<'a> {
    pub(super) tiers: &'a [Birth],
    pub(super) features: &'a [Birth],
}

impl Catalog {
    /// Lays out what was checked.
    pub(crate) fn compile(parts: Parts) -> Self {
        Self::lay_out(parts, Births::default(), 0)
    }

    /// Lays out what was checked, in the place of the catalog that `births` are of. What comes after
    /// these is new.
    pub(super) fn lay_out(parts: Parts, births: Births<'_>, revision: u32) -> Self {
        let birth = Birth::new();
        let tier_index = index(parts.tiers.iter().map(|tier| &*tier.key));
        let (features, rows): (Vec<_>, Vec<_>) = parts.features.into_iter().unzip();
        let feature_index = index(features.iter().map(|feature: &Feature| &*feature.key));
        let granted = grants(&features, &rows, parts.tiers.len());
        let reaches = reachability(&parts.tiers, &tier_index);
        Self {
            revision,
            currency: parts.currency,
            time_zone: parts.time_zone,
            trial_days: parts.trial_days,
            default_tier: parts.default_tier,
            // Every catalog has a tier, and hands it on.
            origin: births.tiers.first().copied().unwrap_or(birth),
            tier_births: continued(births.tiers, parts.tiers.len(), birth),
            feature_births: continued(births.features, features.len(), birth),
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
}

fn continued(known: &[Birth], count: usize, new: Birth) -> Box<[Birth]> {
    let new = std::iter::repeat(new);
    known.iter().copied().chain(new).take(count).collect()
}

fn index<'a>(keys: impl Iterator<Item = &'a str>) -> Index {
    keys.enumerate()
        .map(|(index, key)| (key.into(), u16::try_from(index).unwrap_or(u16::MAX)))
        .collect()
}

fn grants(features: &[Feature], rows: &[Row], tiers: usize) -> BitMatrix {
    // By feature, because there are few tiers: what all of them have of one feature is one number.
    let mut granted = BitMatrix::new(features.len(), tiers);
    for (place, (feature, row)) in features.iter().zip(rows).enumerate() {
        if feature.availability == Availability::Disabled {
            continue;
        }
        let mut grant = |tier: usize| granted.set(place, tier);
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
    let included: Vec<Vec<usize>> = tiers
        .iter()
        .map(|tier| {
            let known = tier.includes.iter().filter_map(|key| index.get(key));
            known.map(|tier| usize::from(*tier)).collect()
        })
        .collect();
    let mut reaches = BitMatrix::new(tiers.len(), tiers.len());
    // A tier comes after all that it includes, so their rows are complete when it absorbs them.
    for tier in super::order::included_first(&included).order {
        reaches.set(tier, tier);
        for below in included.get(tier).into_iter().flatten() {
            reaches.absorb(tier, *below);
        }
    }
    reaches
}
