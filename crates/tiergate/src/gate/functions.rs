use tiergate_core::decision::{
    self, Basis, Decision, Explanation, Requirement, Standing, Used, explain,
};
use tiergate_core::{FeatureId, FeatureValue, Limit, Subject};
use tiergate_lookup::LookupError;

use super::asked::{Asked, FeatureNamed, TierNamed};
use super::metering::{allowance, used_of};
use super::{CheckError, Inquiry, TierGate, unconfirmed, with_retry};

/// Questions for plain code. Every one of them asks the cache first, and the lookup only if it has to.
///
/// A fault is never a 'no': while billing cannot be asked, what the default tier has is still
/// answered, and anything else is [`CheckError::Unavailable`].
///
/// All of them can be cancelled at any point. A lookup that is under way goes on for others who wait
/// for it.
impl TierGate {
    /// Whether a subject has a feature at all.
    ///
    /// # Errors
    ///
    /// When the catalog has no such feature, or it is not known what the subject has.
    pub fn has_feature_access<'a>(
        &'a self,
        subject: &'a Subject,
        feature: &'a str,
    ) -> impl Future<Output = Result<bool, CheckError>> + Send + use<'a> {
        Asked::new(self, subject, FeatureNamed(feature))
    }

    /// Whether a subject is on a tier, or on one that includes it.
    ///
    /// # Errors
    ///
    /// When the catalog has no such tier, or it is not known what the subject has.
    pub fn meets_tier<'a>(
        &'a self,
        subject: &'a Subject,
        tier: &'a str,
    ) -> impl Future<Output = Result<bool, CheckError>> + Send + use<'a> {
        Asked::new(self, subject, TierNamed(tier))
    }

    /// What a subject has of a feature. What a disabled feature would be worth is still told.
    ///
    /// # Errors
    ///
    /// When the catalog has no such feature, or it is not known what the subject has.
    pub async fn feature_value(
        &self,
        subject: &Subject,
        feature: &str,
    ) -> Result<FeatureValue, CheckError> {
        let feature = self.feature_id(feature)?;
        self.value_of(subject, feature).await
    }

    /// What a subject has of a feature, as a limit: a boolean is one or zero. A level is not one,
    /// and is counted as zero or one by whether the subject has the feature at all.
    ///
    /// # Errors
    ///
    /// When the catalog has no such feature, or it is not known what the subject has.
    pub async fn feature_limit(
        &self,
        subject: &Subject,
        feature: &str,
    ) -> Result<Limit, CheckError> {
        let value = self.feature_value(subject, feature).await?;
        Ok(value
            .as_limit()
            .unwrap_or(Limit::AtMost(u64::from(value.is_granted()))))
    }

    /// The full decision about one requirement, as a layer would make it. Units of a limit are looked
    /// at and not taken; to take them, [`reserve`](Self::reserve).
    ///
    /// # Errors
    ///
    /// When the requirement names something that is not the catalog's, or the store of usage cannot
    /// be read.
    pub async fn check(
        &self,
        subject: &Subject,
        requirement: &Requirement,
    ) -> Result<Decision, CheckError> {
        let (decision, _) = self.weigh(subject, requirement).await?;
        Ok(decision)
    }

    /// The decision about one requirement with every step that led to it, from how the subscription
    /// was looked up to the verdict.
    ///
    /// It tells what is decided now from what is known now: nothing is looked up again to confirm a
    /// denial.
    ///
    /// # Errors
    ///
    /// As for [`check`](Self::check).
    pub async fn explain(
        &self,
        subject: &Subject,
        requirement: &Requirement,
    ) -> Result<Explanation, CheckError> {
        let inquiry = self.ask_about(subject).await;
        let standing = self.standing_in_full(&inquiry);
        let used = self.used(&inquiry, &standing, requirement).await?;
        let explanation = explain(&inquiry.catalog, &standing, requirement, used)?;
        Ok(explanation.after([
            (
                "catalog",
                format!("revision {}", inquiry.catalog.revision()),
            ),
            ("lookup", inquiry.learned.describe()),
        ]))
    }

    /// Forgets what is cached about a subject. The next decision looks it up; an answer that is
    /// under way is not used.
    pub fn invalidate(&self, subject: &Subject) {
        self.lookup().invalidate(subject);
    }

    /// Forgets everything that is cached about subjects. Usage is no cache and stays.
    pub fn clear_caches(&self) {
        self.lookup().clear();
    }

    pub(super) async fn value_of(
        &self,
        subject: &Subject,
        feature: FeatureId,
    ) -> Result<FeatureValue, CheckError> {
        let inquiry = self.ask_about(subject).await;
        let standing = self.known(&inquiry)?;
        Ok(standing.value(&inquiry.catalog, feature)?.value)
    }

    /// Decides, looking again before a denial, and tells the failure that the decision had to do
    /// without an answer for, if there was one.
    async fn weigh(
        &self,
        subject: &Subject,
        requirement: &Requirement,
    ) -> Result<Weighed, CheckError> {
        let inquiry = self.ask_about(subject).await;
        let decision = self.decide(&inquiry, requirement).await?;
        self.conclude(inquiry, decision, requirement).await
    }

    /// What becomes of a decision: where it is a denial, after looking again.
    pub(super) async fn conclude(
        &self,
        mut inquiry: Inquiry,
        decision: Decision,
        requirement: &Requirement,
    ) -> Result<Weighed, CheckError> {
        let failure = inquiry.learned.failure().cloned();
        match decision {
            Decision::Denied(denial) if self.needs_confirmation(&inquiry, &denial) => {
                match self.confirm(&mut inquiry).await {
                    Ok(()) => Ok((self.decide(&inquiry, requirement).await?, None)),
                    Err(error) => Ok((Decision::Denied(unconfirmed(denial, &error)), Some(error))),
                }
            }
            Decision::Denied(denial) => Ok((
                Decision::Denied(with_retry(denial, &inquiry.learned)),
                failure,
            )),
            allowed @ Decision::Allowed(_) => Ok((allowed, failure)),
        }
    }

    pub(super) async fn ask_about(&self, subject: &Subject) -> Inquiry {
        let unavailable = self.policy().unavailable;
        match self.inquire_now(subject.clone(), unavailable) {
            Ok(inquiry) => inquiry,
            Err(subject) => self.inquire(subject, unavailable).await,
        }
    }

    async fn decide(
        &self,
        inquiry: &Inquiry,
        requirement: &Requirement,
    ) -> Result<Decision, CheckError> {
        let standing = self.standing(inquiry);
        let used = self.used(inquiry, &standing, requirement).await?;
        Ok(decision::decide(
            &inquiry.catalog,
            &standing,
            requirement,
            used,
        )?)
    }

    async fn used(
        &self,
        inquiry: &Inquiry,
        standing: &Standing<'_>,
        requirement: &Requirement,
    ) -> Result<Used, CheckError> {
        let Requirement::Units { limit, .. } = requirement else {
            return Ok(Used::NOTHING);
        };
        match allowance(inquiry, standing, *limit)? {
            Ok(allowance) => {
                let state = self.peek(&inquiry.subject, &allowance).await?;
                Ok(used_of(state))
            }
            Err(_) => Ok(Used::NOTHING),
        }
    }

    /// Where the subject stands, if that is known or policy settles it.
    pub(super) fn known<'a>(&self, inquiry: &'a Inquiry) -> Result<Standing<'a>, CheckError> {
        match inquiry.learned.failure() {
            Some(error) => Err(CheckError::Unavailable(error.clone())),
            None => {
                let standing = self.standing(inquiry);
                debug_assert!(standing.basis() != Basis::Unavailable);
                Ok(standing)
            }
        }
    }
}

/// A decision, and the failure that it had to do without an answer for.
pub(super) type Weighed = (Decision, Option<LookupError>);
