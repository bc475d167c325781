use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use smallvec::SmallVec;
use tiergate_core::catalog::ForeignIdError;
use tiergate_core::decision::{
    self, Allowance, Assurance, Grant, Standing, UnavailableAccess, Used,
};
use tiergate_core::time::Timestamp;
use tiergate_core::{Denial, DenialKind, Limit, LimitId, Meter, Subject, Window};
use tiergate_usage::{
    Admitted, Admitting, Asked, Claim, CounterKey, CounterState, Hold, IdempotencyKey, MAX_CLAIMS,
    NotHeld, Replay, Reserve, Settlement, StoreError, StoreErrorKind,
};

use super::charged::{Account, Bill};
use super::reserved::Reserved;
use super::tab::{Holding, Item, Tab};
use super::{Inquiry, StoreOutage, TierGate};
use crate::denial::{RateLimitField, RateLimitFields};
use crate::layer::Charge;
use crate::layer::rule::Settled;
use crate::request::{Access, Metered, Ticket};

/// Units of one limit that are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asking {
    pub(crate) limit: LimitId,
    /// None if they were taken already for the same request.
    pub(crate) units: Option<u64>,
}

/// Units that the subject may ask of the store, and that the store has not answered for yet.
#[derive(Debug)]
pub struct Counting(Box<Tab>);

