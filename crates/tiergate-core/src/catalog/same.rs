//! Whether two catalogs say the same.

use super::{Catalog, Feature, FeatureId, Tier};

/// Two catalogs are equal when they say the same of the same keys, in whatever order. Whether the
/// ids of one are valid in the other is another question.
impl PartialEq for Catalog {
    fn eq(&self, other: &Self) -> bool {
        self.currency == other.currency
            && self.time_zone == other.time_zone
            && self.trial_days == other.trial_days
            && self.tiers.len() == other.tiers.len()
            && self.metrics.len() == other.metrics.len()
            && self.features.len() == other.features.len()
            && key_at(self, self.default_tier) == key_at(other, other.default_tier)
            && same_metrics(self, other)
            && self.tiers.iter().all(|tier| has_tier(other, tier))
            && self
                .features()
                .all(|(id, feature)| has_feature(self, id, feature, other))
    }
}

impl Eq for Catalog {}

fn key_at(catalog: &Catalog, tier: usize) -> Option<&str> {
    catalog.tiers.get(tier).map(|tier| &*tier.key)
}

fn same_metrics(one: &Catalog, other: &Catalog) -> bool {
    // Both have as many, and none twice.
    let mut metrics = one.metrics.iter();
    metrics.all(|metric| other.metrics.contains(metric))
}

fn has_tier(catalog: &Catalog, tier: &Tier) -> bool {
    let found = catalog.tier_id(&tier.key).map(|id| catalog.tier(id));
    let Some(Ok(found)) = found else {
        return false;
    };
    found.name == tier.name
        && found.description == tier.description
        && found.track == tier.track
        && found.price == tier.price
        // None is there twice.
        && found.includes.len() == tier.includes.len()
        && found.includes.iter().all(|key| tier.includes.contains(key))
}

fn has_feature(one: &Catalog, id: FeatureId, feature: &Feature, other: &Catalog) -> bool {
    let Some(other_id) = other.feature_id(&feature.key) else {
        return false;
    };
    other.feature(other_id) == Ok(feature)
        && one.tiers().all(|(tier, described)| {
            other
                .tier_id(&described.key)
                .is_some_and(|other_tier| other.value(other_tier, other_id) == one.value(tier, id))
        })
}

#[cfg(test)]
mod tests {
    use super::super::{FeatureSpec, TierSpec};
    use super::*;

    fn catalog(tiers: [&str; 2], pro: bool) -> Catalog {
        let feature = FeatureSpec::boolean("crm")
            .value("free", false)
            .value("pro", pro);
        let builder = tiers.into_iter().fold(Catalog::builder(), |builder, key| {
            builder.tier(TierSpec::new(key))
        });
        builder
            .default_tier("free")
            .feature(feature)
            .build()
            .unwrap()
    }

    #[test]
    fn what_is_said_counts_and_the_order_does_not() {
        assert_eq!(
            catalog(["free", "pro"], true),
            catalog(["pro", "free"], true)
        );
        assert_ne!(
            catalog(["free", "pro"], true),
            catalog(["free", "pro"], false)
        );
    }
}
