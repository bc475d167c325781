use std::collections::BTreeMap;

use tiergate_core::catalog::Availability;
use tiergate_core::{Catalog, Feature, FeatureId, FeatureKind, FeatureValue, Limit};

/// A feature of the catalog, in the shape that older clients read.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Feature)]
pub(crate) struct FeatureListing {
    /// The key that guards name it by.
    pub(crate) feature_key: String,
    /// The name that people read.
    pub(crate) name: String,
    /// A sentence about it.
    #[schema(required)]
    pub(crate) description: Option<String>,
    /// The group it is shown in: service, storage, compute, integration, security or support.
    pub(crate) category: &'static str,
    /// Whether it is offered at all; false where nobody has it, whatever their tier.
    pub(crate) enabled: bool,
    /// Of what kind its values are: boolean, limit or level.
    pub(crate) kind: String,
    /// The metric whose units a limit counts.
    #[schema(required)]
    pub(crate) metric: Option<String>,
    /// The unit of that metric; null for a plain count.
    #[schema(required)]
    pub(crate) unit: Option<String>,
    /// How the units of a limit are counted, like `quota per billing_period`; null where they are not.
    #[schema(required)]
    pub(crate) counted: Option<String>,
    /// The words of a level, weakest first.
    #[schema(required)]
    pub(crate) levels: Option<Vec<String>>,
    /// What each tier gives of it.
    pub(crate) tiers: BTreeMap<String, OlderValue>,
}

/// What a tier gives of a feature: true or false, a whole number, or the word of a level.
///
/// In this shape alone, -1 says that a limit is unlimited: it is what clients of the platform's older
/// service read.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(untagged)]
#[schema(as = OlderFeatureValue)]
pub(crate) enum OlderValue {
    Boolean(bool),
    Number(i64),
    Word(String),
}

impl From<&FeatureValue> for OlderValue {
    fn from(value: &FeatureValue) -> Self {
        match value {
            FeatureValue::Boolean(on) => Self::Boolean(*on),
            FeatureValue::Limit(Limit::Unlimited) => Self::Number(-1),
            // More than fits is as good as the most that fits.
            FeatureValue::Limit(Limit::AtMost(units)) => {
                Self::Number(i64::try_from(*units).unwrap_or(i64::MAX))
            }
            FeatureValue::Level(level) => Self::Word(level.name().to_owned()),
        }
    }
}

/// Every feature of a catalog, in its order.
pub(crate) fn list(catalog: &Catalog) -> Vec<FeatureListing> {
    let features = catalog.features();
    features
        .map(|(id, feature)| FeatureListing::of(catalog, id, feature))
        .collect()
}

impl FeatureListing {
    fn of(catalog: &Catalog, id: FeatureId, feature: &Feature) -> Self {
        let (metric, counted, levels) = match &feature.kind {
            FeatureKind::Boolean => (None, None, None),
            FeatureKind::Limit { metric, meter } => (
                metric.as_deref().map(str::to_owned),
                meter.map(|meter| meter.to_string()),
                None,
            ),
            FeatureKind::Level { levels } => {
                let words = levels.iter().map(|level| level.name().to_owned());
                (None, None, Some(words.collect()))
            }
        };
        let unit = metric
            .as_deref()
            .and_then(|metric| catalog.require_metric(metric).ok())
            .and_then(|metric| metric.unit.as_deref().map(str::to_owned));
        let tiers = catalog.tiers().filter_map(|(tier, described)| {
            // The catalog gave both ids.
            let value = catalog.value(tier, id).ok()?;
            Some((described.key.to_string(), OlderValue::from(&value)))
        });
        Self {
            feature_key: feature.key.to_string(),
            name: feature.name.to_string(),
            description: feature.description.as_deref().map(str::to_owned),
            category: feature.category.as_str(),
            enabled: feature.availability == Availability::Enabled,
            kind: feature.kind.to_string(),
            metric,
            unit,
            counted,
            levels,
            tiers: tiers.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json, to_value};

    use super::*;
    use crate::testing::catalog;

    fn listed(key: &str) -> Value {
        let features = list(&catalog());
        let feature = features.iter().find(|feature| feature.feature_key == key);
        to_value(feature.unwrap()).unwrap()
    }

    #[test]
    fn every_feature_is_listed_with_a_value_for_every_tier() {
        let catalog = catalog();
        let features = list(&catalog);
        assert_eq!(features.len(), catalog.features().len());
        for feature in features {
            assert_eq!(
                feature.tiers.len(),
                catalog.tiers().len(),
                "{}",
                feature.feature_key
            );
        }
    }

    #[test]
    fn values_have_the_shape_that_older_clients_read() {
        let storage = listed("storage_limit_gb");
        assert_eq!(storage["tiers"]["free"], json!(5));
        assert_eq!(storage["tiers"]["enterprise"], json!(-1));
        assert_eq!(
            (&storage["metric"], &storage["unit"], &storage["counted"]),
            (&json!("storage"), &json!("GB"), &json!("gauge"))
        );
        assert_eq!(listed("crm_enabled")["tiers"]["free"], json!(false));
        let support = listed("support_level");
        assert_eq!(support["tiers"]["max"], json!("priority"));
        assert_eq!(support["levels"][0], json!("community"));
        assert_eq!(support["category"], json!("support"));
    }
}
