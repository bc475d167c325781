//! Putting a newer catalog in the place of an older one.

use std::collections::HashSet;
use std::fmt;

use super::collect::Faults;
use super::compile::{Births, Parts, Row};
use super::fault::{Count, Fault, FaultKind, write_faults};
use super::words::listing;
use super::{Catalog, Feature, FeatureKind, Tier};
use crate::Level;

impl Catalog {
    /// Makes `next` the version after this one, so that every [`TierId`](super::TierId) and
    /// [`FeatureId`](super::FeatureId) of this catalog is valid in what is returned.
    ///
    /// What was there keeps its place; what is new comes after it, and its ids are valid in what is
    /// returned and in what succeeds that, but in no other successor of this catalog. The names, the prices, the values,
    /// the includes and the default tier may change.
    ///
    /// ```
    /// # use tiergate_core::Catalog;
    /// # use tiergate_core::catalog::{FeatureSpec, TierSpec};
    /// # fn catalog(limit: u64) -> Result<Catalog, tiergate_core::catalog::CatalogError> {
    /// #     Catalog::builder()
    /// #         .default_tier("free")
    /// #         .tier(TierSpec::new("free"))
    /// #         .feature(FeatureSpec::limit("seats").value("free", limit))
    /// #         .build()
    /// # }
    /// let old = catalog(5)?;
    /// let (free, seats) = (old.default_tier(), old.require_feature("seats")?);
    ///
    /// let new = old.succeed(catalog(10)?)?;
    /// assert_eq!(new.value(free, seats)?.to_string(), "10");
    /// assert_eq!(new.revision(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When something that a guard may hold on to would be gone: a tier, a feature, the kind of a
    /// feature, the rank of a level, or the counting of a limit. Then everything of that sort, at
    /// once. This catalog stays as it is.
    pub fn succeed(&self, next: Self) -> Result<Self, SuccessionError> {
        let mut faults = Faults::in_code();
        check_tiers(self, &next, &mut faults);
        check_features(self, &next, &mut faults);
        let (faults, count) = faults.into_list();
        if !faults.is_empty() {
            return Err(SuccessionError { faults, count });
        }
        let revision = self.revision.saturating_add(1);
        let births = Births {
            tiers: &self.tier_births,
            features: &self.feature_births,
        };
        Ok(Self::lay_out(arrange(self, next), births, revision))
    }
}

/// A catalog cannot follow another: everything that stands in the way, at once.
#[derive(Clone, Debug)]
pub struct SuccessionError {
    faults: Vec<Fault>,
    count: Count,
}

impl SuccessionError {
    /// Everything that stands in the way; the first
    /// [`CatalogError::MAX_FAULTS`](super::CatalogError::MAX_FAULTS) if there is more. Never empty.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

impl fmt::Display for SuccessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_faults(f, &self.faults)?;
        let count = self.count.of(&self.faults);
        write!(
            f,
            "{count} in the new catalog, the one before stays in force"
        )
    }
}

impl std::error::Error for SuccessionError {}

fn check_tiers(old: &Catalog, next: &Catalog, faults: &mut Faults) {
    for tier in &old.tiers {
        if next.tier_id(&tier.key).is_none() {
            faults.add(
                FaultKind::TierRemoved,
                None,
                format!("tier `{}` is not in the new catalog", tier.key),
                "keep it, or restart the service with the new catalog",
            );
        }
    }
}

fn check_features(old: &Catalog, next: &Catalog, faults: &mut Faults) {
    for feature in &old.features {
        let key = &feature.key;
        let found = next.feature_id(key).map(|id| next.feature(id));
        let Some(Ok(found)) = found else {
            faults.add(
                FaultKind::FeatureRemoved,
                None,
                format!("feature `{key}` is not in the new catalog"),
                "keep it and write `enabled: off` in it, or restart the service with the new catalog",
            );
            continue;
        };
        if let Some((message, help)) = change(feature, found) {
            faults.add(FaultKind::FeatureChanged, None, message, help);
        }
    }
}

/// What about a feature may not change, and did.
fn change(old: &Feature, next: &Feature) -> Option<(String, &'static str)> {
    let key = &old.key;
    match (&old.kind, &next.kind) {
        (FeatureKind::Boolean, FeatureKind::Boolean) => None,
        (FeatureKind::Limit { meter: old, .. }, FeatureKind::Limit { meter: next, .. }) => {
            let lost = old.is_some() && next.is_none();
            lost.then(|| {
                (
                    format!("feature `{key}` was counted, and in the new catalog is not"),
                    "keep its `counted`, or restart the service with the new catalog",
                )
            })
        }
        (FeatureKind::Level { levels: old }, FeatureKind::Level { levels: next }) => {
            (!next.starts_with(old)).then(|| {
                let names: Vec<_> = old.iter().map(Level::name).collect();
                (
                    format!(
                        "the levels of feature `{key}` no longer start with {}",
                        listing(&names, "and")
                    ),
                    "add new levels at the end, or restart the service with the new catalog",
                )
            })
        }
        (old, next) => Some((
            format!("feature `{key}` was a {old}, and in the new catalog is a {next}"),
            "give the new feature another key, or restart the service with the new catalog",
        )),
    }
}

/// Puts what `next` says in the order of `old`, what is new at the end.
fn arrange(old: &Catalog, next: Catalog) -> Parts {
    let default_tier = next
        .tiers
        .get(next.default_tier)
        .map(|tier| tier.key.clone());
    let tiers = order(
        old.tiers.iter().map(|tier| next.tier_index.get(&tier.key)),
        next.tiers.len(),
    );
    let features = order(
        old.features
            .iter()
            .map(|feature| next.feature_index.get(&*feature.key)),
        next.features.len(),
    );
    let rows = features
        .iter()
        .filter_map(|feature| {
            Some((
                next.features.get(*feature)?.clone(),
                next.rows.get(*feature)?,
            ))
        })
        .map(|(feature, row)| (feature, permute(row, &tiers)))
        .collect();
    let arranged: Vec<Tier> = pick(&next.tiers, &tiers);
    Parts {
        currency: next.currency,
        time_zone: next.time_zone,
        trial_days: next.trial_days,
        default_tier: arranged
            .iter()
            .position(|tier| Some(&tier.key) == default_tier.as_ref())
            .unwrap_or(0),
        tiers: arranged,
        metrics: next.metrics,
        features: rows,
    }
}

/// The indices of what was there before, then of the rest.
fn order<'a>(known: impl Iterator<Item = Option<&'a u16>>, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = known.flatten().map(|index| usize::from(*index)).collect();
    let seen: HashSet<usize> = order.iter().copied().collect();
    order.extend((0..count).filter(|index| !seen.contains(index)));
    order
}

fn permute(row: &Row, order: &[usize]) -> Row {
    match row {
        Row::Booleans(values) => Row::Booleans(pick(values, order).into()),
        Row::Limits(values) => Row::Limits(pick(values, order).into()),
        Row::Levels(values) => Row::Levels(pick(values, order).into()),
    }
}

fn pick<T: Clone>(values: &[T], order: &[usize]) -> Vec<T> {
    let chosen = order.iter().filter_map(|index| values.get(*index));
    chosen.cloned().collect()
}
