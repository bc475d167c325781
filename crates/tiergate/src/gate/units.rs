use std::slice;
use std::sync::Arc;

use tiergate_core::decision::Allowance;
use tiergate_core::time::Timestamp;
use tiergate_core::{Denial, DenialKind, Limit, LimitId, Subject};
use tiergate_usage::{Asked, CounterKey, CounterState, CounterWindow};

use super::metering::{Asking, CountError, allowance, counter_key, resets_at};
use super::reserved::Reserved;
use super::{CheckError, Inquiry, ReserveError, TierGate, unconfirmed};

/// How much of a limit a subject has used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsageReport {
    /// The limit; zero if the subject's tier does not have the feature.
    pub limit: Limit,
    /// How many units are used, open reservations included.
    pub used: u64,
    /// When the passing of time brings units back; none for a gauge.
    pub resets_at: Option<Timestamp>,
}

impl UsageReport {
    /// How many units are left; none if there is no bound.
    #[must_use]
    pub fn remaining(&self) -> Option<u64> {
        self.limit.remaining(self.used)
    }
}

/// Units of limits, for plain code. What is said of faults and cancellation at the questions holds here
/// too.
impl TierGate {
    /// Takes units of a limit. What comes back holds them until it is committed; dropped, it gives
    /// them back.
    ///
    /// # Errors
    ///
    /// [`ReserveError::Denied`] when the subject may not have them, or they do not fit;
    /// [`ReserveError::Check`] when that could not be found out, or the catalog has no such limit.
    pub async fn reserve(
        &self,
        subject: &Subject,
        limit: &str,
        units: u64,
    ) -> Result<Reserved, ReserveError> {
        let limit = self.limit_named(limit)?;
        self.reserve_units(subject, limit, units).await
    }

    /// How much of a limit a subject has used. Nothing is taken.
    ///
    /// # Errors
    ///
    /// When the catalog has no such limit, or it is not known what the subject has, or the store of
    /// usage cannot be read.
    pub async fn usage(&self, subject: &Subject, limit: &str) -> Result<UsageReport, CheckError> {
        let limit = self.limit_named(limit)?;
        self.usage_of(subject, limit).await
    }

    /// Gives back units of a gauge that were charged earlier: storage that was freed. Returns how
    /// many were given back, which is fewer when fewer were charged.
    ///
    /// # Errors
    ///
    /// When the catalog has no such limit, or it is no gauge, or the store of usage does not answer.
    pub async fn lower(
        &self,
        subject: &Subject,
        gauge: &str,
        units: u64,
    ) -> Result<u64, CheckError> {
        let limit = self.limit_named(gauge)?;
        let catalog = self.catalog();
        let (feature, _) = catalog.meter(limit)?;
        let key = CounterKey::new(subject.clone(), Arc::clone(feature), CounterWindow::Level);
        let lowered = self.usage_store().lower(&key, units).await?.units();
        self.lowered(&key, limit, lowered);
        Ok(lowered)
    }

    pub(super) async fn usage_of(
        &self,
        subject: &Subject,
        limit: LimitId,
    ) -> Result<UsageReport, CheckError> {
        let inquiry = self.ask_about(subject).await;
        let standing = self.known(&inquiry)?;
        let Ok(allowance) = allowance(&inquiry, &standing, limit)? else {
            return Ok(UsageReport {
                limit: Limit::ZERO,
                used: 0,
                resets_at: None,
            });
        };
        let state = self.peek(subject, &allowance).await?;
        Ok(UsageReport {
            limit: allowance.limit,
            used: state.used(),
            resets_at: resets_at(allowance.window, state, standing.now()),
        })
    }

    pub(super) async fn reserve_units(
        &self,
        subject: &Subject,
        limit: LimitId,
        units: u64,
    ) -> Result<Reserved, ReserveError> {
        let mut inquiry = self.ask_about(subject).await;
        let first = self.try_reserve(&inquiry, limit, units).await;
        let Err(ReserveError::Denied(denial)) = first else {
            return first;
        };
        if !self.needs_confirmation(&inquiry, &denial) {
            return Err(self.denied(denial, &inquiry));
        }
        match self.confirm(&mut inquiry).await {
            Ok(()) => match self.try_reserve(&inquiry, limit, units).await {
                Err(ReserveError::Denied(denial)) => Err(self.denied(denial, &inquiry)),
                result => result,
            },
            Err(error) => match unconfirmed(denial, &error) {
                denial if denial.kind() == DenialKind::BillingUnavailable => {
                    Err(CheckError::Unavailable(error).into())
                }
                denial => Err(denial.into()),
            },
        }
    }

    pub(super) fn limit_named(&self, key: &str) -> Result<LimitId, CheckError> {
        Ok(self.catalog().limit_id(self.feature_id(key)?)?)
    }

    async fn try_reserve(
        &self,
        inquiry: &Inquiry,
        limit: LimitId,
        units: u64,
    ) -> Result<Reserved, ReserveError> {
        let asking = Asking {
            limit,
            units: Some(units),
        };
        let counting = match self.begin_count(inquiry, slice::from_ref(&asking), None) {
            Ok(counting) => counting,
            Err(CountError::Denied(denial)) => return Err(denial.into()),
            Err(CountError::ForeignId(error)) => return Err(CheckError::from(error).into()),
        };
        let answer = match self.ask_store(&counting, None) {
            None => return Err(CheckError::NoUnits.into()),
            Some(Ok(answer)) => answer,
            Some(Err(admitting)) => admitting.await.map(Asked::from),
        };
        // For plain code a store that does not answer is an error, whatever policy says of requests.
        let admission = answer.map_err(CheckError::from)?;
        self.end_count(inquiry, counting, Ok(admission), None)
            .map_err(|(denial, _)| denial)?
            .into_reserved(self)
            .ok_or_else(|| CheckError::NoUnits.into())
    }

    pub(super) async fn peek(
        &self,
        subject: &Subject,
        allowance: &Allowance,
    ) -> Result<CounterState, CheckError> {
        let key = counter_key(subject, allowance);
        let states = self.usage_store().peek(slice::from_ref(&key)).await?;
        Ok(states.first().copied().unwrap_or_default())
    }

    /// A denial for want of knowledge is no answer to plain code.
    fn denied(&self, denial: Denial, inquiry: &Inquiry) -> ReserveError {
        match inquiry.learned.failure() {
            Some(error) if denial.kind() == DenialKind::BillingUnavailable => {
                CheckError::Unavailable(error.clone()).into()
            }
            _ => denial.into(),
        }
    }
}
