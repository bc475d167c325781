use std::fmt;
use std::sync::Arc;

use tiergate_core::decision::{Decision, RequirementError, decide_min_tier};
use tiergate_core::{Catalog, TierId};
use tiergate_lookup::TierWord;

use super::at_once::DecidedAtOnce;
use super::define::define_layer;
use crate::gate::{CheckError, Inquiry, Question, TierGate};

define_layer! {
    /// Lets requests through whose subject is on a tier, or on one that includes it.
    ///
    /// Made by [`TierGate::require_min_tier`]. Tiers are not one ladder: what satisfies a minimum is
    /// what the catalog's `includes` say, not what costs more.
    ///
    /// ```
    /// use axum::{Router, routing::post};
    /// use tiergate::TierGate;
    ///
    /// fn routes(gate: &TierGate) -> Result<Router, tiergate::CheckError> {
    ///     Ok(Router::new()
    ///         .route("/branding", post(async || "rebranded"))
    ///         .route_layer(gate.require_min_tier("premium")?))
    /// }
    /// # use tiergate::testing::TestGate;
    /// # routes(&TestGate::platform().into_gate()).unwrap();
    /// ```
    layer RequireMinTierLayer;
    /// The service of a [`RequireMinTierLayer`].
    service RequireMinTier;
    rule MinTierRule;
}

impl TierGate {
    /// A layer that lets requests through whose subject is on the tier `key`, or on one that
    /// includes it directly or through others.
    ///
    /// # Errors
    ///
    /// When the catalog has no such tier. The message proposes the nearest key.
    pub fn require_min_tier(&self, key: &str) -> Result<RequireMinTierLayer, CheckError> {
        let minimum = self.tier_id(key)?;
        Ok(RequireMinTierLayer::new(
            self.clone(),
            MinTierRule {
                minimum,
                key: key.into(),
            },
        ))
    }
}

/// A minimum tier.
#[derive(Clone, Debug)]
pub struct MinTierRule {
    minimum: TierId,
    key: Arc<str>,
}

impl DecidedAtOnce for MinTierRule {
    const KIND: &'static str = "min_tier";

    #[inline]
    fn is_met_by(&self, gate: &TierGate, catalog: &Catalog, tier: TierWord) -> bool {
        gate.is_yes_by_tier(catalog, tier, Question::MinTier(self.minimum))
    }

    fn decide(&self, gate: &TierGate, inquiry: &Inquiry) -> Result<Decision, RequirementError> {
        let standing = gate.standing(inquiry);
        Ok(decide_min_tier(&inquiry.catalog, &standing, self.minimum)?)
    }
}

impl fmt::Display for MinTierRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tier `{}` or one that includes it", self.key)
    }
}
