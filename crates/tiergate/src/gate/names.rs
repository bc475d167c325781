use std::collections::HashMap;
use std::sync::Arc;

use tiergate_core::{Catalog, FeatureId, TierId};

/// What the first catalog of a gate had, by name.
///
/// A later catalog has all of it, and under the same ids: one that has not is refused. So a name that is
/// found here need not be looked for in the catalog in force, which to get at takes longer than to find
/// the name.
#[derive(Debug)]
pub(super) struct Names {
    features: Index<FeatureId>,
    tiers: Index<TierId>,
}

type Index<Id> = HashMap<Arc<str>, Id, foldhash::fast::RandomState>;

impl Names {
    pub(super) fn of(catalog: &Catalog) -> Self {
        let features = catalog.features();
        let tiers = catalog.tiers();
        Self {
            features: features.map(|(id, one)| (one.key.clone(), id)).collect(),
            tiers: tiers.map(|(id, one)| (Arc::from(&*one.key), id)).collect(),
        }
    }

    /// The feature of that name. `None` if it came later, or never.
    #[inline]
    pub(super) fn feature(&self, key: &str) -> Option<FeatureId> {
        self.features.get(key).copied()
    }

    /// The tier of that name. `None` if it came later, or never.
    #[inline]
    pub(super) fn tier(&self, key: &str) -> Option<TierId> {
        self.tiers.get(key).copied()
    }
}

#[cfg(test)]
mod tests {
    use tiergate_core::catalog::{FeatureSpec, TierSpec};

    use super::*;
    use crate::testing::TestGate;

    /// Listed in the other order by the later of the two, which has one more of each.
    fn catalog(features: &[&str], tiers: &[&str]) -> Catalog {
        let mut builder = Catalog::builder().default_tier("free");
        for tier in tiers {
            builder = builder.tier(TierSpec::new(tier));
        }
        let features = features.iter().map(|feature| {
            let spec = FeatureSpec::boolean(feature);
            tiers.iter().fold(spec, |spec, tier| spec.value(tier, true))
        });
        builder.features(features).build().unwrap()
    }

    #[test]
    fn a_name_means_the_same_as_in_the_catalog_in_force() {
        let gate = TestGate::new(catalog(&["crm", "news"], &["free", "pro"])).into_gate();
        assert!(gate.feature_id("wiki").is_err() && gate.tier_id("max").is_err());
        let later = catalog(&["wiki", "news", "crm"], &["max", "pro", "free"]);
        gate.replace_catalog(later).unwrap();
        let in_force = gate.catalog();
        for feature in ["crm", "news", "wiki"] {
            assert_eq!(gate.feature_id(feature).ok(), in_force.feature_id(feature));
        }
        for tier in ["free", "pro", "max"] {
            assert_eq!(gate.tier_id(tier).ok(), in_force.tier_id(tier));
        }
        let error = gate.feature_id("new").unwrap_err();
        assert_eq!(error.suggestion(), Some("news"));
    }
}