/// Units that were taken, until they are charged or given back. Dropping it gives them back.
#[derive(Debug)]
pub(crate) struct Count(Box<Tab>);

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
    /// Decides which units the subject may ask the store for.
    pub(crate) fn begin_count(
        &self,
        inquiry: &Inquiry,
        asking: &[Asking],
        idempotency_key: Option<&IdempotencyKey>,
    ) -> Result<Counting, CountError> {
        let standing = self.standing(inquiry);
        let mut tab = Tab::open(decision::grant(&standing), standing.now());
        for &Asking { limit, units } in asking {
            let asked = units.unwrap_or(0);
            match decision::admit(&inquiry.catalog, &standing, limit, asked)? {
                decision::Admission::Denied(denial) => {
                    tab.put_away();
                    return Err(CountError::Denied(denial));
                }
                decision::Admission::Countable(allowance) => {
                    tab.grant = allowance.grant;
                    if asked > 0 {
                        let key = counter_key(&inquiry.subject, &allowance);
                        let item = Item {
                            limit,
                            meter: allowance.meter,
                            window: allowance.window,
                            state: None,
                        };
                        tab.add(item, Claim::new(key, asked, allowance.limit));
                    }
                }
            }
        }
        tab.account = self.inner.listeners.are_any().then(|| Account {
            subject: inquiry.subject.clone(),
            catalog: Arc::clone(&inquiry.catalog),
            idempotency_key: idempotency_key.cloned(),
            at: standing.now(),
        });
        Ok(Counting(tab))
    }

    /// Asks the store for units: its answer, if it is there at once, or what brings it. None if there
    /// is nothing to ask.
    pub(crate) fn ask_store(
        &self,
        Counting(tab): &Counting,
        idempotency_key: Option<&IdempotencyKey>,
    ) -> Option<Result<Result<Asked, StoreError>, Admitting>> {
        if tab.items.is_empty() {
            return None;
        }
        let mut request = Reserve::new(&tab.claims, self.inner.reservation_ttl);
        if let Some(key) = idempotency_key {
            request = request.with_idempotency_key(key);
        }
        Some(Hold::ask(&self.inner.usage, request))
    }

    /// Takes the units, if the store gives them at once.
    #[inline]
    pub(crate) fn take_at_once(
        &self,
        Counting(mut tab): Counting,
    ) -> Result<Count, (Counting, Box<NotHeld>)> {
        let Tab { items, claims, .. } = &mut *tab;
        let request = Reserve::new(claims, self.inner.reservation_ttl);
        let held = Hold::take(&self.inner.usage, request, |admitted| {
            for (item, state) in items.iter_mut().zip(admitted.states()) {
                item.state = Some(*state);
            }
        });
        match held {
            Ok(hold) => {
                tab.hold(Holding::Reserved(hold));
                Ok(Count(tab))
            }
            Err(not_held) => Err((Counting(tab), not_held)),
        }
    }

    /// Takes the store's answer.
    pub(crate) fn end_count(
        &self,
        inquiry: &Inquiry,
        counting: Counting,
        answer: Result<Asked, StoreError>,
        outage: Option<StoreOutage>,
    ) -> Result<Count, (Denial, RateLimitFields)> {
        let refused = match answer {
            Ok(Asked::Admitted(hold, admitted)) => {
                return Ok(counting.admitted(hold, &admitted));
            }
            Ok(Asked::Refused(refused)) => refused,
            Err(error) => return self.without_store(inquiry, counting, &error, outage),
        };
        let Counting(tab) = counting;
        let Some((item, claim)) = tab.lines().nth(refused.claim()) else {
            return Err((Denial::billing_unavailable(), RateLimitFields::default()));
        };
        let used = used_of(refused.state());
        let denial = self
            .exceeded(inquiry, item.limit, claim.units(), used)
            .unwrap_or_else(|error| {
                self.observer().mistake(&error);
                Denial::billing_unavailable()
            });
        let mut fields = RateLimitFields::default();
        // The fields speak of the subject's own limit, which may be another one than was asked of.
        if denial.kind() != DenialKind::BillingUnavailable {
            let field = field(item, claim, refused.state(), tab.now);
            fields.extend(field.map(RateLimitField::to_owned));
        }
        tab.put_away();
        Err((denial, fields))
    }

    /// The denial of units that the store found not to fit.
    fn exceeded(
        &self,
        inquiry: &Inquiry,
        limit: LimitId,
        units: u64,
        used: Used,
    ) -> Result<Denial, ForeignIdError> {
        let (catalog, standing) = (&inquiry.catalog, self.standing(inquiry));
        match decision::admit(catalog, &standing, limit, units)? {
            decision::Admission::Countable(allowance) => {
                decision::exceeded(catalog, &standing, limit, units, &allowance, used)
            }
            decision::Admission::Denied(denial) => Ok(denial),
        }
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
            Some(StoreOutage::Allow) => Ok(counting.unanswered()),
            Some(StoreOutage::Allowance(units)) => {
                match self.spend_allowance(&counting, units.get()) {
                    Some((hold, admitted)) => Ok(counting.degraded().admitted(hold, &admitted)),
                    None => refusal(),
                }
            }
            None => match inquiry.unavailable {
                UnavailableAccess::Allow => Ok(counting.unanswered()),
                UnavailableAccess::DefaultTier | UnavailableAccess::Deny => refusal(),
            },
        }
    }

    /// Takes the units out of what this process may spend by itself.
    fn spend_allowance(&self, counting: &Counting, most: u64) -> Option<(Hold, Admitted)> {
        let claims = counting.0.claims.iter().map(|claim| {
            let limit = claim.limit().at_most().unwrap_or(u64::MAX);
            let limit = Limit::AtMost(limit.min(most));
            Claim::new(claim.key().clone(), claim.units(), limit)
        });
        let claims: SmallVec<[Claim; MAX_CLAIMS]> = claims.collect();
        let request = Reserve::new(&claims, self.inner.reservation_ttl);
        // The memory of this process answers at once.
        match Hold::ask(&self.inner.allowance, request) {
            Ok(Ok(Asked::Admitted(hold, admitted))) => Some((hold, admitted)),
            _ => None,
        }
    }
}

impl Counting {
    #[inline]
    pub(super) fn of(tab: Box<Tab>) -> Self {
        Self(tab)
    }

    /// Lets the request pass with nothing taken.
    pub(crate) fn nothing(self) -> Count {
        let Self(mut tab) = self;
        tab.clear();
        tab.account = None;
        Count(tab)
    }

    fn degraded(mut self) -> Self {
        self.0.grant.assurance = Assurance::Degraded;
        self
    }

    /// Lets the request pass although nobody said how much is used.
    fn unanswered(self) -> Count {
        let mut counting = self.degraded();
        if counting.0.account.is_none() {
            return counting.nothing();
        }
        // What is not counted is billed all the same.
        counting.0.hold(Holding::Uncounted);
        Count(counting.0)
    }

    #[inline]
    fn admitted(self, hold: Hold, admitted: &Admitted) -> Count {
        let Self(mut tab) = self;
        for (item, state) in tab.items.iter_mut().zip(admitted.states()) {
            item.state = Some(*state);
        }
        tab.hold(Holding::Reserved(hold));
        Count(tab)
    }
}

