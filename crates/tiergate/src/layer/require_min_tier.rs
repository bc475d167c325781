use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use tiergate_core::TierId;
use tiergate_core::decision::decide_min_tier;
use tiergate_usage::{Admission, StoreError};

use super::define::define_layer;
use super::require_feature::verdict;
use super::rule::{Rule, Step, Verdict};
use crate::gate::{CheckError, Inquiry, TierGate};
use crate::request::{Access, RequestHead};

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

impl Rule for MinTierRule {
    type Asked = ();
    type Pending = Infallible;
    type Pass = ();

    fn ask(&self, _head: &RequestHead<'_>, _access: Option<&Access>) {}

    fn judge(&self, gate: &TierGate, inquiry: &Inquiry, (): &()) -> Step<Self> {
        let standing = gate.standing(inquiry);
        let decision = decide_min_tier(&inquiry.catalog, &standing, self.minimum);
        Step::Done(verdict(gate, decision))
    }

    fn conclude(
        &self,
        _gate: &TierGate,
        _inquiry: &Inquiry,
        pending: Infallible,
        _answer: Result<Admission, StoreError>,
    ) -> Verdict<()> {
        match pending {}
    }

    fn kind(&self) -> &'static str {
        "min_tier"
    }
}

impl fmt::Display for MinTierRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tier `{}` or one that includes it", self.key)
    }
}
