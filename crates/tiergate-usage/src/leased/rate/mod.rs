//! What a process has of one rate: a state machine without clock, lock or I/O.
//!
//! A block of units is counted by the store when it is granted, and `spend_within` longer than the
//! length of the rate. It is spent here within that time, counted from before it was asked for. So each
//! unit is counted during the whole length that follows its spending:
//!
//! ```text
//!   asked   granted      spent              asked + spend_within         granted + spend_within + length
//! ────┼────────┼───────────┼────────────────────────┼──────────────────────────────┼────► store's time
//!              │           ├─── length ─────────────┼──────────┤                   │
//!              └────────────────── counted by the store ───────────────────────────┘
//! ```
//!
//! Nobody has to be told anything afterwards: a block is over by itself.

mod allowance;
mod demand;
mod exchange;
mod span;

pub(super) use span::RateTerms;
pub use span::Rates;

use std::collections::VecDeque;
use std::time::Duration;

use tiergate_core::Limit;

use crate::now::Now;
use crate::{CounterKey, CounterState};

use super::account::Check;
use super::fault::Fault;
use super::lane::Lane;
use super::terms::Terms;
use super::waiter::Waiter;
use allowance::Allowance;
use demand::Demand;
use exchange::{Asking, Owed};
use span::Span;

/// Fewer units than this in a period are asked for one by one: what is taken ahead counts longer.
const LEAST_EXPECTED: u64 = 2;

/// One rate.
#[derive(Debug)]
pub(super) struct RateAccount {
    key: CounterKey,
    span: Span,
    allowance: Allowance,
    /// Operations that refer to this account.
    open: u64,
    /// What the store said last.
    told: Option<Told>,
    /// Units that were used beyond what was reserved, and that the store has yet to count.
    owed: Option<Owed>,
    pub(super) waiting: VecDeque<Waiter>,
    asking: Option<Asking>,
    refusal: Option<Refusal>,
    fault: Option<Fault>,
    pub(super) lane: Lane,
    demand: Demand,
    /// Below so many unspent units the next block is asked for.
    low_water: u64,
    last_limit: Limit,
    /// Until then the store is asked directly: its answers come too late to spend anything.
    straight_until: u64,
}

/// Where the counter stood at the store.
#[derive(Clone, Copy, Debug)]
struct Told {
    used: u64,
    /// When the oldest unit leaves.
    leaves_at: Option<u64>,
}

/// That the store had too little for such a claim.
#[derive(Clone, Copy, Debug)]
struct Refusal {
    limit: Limit,
    units: u64,
    used: u64,
    /// When it fits. Nothing makes that earlier, as nobody gives a unit of a rate back.
    until: u64,
}

impl RateAccount {
    /// None for a counter of which no blocks are taken.
    pub(super) fn new(key: CounterKey, now: u64, terms: &Terms) -> Option<Self> {
        let crate::CounterWindow::Sliding { length } = key.window() else {
            return None;
        };
        let span = terms.rates.span(length)?;
        Some(Self {
            key,
            span,
            allowance: Allowance::default(),
            open: 0,
            told: None,
            owed: None,
            waiting: VecDeque::new(),
            asking: None,
            refusal: None,
            fault: None,
            lane: Lane::default(),
            demand: Demand::new(span.life / 2, now),
            low_water: 0,
            last_limit: Limit::ZERO,
            straight_until: 0,
        })
    }

    pub(super) fn key(&self) -> &CounterKey {
        &self.key
    }

    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Whether `units` can be taken now, by somebody who has just come.
    pub(super) fn check(&self, units: u64, limit: Limit, now: u64, terms: &Terms) -> Check {
        if self.waiting.is_empty()
            && let Some(check) = self.check_unspent(units, limit, now)
        {
            return check;
        }
        if let Some(fault) = self.fault
            && fault.turns_away(now)
        {
            return Check::Fault(fault.kind);
        }
        if let Some(check) = self.check_store(units, limit, now) {
            return check;
        }
        if self.waiting.is_empty() && self.demand.expected(now) < LEAST_EXPECTED {
            return Check::AskStore;
        }
        if self.waiting.len() >= terms.most_waiting {
            return Check::Crowded;
        }
        Check::Lacking
    }

    /// The same for whoever is at the front of the queue. None to go on waiting, also while the store
    /// fails: see [`Fault::ends_waits`].
    pub(super) fn check_front(&self, units: u64, limit: Limit, now: u64) -> Option<Check> {
        self.check_unspent(units, limit, now)
            .or_else(|| self.check_store(units, limit, now))
    }

    fn check_unspent(&self, units: u64, limit: Limit, now: u64) -> Option<Check> {
        let floor = self.allowance.floor(now);
        // The store says the highest number also of all beyond it.
        let is_above = limit
            .at_most()
            .is_some_and(|limit| limit < floor || floor == u64::MAX);
        if is_above {
            return Some(Check::AskStore);
        }
        (units <= self.allowance.unspent(now)).then_some(Check::Fits)
    }

