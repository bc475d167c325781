//! Of which features there would be more or less.

use serde_json::Value;
use tiergate_core::decision::{Knowledge, Policy, Standing};
use tiergate_core::time::Timestamp;
use tiergate_core::{Catalog, FeatureValue, Limit, Subscription};

use super::view::FeatureDifference;
use crate::record::SubscriptionRecord;

/// What there would be more and less of.
#[derive(Debug, Default)]
pub(super) struct Differences {
    /// More.
    pub(super) gained: Vec<FeatureDifference>,
    /// Less.
    pub(super) lost: Vec<FeatureDifference>,
}

/// What each feature would be worth, as decisions see it: so an override that stays is no difference.
pub(super) fn differences(
    catalog: &Catalog,
    record: &SubscriptionRecord,
    proposed: &Subscription,
    now: Timestamp,
) -> Differences {
    let owner = record.owner();
    let current = record.view();
    let standing = |subscription| {
        let known = Knowledge::Subscription(subscription);
        Standing::of(catalog, &owner, known, Policy::DEFAULT, now)
    };
    let (before, after) = (standing(&current), standing(proposed));
    let mut differences = Differences::default();
    for (id, feature) in catalog.features() {
        if catalog.is_enabled(id) != Ok(true) {
            continue;
        }
        let (Ok(from), Ok(to)) = (before.value(catalog, id), after.value(catalog, id)) else {
            continue;
        };
        let (from, to) = (from.value, to.value);
        if from == to {
            continue;
        }
        let gains = to.covers(&from);
        let difference = FeatureDifference {
            feature_key: feature.key.to_string(),
            feature_name: feature.name.to_string(),
            from: shown(&from),
            to: shown(&to),
        };
        if gains {
            differences.gained.push(difference);
        } else {
            differences.lost.push(difference);
        }
    }
    differences
}

fn shown(value: &FeatureValue) -> Value {
    match value {
        FeatureValue::Boolean(on) => (*on).into(),
        FeatureValue::Limit(Limit::AtMost(units)) => (*units).into(),
        FeatureValue::Limit(Limit::Unlimited) => "unlimited".into(),
        FeatureValue::Level(level) => level.name().into(),
    }
}