impl Count {
    pub(crate) fn grant(&self) -> Grant {
        self.0.grant
    }

    /// Tells the handler of it.
    #[inline]
    pub(crate) fn enter(&self, access: &mut Access) {
        let Self(tab) = self;
        if let Holding::Nothing = tab.holding {
            return access.pass_uncounted(Ticket::uncounted());
        }
        let ticket = |claim| Ticket::new(Arc::clone(&tab.cell), claim);
        let mut uncounted = true;
        for (index, (item, claim)) in tab.lines().enumerate() {
            let Some(state) = item.state else { continue };
            uncounted = false;
            access.add(Metered {
                feature: claim.key().shared_feature(),
                limit: claim.limit(),
                used: state.used(),
                resets_at: resets_at(item.window, state, tab.now),
                ticket: ticket(index),
            });
        }
        if uncounted {
            access.pass_uncounted(ticket(0));
        }
    }

    /// Tells the client of it.
    pub(crate) fn append_fields(&self, headers: &mut HeaderMap) {
        let Self(tab) = self;
        for (item, claim) in tab.lines() {
            if let Some(field) = item
                .state
                .and_then(|state| field(item, claim, state, tab.now))
            {
                field.append_to(headers);
            }
        }
    }

    /// Charges the units, or gives them back. What the store cannot do at once goes on without the
    /// caller; what the answer should wait for is returned.
    #[inline]
    pub(crate) fn settle(self, gate: &TierGate, charge: Charge) -> Option<Settled> {
        let Self(mut tab) = self;
        let holding = tab.let_go();
        let units = tab.cell.settle();
        let units = units.get(..tab.items.len()).unwrap_or(&units);
        let settled = match (charge, holding) {
            (Charge::Commit, Holding::Reserved(hold)) if tab.account.is_none() => {
                commit_unbilled(gate, hold, units)
            }
            (Charge::Commit, Holding::Reserved(hold)) => commit(gate, hold, units, tab.bill(units)),
            (Charge::Commit, Holding::Uncounted) => {
                gate.charge(tab.bill(units));
                None
            }
            (Charge::Commit, Holding::Nothing) | (Charge::Release, _) => None,
        };
        tab.put_away();
        settled
    }

    pub(super) fn into_reserved(self, gate: &TierGate) -> Option<Reserved> {
        let Self(mut tab) = self;
        let Holding::Reserved(hold) = tab.let_go() else {
            return None;
        };
        let line = (tab.items.pop()?, tab.claims.pop()?);
        let account = tab.account.take().map(|account| (gate.clone(), account));
        let now = tab.now;
        tab.put_away();
        Reserved::new(hold, line, account, now)
    }
}

#[inline]
fn commit_unbilled(gate: &TierGate, hold: Hold, units: &[u64]) -> Option<Settled> {
    match hold.commit_now(units) {
        Ok(settled) => {
            gate.note_settled(&settled);
            None
        }
        Err(pending) => gate.wait_until_settled(pending),
    }
}

#[inline(never)]
fn commit(gate: &TierGate, hold: Hold, units: &[u64], bill: Option<Bill>) -> Option<Settled> {
    let replay = hold.replay();
    match (hold.commit_now(units), replay) {
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
    window: Option<Window>,
    state: CounterState,
    now: Timestamp,
) -> Option<Timestamp> {
    match window {
        Some(window) => Some(window.end()),
        None => state.wait().map(|wait| now.saturating_add(wait)),
    }
}

fn field<'a>(
    item: &Item,
    claim: &'a Claim,
    state: CounterState,
    now: Timestamp,
) -> Option<RateLimitField<&'a str>> {
    let quota = claim.limit().at_most()?;
    let window: Option<Duration> = match (item.window, item.meter) {
        (Some(window), _) => Some(window.length()),
        (None, Meter::Rate(period)) => Some(period.length()),
        (None, Meter::Gauge | Meter::Quota(_)) => None,
    };
    Some(RateLimitField {
        name: claim.key().feature(),
        quota,
        window,
        remaining: quota.saturating_sub(state.used()),
        resets_in: resets_at(item.window, state, now).map(|reset| reset.duration_since(now)),
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
