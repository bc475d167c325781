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
    Admission, Admitting, Claim, CounterKey, CounterState, IdempotencyKey, MAX_CLAIMS, Replay,
    Reservation, Reserve, Settlement, StoreError, StoreErrorKind,
};

use super::charged::{Account, Bill};
use super::reserved::Reserved;
use super::{Inquiry, StoreOutage, TierGate};
use crate::denial::{RateLimitField, RateLimitFields};
use crate::layer::Charge;
use crate::layer::rule::Settled;
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
    items: SmallVec<[Item; 1]>,
    account: Option<Account>,
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
    account: Option<Account>,
}

/// Units of one limit.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) limit: LimitId,
    pub(super) reserved: u64,
    pub(super) allowance: Allowance,
    /// None if the store has not said.
    pub(super) state: Option<CounterState>,
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
        for &Asking { limit, units } in asking {
            let asked = units.unwrap_or(0);
            match decision::admit(&inquiry.catalog, &standing, limit, asked)? {
                decision::Admission::Denied(denial) => return Err(CountError::Denied(denial)),
                decision::Admission::Countable(allowance) => {
                    grant = allowance.grant;
                    if asked > 0 {
                        let key = counter_key(&inquiry.subject, &allowance);
                        claims.push(Claim::new(key, asked, allowance.limit));
                        items.push(Item {
                            limit,
                            reserved: asked,
                            allowance,
                            state: None,
                        });
                    }
                }
            }
        }
        let account = self.inner.listeners.are_any().then(|| Account {
            subject: inquiry.subject.clone(),
            catalog: Arc::clone(&inquiry.catalog),
            idempotency_key: idempotency_key.cloned(),
            at: standing.now(),
        });
        let counting = Counting {
            grant,
            now: standing.now(),
            items,
            account,
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
        outage: Option<StoreOutage>,
    ) -> Result<Count, (Denial, RateLimitFields)> {
        let refused = match answer {
            Ok(Admission::Admitted(reservation)) => {
                return Ok(counting.admitted(self, reservation));
            }
            Ok(Admission::Refused(refused)) => refused,
            Err(error) => return self.without_store(inquiry, counting, &error, outage),
        };
        let standing = self.standing(inquiry);
        let Some(item) = counting.items.get(refused.claim()) else {
            return Err((Denial::billing_unavailable(), RateLimitFields::default()));
        };
        let (allowance, used) = (&item.allowance, used_of(refused.state()));
        let denial = decision::exceeded(
            &inquiry.catalog,
            &standing,
            item.limit,
            item.reserved,
            allowance,
            used,
        )
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
        outage: Option<StoreOutage>,
    ) -> Result<Count, (Denial, RateLimitFields)> {
        if error.kind() == StoreErrorKind::IdempotencyConflict {
            return Err((Denial::idempotency_key_reused(), RateLimitFields::default()));
        }
        self.observer().store_failed(error);
        let refusal = || Err((Denial::billing_unavailable(), RateLimitFields::default()));
        match outage.or(self.inner.outage) {
            Some(StoreOutage::Deny) => refusal(),
            Some(StoreOutage::Allow) => Ok(counting.unanswered(self)),
            Some(StoreOutage::Allowance(units)) => {
                match self.spend_allowance(&inquiry.subject, &counting, units.get()) {
                    Some(reservation) => Ok(counting.degraded().admitted(self, reservation)),
                    None => refusal(),
                }
            }
            None => match inquiry.unavailable {
                UnavailableAccess::Allow => Ok(counting.unanswered(self)),
                UnavailableAccess::DefaultTier | UnavailableAccess::Deny => refusal(),
            },
        }
    }

    /// Takes the units out of what this process may spend by itself.
    fn spend_allowance(
        &self,
        subject: &Subject,
        counting: &Counting,
        most: u64,
    ) -> Option<Reservation> {
        let claims: SmallVec<[Claim; MAX_CLAIMS]> = counting
            .items
            .iter()
            .map(|item| {
                let limit = item.allowance.limit.at_most().unwrap_or(u64::MAX).min(most);
                let key = counter_key(subject, &item.allowance);
                Claim::new(key, item.reserved, Limit::AtMost(limit))
            })
            .collect();
        let request = Reserve::new(&claims, self.inner.reservation_ttl);
        // The memory of this process answers at once.
        match Reservation::admit(Arc::clone(&self.inner.allowance), request).now_or_never() {
            Ok(Ok(Admission::Admitted(reservation))) => Some(reservation),
            _ => None,
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
            account: None,
        }
    }

    fn degraded(mut self) -> Self {
        self.grant.assurance = Assurance::Degraded;
        self
    }

    /// Lets the request pass although nobody said how much is used.
    fn unanswered(self, gate: &TierGate) -> Count {
        let counting = self.degraded();
        if counting.account.is_none() {
            return counting.nothing();
        }
        // What is not counted is billed all the same.
        Count {
            cell: Some(counting.take_cell(gate)),
            grant: counting.grant,
            now: counting.now,
            items: counting.items,
            reservation: None,
            account: counting.account,
        }
    }

    fn take_cell(&self, gate: &TierGate) -> Arc<Cell> {
        let units = self.items.iter().map(|item| item.reserved);
        gate.tickets().take(units)
    }

    fn admitted(mut self, gate: &TierGate, reservation: Reservation) -> Count {
        let states = reservation.admitted().states();
        for (item, state) in self.items.iter_mut().zip(states) {
            item.state = Some(*state);
        }
        Count {
            cell: Some(self.take_cell(gate)),
            grant: self.grant,
            now: self.now,
            items: self.items,
            reservation: Some(reservation),
            account: self.account,
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
            return Taken::Uncounted(Ticket::uncounted());
        };
        let metered = self.items.iter().enumerate().filter_map(|(claim, item)| {
            let state = item.state?;
            Some(Metered {
                feature: Arc::clone(&item.allowance.feature),
                limit: item.allowance.limit,
                used: state.used(),
                resets_at: resets_at(&item.allowance, state, self.now),
                ticket: Ticket::new(Arc::clone(cell), claim),
            })
        });
        let metered: SmallVec<_> = metered.collect();
        if metered.is_empty() {
            return Taken::Uncounted(Ticket::new(Arc::clone(cell), 0));
        }
        Taken::Units(metered)
    }

    /// What the client is told of it.
    pub(crate) fn fields(&self) -> RateLimitFields {
        let mut fields = RateLimitFields::default();
        for item in &self.items {
            if let Some(state) = item.state {
                fields.extend(field(&item.allowance, state, self.now));
            }
        }
        fields
    }

    /// Charges the units, or gives them back. What the store cannot do at once goes on without the
    /// caller; what the answer should wait for is returned.
    pub(crate) fn settle(mut self, gate: &TierGate, charge: Charge) -> Option<Settled> {
        let cell = self.cell.take()?;
        let units = cell.settle();
        let units = units.get(..self.items.len()).unwrap_or(&units);
        gate.tickets().put(cell);
        let reservation = self.reservation.take();
        match charge {
            Charge::Release => None,
            Charge::Commit => {
                let bill = self.account.map(|account| Bill {
                    account,
                    items: self.items,
                    units: SmallVec::from_slice(units),
                });
                let Some(reservation) = reservation else {
                    gate.charge(bill);
                    return None;
                };
                let replay = reservation.admitted().replay();
                match (reservation.commit_with(units).now_or_never(), replay) {
                    // Whoever settled it was charged.
                    (Ok(Ok(Settlement::AlreadySettled)), _) => None,
                    (Ok(settled), _) => {
                        gate.note_settled(&settled);
                        gate.charge(bill);
                        None
                    }
                    (Err(pending), Replay::First) => {
                        gate.charge(bill);
                        gate.wait_until_settled(pending)
                    }
                    (Err(pending), Replay::Repeated) => gate.charge_if_settled(bill, pending),
                }
            }
        }
    }

    pub(super) fn into_reserved(mut self, gate: &TierGate) -> Option<Reserved> {
        let reservation = self.reservation.take()?;
        let item = self.items.into_iter().next()?;
        let account = self.account.map(|account| (gate.clone(), account));
        Reserved::new(reservation, item, account, self.now)
    }
}

/// Where units of an allowance are counted.
pub(super) fn counter_key(subject: &Subject, allowance: &Allowance) -> CounterKey {
    let feature = Arc::clone(&allowance.feature);
    CounterKey::of_limit(subject.clone(), feature, allowance.meter, allowance.window)
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
