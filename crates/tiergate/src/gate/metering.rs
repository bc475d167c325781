use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;
use tiergate_core::catalog::ForeignIdError;
use tiergate_core::decision::{
    self, Allowance, Assurance, Grant, Standing, UnavailableAccess, Used,
};
use tiergate_core::time::Timestamp;
use tiergate_core::{Denial, DenialKind, Limit, LimitId, Meter, Subject};
use tiergate_usage::{
    Admission, Admitting, Claim, CounterKey, CounterState, CounterWindow, IdempotencyKey,
    MAX_CLAIMS, Reservation, Reserve, Settling, StoreError, StoreErrorKind,
};

use super::{Inquiry, TierGate};
use crate::denial::{RateLimitField, RateLimitFields};
use crate::layer::Charge;
use crate::request::{Cell, Metered, Taken, Ticket};

/// Units of one limit that are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asking {
    pub(crate) limit: LimitId,
    /// None if they were taken already for the same request.
    pub(crate) units: Option<u64>,
}

/// Units that the subject may ask of the store, and that the store has not answered for yet.
#[derive(Debug)]
pub struct Counting {
    grant: Grant,
    now: Timestamp,
    items: SmallVec<[(LimitId, u64, Allowance); 1]>,
}

/// Units that were taken, until they are charged or given back. Dropping it gives them back.
#[derive(Debug)]
pub(crate) struct Count {
    grant: Grant,
    now: Timestamp,
    items: SmallVec<[Item; 1]>,
    cell: Option<Arc<Cell>>,
    /// None if nothing was taken, or if policy let the request pass without counting.
    reservation: Option<Reservation>,
}

#[derive(Debug)]
struct Item {
    allowance: Allowance,
    state: CounterState,
}

/// Why units can't be asked for.
#[derive(Debug)]
pub(crate) enum CountError {
    Denied(Denial),
    ForeignId(ForeignIdError),
}

impl From<ForeignIdError> for CountError {
    fn from(error: ForeignIdError) -> Self {
        Self::ForeignId(error)
    }
}

impl TierGate {
    /// Asks the store for units, if the subject may have any. None if there is nothing to ask.
    pub(crate) fn begin_count(
        &self,
        inquiry: &Inquiry,
        asking: &[Asking],
        idempotency_key: Option<&IdempotencyKey>,
    ) -> Result<(Counting, Option<Admitting>), CountError> {
        let standing = self.standing(inquiry);
        let mut grant = decision::grant(&standing);
        let mut items = SmallVec::new();
        let mut claims: SmallVec<[Claim; MAX_CLAIMS]> = SmallVec::new();
        for Asking { limit, units } in asking {
            let asked = units.unwrap_or(0);
            match decision::admit(&inquiry.catalog, &standing, *limit, asked)? {
                decision::Admission::Denied(denial) => return Err(CountError::Denied(denial)),
                decision::Admission::Countable(allowance) => {
                    grant = allowance.grant;
                    if asked > 0 {
                        let key = counter_key(&inquiry.subject, &allowance);
                        claims.push(Claim::new(key, asked, allowance.limit));
                        items.push((*limit, asked, allowance));
                    }
                }
            }
        }
        let counting = Counting {
            grant,
            now: standing.now(),
            items,
        };
        if claims.is_empty() {
            return Ok((counting, None));
        }
        let mut request = Reserve::new(&claims, self.inner.reservation_ttl);
        if let Some(key) = idempotency_key {
            request = request.with_idempotency_key(key);
        }
        let admitting = Reservation::admit(Arc::clone(&self.inner.usage), request);
        Ok((counting, Some(admitting)))
    }

