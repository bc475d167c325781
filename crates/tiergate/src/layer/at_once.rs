use std::convert::Infallible;
use std::fmt;

use tiergate_core::Denial;
use tiergate_core::decision::{Decision, RequirementError};
use tiergate_usage::{Admission, StoreError};

use super::guard::Guard;
use super::rule::{Allowed, Rule, Step, Verdict};
use crate::gate::{Inquiry, TierGate};
use crate::request::{Access, RequestHead};

/// A rule that is decided by the subscription alone: no store is asked, and nothing is taken.
pub trait DecidedAtOnce: Clone + fmt::Debug + fmt::Display + Send + Sync + 'static {
    /// The word for it in metrics and events.
    const KIND: &'static str;

    /// Decides.
    fn decide(&self, gate: &TierGate, inquiry: &Inquiry) -> Result<Decision, RequirementError>;
}

impl<T: DecidedAtOnce> Rule for T {
    type Asked = ();
    type Pending = Infallible;
    type Pass = ();

    fn ask(&self, _head: &RequestHead<'_>, _access: Option<&Access>) {}

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
