use super::Standing;
use crate::catalog::ForeignIdError;
use crate::subscription::{Override, OverrideValue};
use crate::time::Timestamp;
use crate::{Catalog, Feature, FeatureId, FeatureKind, FeatureValue, Limit};

/// What a subject has of a feature, and where that comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveValue {
    /// The value.
    pub value: FeatureValue,
    /// Where it comes from.
    pub source: ValueSource,
}

/// Where an effective value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueSource {
    /// From the tier.
    Tier,
    /// From an override on the subscription.
    Override {
        /// When it stops to hold; never, if there is none.
        expires_at: Option<Timestamp>,
    },
    /// From policy, which leaves nothing to an inactive subscription.
    Policy,
}

impl Standing<'_> {
    /// What the subject has of a feature: its override if there is one that fits and holds,
    /// otherwise what its tier gives. Where policy leaves nothing to an inactive subscription, it is
    /// off, zero, or the weakest level.
    ///
    /// What a disabled feature would be worth is told as well, though nobody has it.
    ///
    /// # Errors
    ///
    /// When the id is another catalog's.
    pub fn value(
        &self,
        catalog: &Catalog,
        feature: FeatureId,
    ) -> Result<EffectiveValue, ForeignIdError> {
        let value = catalog.value(self.tier(), feature)?;
        if self.has_nothing() {
            return Ok(EffectiveValue {
                value: least(&catalog.feature(feature)?.kind, value),
                source: ValueSource::Policy,
            });
        }
        match self.override_of(catalog.feature(feature)?) {
            Some((value, expires_at)) => Ok(EffectiveValue {
                value,
                source: ValueSource::Override { expires_at },
            }),
            None => Ok(EffectiveValue {
                value,
                source: ValueSource::Tier,
            }),
        }
    }

    /// Whether the subject has a feature at all: it is not disabled, and what the subject has of it
    /// is on, above zero, or any level.
    ///
    /// # Errors
    ///
    /// When the id is another catalog's.
    #[inline]
    pub fn is_granted(
        &self,
        catalog: &Catalog,
        feature: FeatureId,
    ) -> Result<bool, ForeignIdError> {
        // Nearly nobody has overrides, and then one bit is the answer.
        if self.rests_on_tier() {
            return catalog.grants(self.tier(), feature);
        }
        self.is_granted_by_more(catalog, feature)
    }

    fn is_granted_by_more(
        &self,
        catalog: &Catalog,
        feature: FeatureId,
    ) -> Result<bool, ForeignIdError> {
        let granted = catalog.grants(self.tier(), feature)?;
        if self.has_nothing() {
            return Ok(false);
        }
        if self.overrides().is_empty() || !catalog.is_enabled(feature)? {
            return Ok(granted);
        }
        Ok(self.value(catalog, feature)?.value.is_granted())
    }

    /// The overrides that count: those of a subscription that is in force.
    #[inline]
    fn overrides(&self) -> &[Override] {
        match self.subscription() {
            Some(subscription) if self.basis().is_in_force() => &subscription.overrides,
            _ => &[],
        }
    }

    fn override_of(&self, feature: &Feature) -> Option<(FeatureValue, Option<Timestamp>)> {
        // The last one counts, as it was set last.
        self.overrides()
            .iter()
            .rev()
            .filter(|set| *set.feature == *feature.key)
            .filter(|set| set.holds_at(self.now()))
            .find_map(|set| Some((fitting_value(&feature.kind, set)?, set.expires_at)))
    }
}

/// The override's value as one of the feature's kind; none where the kinds do not fit, and the
/// override says nothing.
pub(super) fn fitting_value(kind: &FeatureKind, set: &Override) -> Option<FeatureValue> {
    match (kind, &set.value) {
        (FeatureKind::Boolean, OverrideValue::Boolean(on)) => Some(FeatureValue::Boolean(*on)),
        (FeatureKind::Limit { .. }, OverrideValue::Limit(limit)) => {
            Some(FeatureValue::Limit(*limit))
        }
        (FeatureKind::Level { .. }, OverrideValue::Level(word)) => {
            kind.level(word).cloned().map(FeatureValue::Level)
        }
        _ => None,
    }
}

/// The least value of a kind.
fn least(kind: &FeatureKind, given: FeatureValue) -> FeatureValue {
    match kind {
        FeatureKind::Boolean => FeatureValue::Boolean(false),
        FeatureKind::Limit { .. } => FeatureValue::Limit(Limit::ZERO),
        FeatureKind::Level { levels } => levels.first().cloned().map_or(given, FeatureValue::Level),
    }
}