    /// Takes the store's answer.
    pub(crate) fn end_count(
        &self,
        inquiry: &Inquiry,
        counting: Counting,
        answer: Result<Admission, StoreError>,
    ) -> Result<Count, (Denial, RateLimitFields)> {
        let refused = match answer {
            Ok(Admission::Admitted(reservation)) => {
                return Ok(counting.admitted(self, reservation));
            }
            Ok(Admission::Refused(refused)) => refused,
            Err(error) => return self.without_store(inquiry, counting, &error),
        };
        let standing = self.standing(inquiry);
        let Some((limit, units, allowance)) = counting.items.get(refused.claim()) else {
            return Err((Denial::billing_unavailable(), RateLimitFields::default()));
        };
        let used = used_of(refused.state());
        let denial =
            decision::exceeded(&inquiry.catalog, &standing, *limit, *units, allowance, used)
                .unwrap_or_else(|error| {
                    self.observer().mistake(&error);
                    Denial::billing_unavailable()
                });
        let mut fields = RateLimitFields::default();
        // The fields speak of the subject's own limit, which may be another one than was asked of.
        if denial.kind() != DenialKind::BillingUnavailable {
            fields.extend(field(allowance, refused.state(), counting.now));
        }
        Err((denial, fields))
    }

    /// The store is away. That is no denial, and whether the request passes uncounted is policy.
    fn without_store(
        &self,
        inquiry: &Inquiry,
        counting: Counting,
        error: &StoreError,
    ) -> Result<Count, (Denial, RateLimitFields)> {
        if error.kind() == StoreErrorKind::IdempotencyConflict {
            return Err((Denial::idempotency_key_reused(), RateLimitFields::default()));
        }
        self.observer().store_failed(error);
        match inquiry.unavailable {
            UnavailableAccess::Allow => Ok(counting.unanswered()),
            UnavailableAccess::DefaultTier | UnavailableAccess::Deny => {
                Err((Denial::billing_unavailable(), RateLimitFields::default()))
            }
        }
    }
}

impl Counting {
    /// Lets the request pass with nothing taken.
    pub(crate) fn nothing(self) -> Count {
        Count {
            grant: self.grant,
            now: self.now,
            items: SmallVec::new(),
            cell: None,
            reservation: None,
        }
    }

    /// Lets the request pass although nobody said how much is used.
    fn unanswered(mut self) -> Count {
        self.grant.assurance = Assurance::Degraded;
        self.nothing()
    }

    fn admitted(self, gate: &TierGate, reservation: Reservation) -> Count {
        let cell = gate
            .tickets()
            .take(self.items.iter().map(|(_, units, _)| *units));
        let states = reservation.admitted().states();
        Count {
            grant: self.grant,
            now: self.now,
            items: self
                .items
                .into_iter()
                .zip(states.iter().copied())
                .map(|((_, _, allowance), state)| Item { allowance, state })
                .collect(),
            cell: Some(cell),
            reservation: Some(reservation),
        }
    }
}

impl Count {
    pub(crate) fn grant(&self) -> Grant {
        self.grant
    }

    /// What the handler is told of it.
    pub(crate) fn taken(&self) -> Taken {
        let Some(cell) = &self.cell else {
            return Taken::Uncounted;
        };
        let metered = self
            .items
            .iter()
            .enumerate()
            .map(|(claim, item)| Metered {
                feature: Arc::clone(&item.allowance.feature),
                limit: item.allowance.limit,
                used: item.state.used(),
                resets_at: resets_at(&item.allowance, item.state, self.now),
                ticket: Ticket::new(Arc::clone(cell), claim),
            })
            .collect();
        Taken::Units(metered)
    }

    /// What the client is told of it.
    pub(crate) fn fields(&self) -> RateLimitFields {
        let mut fields = RateLimitFields::default();
        for item in &self.items {
            fields.extend(field(&item.allowance, item.state, self.now));
        }
        fields
    }

    /// Charges the units, or gives them back. What the store cannot do at once goes on without the
    /// caller.
    pub(crate) fn settle(mut self, gate: &TierGate, charge: Charge) {
        let Some(cell) = self.cell.take() else {
            return;
        };
        let units = cell.settle();
        if let Some(reservation) = self.reservation.take() {
            match charge {
                Charge::Commit => {
                    let units = units.get(..self.items.len()).unwrap_or(&units);
                    drop(reservation.commit_with(units));
                }
                Charge::Release => drop(reservation),
            }
        }
        gate.tickets().put(cell);
    }

    pub(super) fn into_reserved(mut self) -> Option<Reserved> {
        let reservation = self.reservation.take()?;
        let item = self.items.into_iter().next()?;
        Some(Reserved {
            limit: item.allowance.limit,
            used: item.state.used(),
            resets_at: resets_at(&item.allowance, item.state, self.now),
            reservation,
        })
    }
}

