//! Answers that nobody has to be waited for.

use std::pin::Pin;

use tiergate_core::catalog::ForeignIdError;
use tiergate_core::decision::{Decision, Requirement, Standing, decide_feature, decide_min_tier};
use tiergate_core::{Catalog, DenialKind, FeatureId, Subject, TierId};

use super::{CheckError, Inquiry, TierGate};

/// What the subscription alone answers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Question {
    Feature(FeatureId),
    MinTier(TierId),
}

/// An answer, or the wait for one.
///
/// The wait is boxed, because its future is large: that of every question which is answered at once
/// would be as large otherwise, and futures are copied.
pub(super) type Now<'a> = Result<Answer, Waiting<'a>>;

/// The wait for an answer.
pub(super) type Waiting<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

pub(super) type Answer = Result<bool, CheckError>;

impl TierGate {
    /// What the cache settles is answered at once.
    // Apart, so that who is answered at a glance has none of it to carry along.
    #[inline(never)]
    pub(super) fn answer_now(&self, subject: &Subject, question: Question) -> Now<'_> {
        let unavailable = self.policy().unavailable;
        let sight = self.inner.lookup.see(subject);
        if let Some(sight) = &sight
            && self.is_no_by_tier(sight, question)
        {
            return Ok(Ok(false));
        }
        let inquiry = match self.inquire_with(subject.clone(), sight, unavailable) {
            Ok(inquiry) => inquiry,
            Err(subject) => {
                return Err(Box::pin(async move {
                    let inquiry = self.inquire(subject, unavailable).await;
                    let standing = self.standing(&inquiry);
                    let decision = question.decide(&inquiry.catalog, &standing)?;
                    self.answer(inquiry, decision, question).await
                }));
            }
        };
        let decision = {
            let (catalog, standing) = (&inquiry.catalog, self.standing(&inquiry));
            // A plain 'no' needs none of the reasons that a denial tells, which cost more than all else.
            if question.lacks(catalog, &standing) && !self.is_to_be_confirmed(&inquiry) {
                return Ok(Ok(false));
            }
            question.decide(catalog, &standing)
        };
        match decision {
            Ok(Decision::Allowed(_)) => Ok(Ok(true)),
            Ok(Decision::Denied(denial)) if self.needs_confirmation(&inquiry, &denial) => {
                let denied = Decision::Denied(denial);
                Err(Box::pin(self.answer(inquiry, denied, question)))
            }
            // The subscription is known, so that this is no want of an answer.
            Ok(Decision::Denied(_)) => Ok(Ok(false)),
            Err(error) => Ok(Err(error.into())),
        }
    }

    /// The answer of a decision that may have to be confirmed. A want of an answer is no 'no'.
    async fn answer(&self, inquiry: Inquiry, decision: Decision, question: Question) -> Answer {
        match self.conclude(inquiry, decision, &question.into()).await? {
            (Decision::Allowed(_), _) => Ok(true),
            (Decision::Denied(denial), Some(error))
                if denial.kind() == DenialKind::BillingUnavailable =>
            {
                Err(CheckError::Unavailable(error))
            }
            (Decision::Denied(_), _) => Ok(false),
        }
    }
}

impl Question {
    fn decide(
        self,
        catalog: &Catalog,
        standing: &Standing<'_>,
    ) -> Result<Decision, ForeignIdError> {
        match self {
            Self::Feature(feature) => decide_feature(catalog, standing, feature),
            Self::MinTier(minimum) => decide_min_tier(catalog, standing, minimum),
        }
    }

    /// Whether a subject of which the cache knows is denied. False says nothing.
    fn lacks(self, catalog: &Catalog, standing: &Standing<'_>) -> bool {
        let has = match self {
            Self::Feature(feature) => standing.is_granted(catalog, feature),
            Self::MinTier(minimum) => catalog.satisfies(standing.tier(), minimum),
        };
        has == Ok(false)
    }
}

impl From<Question> for Requirement {
    fn from(question: Question) -> Self {
        match question {
            Question::Feature(feature) => Self::Feature(feature),
            Question::MinTier(minimum) => Self::MinTier(minimum),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    use tiergate_core::subscription::{Override, OverrideValue};
    use tiergate_core::{Subscription, SubscriptionStatus};

    use super::*;
    use crate::testing::TestGate;

    /// The answer of a future that must not wait.
    fn at_once<T>(future: impl Future<Output = T>) -> T {
        let mut context = Context::from_waker(Waker::noop());
        match std::pin::pin!(future).poll(&mut context) {
            Poll::Ready(answer) => answer,
            Poll::Pending => panic!("it waits"),
        }
    }

    #[test]
    fn the_futures_of_questions_are_small_enough_to_be_moved_about() {
        let gate = TestGate::platform().into_gate();
        let ada = Subject::user("ada");
        let (crm, pro) = (
            gate.feature("crm_enabled").unwrap(),
            gate.tier("pro").unwrap(),
        );
        for size in [
            size_of_val(&crm.is_allowed(&ada)),
            size_of_val(&pro.is_met(&ada)),
            size_of_val(&gate.has_feature_access(&ada, "crm_enabled")),
            size_of_val(&gate.meets_tier(&ada, "pro")),
        ] {
            assert!(size <= 64, "{size}");
        }
    }

    #[tokio::test]
    async fn what_needs_more_than_a_glance_is_answered_at_once_where_the_cache_settles_it() {
        let test = TestGate::platform();
        let gate = test.gate();
        let (ada, bob) = (Subject::user("ada"), Subject::user("bob"));
        let own = |on: bool| Override {
            feature: "crm_enabled".into(),
            value: OverrideValue::Boolean(on),
            expires_at: None,
        };
        for (subject, tier, on) in [(&ada, "free", true), (&bob, "pro", false)] {
            let one = Subscription::new(subject.clone(), tier, SubscriptionStatus::Active);
            gate.lookup().push(one.with_override(own(on)).into());
        }
        let (crm, pro) = (
            gate.feature("crm_enabled").unwrap(),
            gate.tier("pro").unwrap(),
        );
        assert!(at_once(crm.is_allowed(&ada)).unwrap());
        assert!(!at_once(pro.is_met(&ada)).unwrap());
        assert!(!at_once(crm.is_allowed(&bob)).unwrap());
        assert!(at_once(pro.is_met(&bob)).unwrap());
        assert_eq!(test.lookup().calls(), 0);
    }

    #[tokio::test]
    async fn a_denial_by_an_old_answer_is_held_against_a_new_one() {
        let test = TestGate::platform().user("ada", "free");
        let gate = test.gate();
        let ada = Subject::user("ada");
        let crm = gate.feature("crm_enabled").unwrap();
        assert!(!crm.is_allowed(&ada).await.unwrap());
        assert_eq!(test.lookup().calls(), 1);
        // Fresh enough to deny by.
        assert!(!at_once(crm.is_allowed(&ada)).unwrap());
        test.clock().advance(Duration::from_secs(3));
        assert!(!crm.is_allowed(&ada).await.unwrap());
        assert_eq!(test.lookup().calls(), 2);
    }
}
