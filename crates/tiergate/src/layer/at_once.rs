use std::convert::Infallible;
use std::fmt;

use http::Extensions;
use tiergate_core::decision::{Decision, RequirementError};
use tiergate_core::{Catalog, Denial};
use tiergate_lookup::TierWord;
use tiergate_usage::{Admission, StoreError};

use super::glimpse::Glimpse;
use super::guard::Guard;
use super::rule::{Allowed, Rule, Step, Verdict};
use crate::gate::{Inquiry, TierGate};
use crate::request::{Access, RequestHead};

/// A rule that is decided by the subscription alone: no store is asked, and nothing is taken.
pub trait DecidedAtOnce: Clone + fmt::Debug + fmt::Display + Send + Sync + 'static {
    /// The word for it in metrics and events.
    const KIND: &'static str;

    /// Whether `tier` by itself is enough. False says nothing.
    fn is_met_by(&self, gate: &TierGate, catalog: &Catalog, tier: TierWord) -> bool;

    /// Decides.
    fn decide(&self, gate: &TierGate, inquiry: &Inquiry) -> Result<Decision, RequirementError>;
}

impl<T: DecidedAtOnce> Rule for T {
    type Asked = ();
    type Pending = Infallible;
    type Pass = ();

    const DENIES_A_TIER_ALIKE: bool = true;

    fn ask(&self, _head: &RequestHead<'_>, _access: Option<&Access>) {}

    #[inline]
    fn glimpse(guard: &Guard<Self>, extensions: &mut Extensions) -> Glimpse<()> {
        guard.glimpse(extensions)
    }

    #[inline]
    fn allow_by_tier(guard: &Guard<Self>, catalog: &Catalog, tier: TierWord) -> Option<()> {
        guard
            .rule
            .is_met_by(&guard.gate, catalog, tier)
            .then_some(())
    }

    #[inline]
    fn judge(guard: &Guard<Self>, inquiry: &Inquiry, (): &()) -> Step<Self> {
        Step::Done(match guard.rule.decide(&guard.gate, inquiry) {
            Ok(Decision::Allowed(grant)) => Ok(Allowed { grant, pass: () }),
            Ok(Decision::Denied(denial)) => Err(denial.into()),
            Err(error) => {
                guard.gate.observer().mistake(&error);
                Err(Denial::billing_unavailable().into())
            }
        })
    }

    fn conclude(
        _guard: &Guard<Self>,
        _inquiry: &Inquiry,
        pending: Infallible,
        _answer: Result<Admission, StoreError>,
    ) -> Verdict<()> {
        match pending {}
    }

    fn kind(&self) -> &'static str {
        T::KIND
    }
}