/// Units of a limit that were reserved for plain code, see
/// [`TierGate::reserve`](super::TierGate::reserve).
///
/// Dropping it gives them back, also on panic and when the task is cancelled.
#[derive(Debug)]
#[must_use = "what is reserved is given back when this is dropped"]
pub struct Reserved {
    limit: Limit,
    used: u64,
    resets_at: Option<Timestamp>,
    reservation: Reservation,
}

impl Reserved {
    /// The limit.
    #[must_use]
    pub fn limit(&self) -> Limit {
        self.limit
    }

    /// How many units are used, those that are reserved here included.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used
    }

    /// How many units are left; none if there is no bound.
    #[must_use]
    pub fn remaining(&self) -> Option<u64> {
        self.limit.remaining(self.used)
    }

    /// When the window ends that they count in; none for a gauge.
    #[must_use]
    pub fn resets_at(&self) -> Option<Timestamp> {
        self.resets_at
    }

    /// Charges what was reserved. It is on its way when this returns, and goes on when the future is
    /// dropped.
    ///
    /// # Errors
    ///
    /// The future fails when the store cannot be reached after several tries. The units come back
    /// when the reservation expires.
    #[must_use = "the result tells whether it was charged"]
    pub fn commit(self) -> Settling {
        self.reservation.commit()
    }

    /// Charges what was really used, more or less than was reserved.
    ///
    /// # Errors
    ///
    /// As for [`commit`](Self::commit).
    #[must_use = "the result tells whether it was charged"]
    pub fn commit_units(self, units: u64) -> Settling {
        self.reservation.commit_with(&[units])
    }

    /// Gives the units back, and tells how that went. A rate is never given back.
    ///
    /// # Errors
    ///
    /// As for [`commit`](Self::commit).
    #[must_use = "the result tells whether it was given back"]
    pub fn release(self) -> Settling {
        self.reservation.release()
    }
}

/// Where units of an allowance are counted.
pub(super) fn counter_key(subject: &Subject, allowance: &Allowance) -> CounterKey {
    let window = match (allowance.window, allowance.meter) {
        (Some(window), _) => CounterWindow::Fixed {
            start: window.start(),
            end: window.end(),
        },
        (None, Meter::Rate(period)) => CounterWindow::Sliding {
            length: period.length(),
        },
        (None, Meter::Gauge | Meter::Quota(_)) => CounterWindow::Level,
    };
    CounterKey::new(subject.clone(), Arc::clone(&allowance.feature), window)
}

/// What the core is told of a counter.
pub(super) fn used_of(state: CounterState) -> Used {
    Used {
        units: state.used(),
        wait: state.wait(),
    }
}

/// When the passing of time brings units back.
pub(super) fn resets_at(
    allowance: &Allowance,
    state: CounterState,
    now: Timestamp,
) -> Option<Timestamp> {
    match allowance.window {
        Some(window) => Some(window.end()),
        None => state.wait().map(|wait| now.saturating_add(wait)),
    }
}

fn field(allowance: &Allowance, state: CounterState, now: Timestamp) -> Option<RateLimitField> {
    let quota = allowance.limit.at_most()?;
    let window: Option<Duration> = match (allowance.window, allowance.meter) {
        (Some(window), _) => Some(window.length()),
        (None, Meter::Rate(period)) => Some(period.length()),
        (None, Meter::Gauge | Meter::Quota(_)) => None,
    };
    Some(RateLimitField {
        name: Arc::clone(&allowance.feature),
        quota,
        window,
        remaining: quota.saturating_sub(state.used()),
        resets_in: resets_at(allowance, state, now).map(|reset| reset.duration_since(now)),
    })
}

/// Where a subject stands with a limit, without spending any of it.
pub(super) fn allowance(
    inquiry: &Inquiry,
    standing: &Standing<'_>,
    limit: LimitId,
) -> Result<Result<Allowance, Denial>, ForeignIdError> {
    Ok(
        match decision::admit(&inquiry.catalog, standing, limit, 0)? {
            decision::Admission::Countable(allowance) => Ok(allowance),
            decision::Admission::Denied(denial) => Err(denial),
        },
    )
}
