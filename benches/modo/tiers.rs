//! modo's tiers, kept where its users would keep them.

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use modo::tier::{FeatureAccess, TierBackend, TierInfo, TierResolver};
use moka::sync::Cache;
use tiergate::{Catalog, FeatureValue};

/// What the tiers of a catalog have, in its order.
pub(crate) fn infos(catalog: &Catalog) -> Vec<TierInfo> {
    let access = |tier, feature| {
        let is_on = catalog.is_enabled(feature).expect("it is its own");
        let value = catalog.value(tier, feature).expect("both are its own");
        match value {
            // There is no word for what has no end.
            FeatureValue::Limit(limit) if is_on => {
                FeatureAccess::Limit(limit.remaining(0).unwrap_or(u64::MAX))
            }
            value => FeatureAccess::Toggle(is_on && value.is_granted()),
        }
    };
    let features = |id| {
        let all = catalog.features();
        all.map(|(feature, about)| (about.key.to_string(), access(id, feature)))
            .collect()
    };
    let tiers = catalog.tiers();
    let info = tiers.map(|(id, tier)| TierInfo {
        name: tier.key.to_string(),
        features: features(id),
    });
    info.collect()
}

/// The tiers of subjects, in moka.
struct Backend {
    tiers: Cache<String, usize>,
    infos: Vec<TierInfo>,
}

impl TierBackend for Backend {
    // It has to hand out a tier of its own to each who asks.
    fn resolve(
        &self,
        owner_id: &str,
    ) -> Pin<Box<dyn Future<Output = modo::Result<TierInfo>> + Send + '_>> {
        let tier = self.tiers.get(owner_id);
        let info = tier.and_then(|tier| self.infos.get(tier)).cloned();
        Box::pin(ready(info.ok_or_else(|| {
            modo::Error::forbidden("nobody knows of this one")
        })))
    }
}

/// A resolver that knows of those, by their ids and the numbers of their tiers.
pub(crate) fn resolver(
    infos: Vec<TierInfo>,
    everybody: impl IntoIterator<Item = (String, usize)>,
) -> TierResolver {
    let tiers = Cache::builder()
        .max_capacity(1 << 20)
        .time_to_live(Duration::from_secs(24 * 60 * 60))
        .build();
    for (id, tier) in everybody {
        tiers.insert(id, tier);
    }
    tiers.run_pending_tasks();
    TierResolver::from_backend(Arc::new(Backend { tiers, infos }))
}
