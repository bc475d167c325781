use std::fmt;
use std::sync::Arc;

use tiergate_core::decision::{Decision, RequirementError, decide_feature, decide_level};
use tiergate_core::{Catalog, FeatureId};
use tiergate_lookup::TierWord;

use super::at_once::DecidedAtOnce;
use super::define::define_layer;
use crate::gate::{Inquiry, Question, TierGate};

define_layer! {
    /// Lets requests through whose subject has a feature.
    ///
    /// Made by [`TierGate::require_feature`].
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// use tiergate::TierGate;
    ///
    /// fn routes(gate: &TierGate) -> Result<Router, tiergate::CheckError> {
    ///     Ok(Router::new()
    ///         .route("/contacts", get(async || "your contacts"))
    ///         .route_layer(gate.require_feature("crm_enabled")?))
    /// }
    /// # use tiergate::testing::TestGate;
    /// # routes(&TestGate::platform().into_gate()).unwrap();
    /// ```
    layer RequireFeatureLayer;
    /// The service of a [`RequireFeatureLayer`].
    service RequireFeature;
    rule FeatureRule;
}

impl TierGate {
    /// A layer that lets requests through whose subject has the feature `key`: a boolean that is on,
    /// a limit above zero, any level.
    ///
    /// # Errors
    ///
    /// When the catalog has no such feature. The message proposes the nearest key.
    pub fn require_feature(
        &self,
        key: &str,
    ) -> Result<RequireFeatureLayer, crate::gate::CheckError> {
        let feature = self.feature_id(key)?;
        Ok(RequireFeatureLayer::new(
            self.clone(),
            FeatureRule {
                feature,
                key: key.into(),
                at_least: None,
            },
        ))
    }
}

impl<M> RequireFeatureLayer<M> {
    /// Lets only those through who have at least this level of the feature.
    ///
    /// # Errors
    ///
    /// When the feature has no such level. The message lists those it has.
    pub fn at_least(mut self, level: &str) -> Result<Self, crate::gate::CheckError> {
        let catalog = self.guard.gate.catalog();
        let rule = &mut self.guard.settings_mut().rule;
        catalog.level(rule.feature, level)?;
        rule.at_least = Some(level.into());
        Ok(self)
    }
}

/// A feature, at a level or at all.
#[derive(Clone, Debug)]
pub struct FeatureRule {
    feature: FeatureId,
    key: Arc<str>,
    at_least: Option<Arc<str>>,
}

impl DecidedAtOnce for FeatureRule {
    const KIND: &'static str = "feature";

    #[inline]
    fn is_met_by(&self, gate: &TierGate, catalog: &Catalog, tier: TierWord) -> bool {
        self.at_least.is_none()
            && gate.is_yes_by_tier(catalog, tier, Question::Feature(self.feature))
    }

    fn decide(&self, gate: &TierGate, inquiry: &Inquiry) -> Result<Decision, RequirementError> {
        let standing = gate.standing(inquiry);
        match &self.at_least {
            None => Ok(decide_feature(&inquiry.catalog, &standing, self.feature)?),
            Some(level) => decide_level(&inquiry.catalog, &standing, self.feature, level),
        }
    }
}

impl fmt::Display for FeatureRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at_least {
            None => write!(f, "feature `{}`", self.key),
            Some(level) => write!(f, "feature `{}` at `{level}` or above", self.key),
        }
    }
}