    fn check_store(&self, units: u64, limit: Limit, now: u64) -> Option<Check> {
        if now < self.straight_until {
            return Some(Check::AskStore);
        }
        let is_refused = self
            .refusal
            .is_some_and(|it| now < it.until && units == it.units && limit == it.limit);
        is_refused.then_some(Check::Refused)
    }

    /// Notes units that the store is asked for directly.
    pub(super) fn goes_straight(&mut self, units: u64, now: u64) {
        self.demand.note(units, now);
    }

    /// Takes units that [fit](Check::Fits).
    pub(super) fn take(&mut self, units: u64, limit: Limit, now: u64) {
        self.allowance.spend(units, now);
        self.demand.note(units, now);
        self.last_limit = limit;
        self.open = self.open.saturating_add(1);
    }

    /// Takes back what was taken at this very moment, and told to nobody.
    pub(super) fn take_back(&mut self, units: u64, now: u64) {
        self.allowance.take_back(units, now);
        self.leave();
    }

    /// An operation no longer refers to this account. What it took stays spent.
    pub(super) fn leave(&mut self) {
        self.open = self.open.saturating_sub(1);
    }

    /// An operation that was settled still refers to it, as another counter keeps it waiting.
    pub(super) fn stay(&mut self) {
        self.open = self.open.saturating_add(1);
    }

    /// Counts what was used by an operation that had reserved `reserved`.
    pub(super) fn commit(&mut self, reserved: u64, units: u64, now: u64) {
        self.leave();
        let beyond = units.saturating_sub(reserved);
        let owed = beyond - self.allowance.spend(beyond, now);
        self.owe(owed, now);
    }

    /// Where the counter stands, without what this process has taken and not spent.
    pub(super) fn state(&self, now: u64) -> CounterState {
        let Some(told) = self.told else {
            return CounterState::default();
        };
        // Later than that it is not known which unit is the oldest. All leave by then.
        let all_left = now
            .saturating_add(self.span.length)
            .saturating_add(self.span.spend_within);
        let leaves_at = told
            .leaves_at
            .map(|moment| if moment > now { moment } else { all_left });
        let wait = leaves_at.map(|moment| Duration::from_nanos(moment - now));
        self.correct(CounterState::new(told.used, wait), now)
    }

    /// Where it stands by an answer of the store.
    pub(super) fn correct(&self, told: CounterState, now: u64) -> CounterState {
        // The store says the highest number also of all beyond it.
        if told.used() == u64::MAX {
            return told;
        }
        let owed = self.owed.map_or(0, |owed| owed.units);
        let used = told
            .used()
            .saturating_sub(self.allowance.unspent(now))
            .saturating_add(owed);
        CounterState::new(used, told.wait())
    }

    /// Where it stood when a claim was [refused](Check::Refused), and how long until that fits.
    pub(super) fn refused_state(&self, now: &Now<'_>) -> CounterState {
        let Some(refusal) = self.refusal else {
            return self.state(now.elapsed());
        };
        let wait = refusal.until.saturating_sub(now.elapsed());
        CounterState::new(refusal.used, Some(Duration::from_nanos(wait)))
    }

    /// Whether the store should be asked something at once, as seen on the fast path.
    pub(super) fn is_pressing(&self, now: u64) -> bool {
        self.lane.is_free() && (self.owed.is_some() || self.is_low(now))
    }

    fn is_low(&self, now: u64) -> bool {
        if self.low_water == 0 || self.asking.is_some() {
            return false;
        }
        // What ends soon is not there for those who come then.
        let soon = now.saturating_add(self.span.life / 8);
        self.allowance.unspent(soon) < self.low_water
    }

    /// Whether there is something to say, for who looks after accounts that nobody uses.
    pub(super) fn is_due(&self) -> bool {
        self.owed.is_some() || !self.waiting.is_empty()
    }

    /// Nothing would be lost if the account was not there.
    pub(super) fn is_empty(&self, now: u64) -> bool {
        self.lane.is_free()
            && self.is_settled()
            && self.open == 0
            && self.waiting.is_empty()
            && self.refusal.is_none_or(|refusal| refusal.until <= now)
            && self.fault.is_none_or(|fault| fault.retry_at <= now)
            && self.straight_until <= now
            && self.demand.expected(now) == 0
            && self.allowance.unspent(now) == 0
    }

    /// Whether the store has been told everything. Blocks end by themselves.
    pub(super) fn is_settled(&self) -> bool {
        self.asking.is_none() && self.owed.is_none()
    }

    /// Units that were taken and may be spent.
    pub(super) fn unspent(&self, now: u64) -> u64 {
        self.allowance.unspent(now)
    }
}
