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
