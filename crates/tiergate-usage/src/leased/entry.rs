//! What a shard keeps of one counter, whichever kind it is.

use std::collections::VecDeque;

use tiergate_core::Limit;

use crate::memory::slab::Handle;
use crate::now::Now;
use crate::{CounterKey, CounterState, LeaseId};

use super::account::{Account, Check, Commit, Event, Pending, Service, Step};
use super::fault::Fault;
use super::message::{Answer, Message};
use super::rate::RateAccount;
use super::terms::Terms;
use super::waiter::Waiter;

/// The account of one counter.
#[derive(Debug)]
pub(super) enum Entry {
    /// Its units are leased, and go back.
    Quota(Box<Account>),
    /// Its units are taken to be spent at once.
    Rate(Box<RateAccount>),
}

/// Calls a method that both kinds have.
macro_rules! either {
    ($entry:expr, $it:ident => $call:expr) => {
        match $entry {
            Entry::Quota($it) => $call,
            Entry::Rate($it) => $call,
        }
    };
}

impl Entry {
    /// None if nothing is ever taken ahead of this counter.
    pub(super) fn new(key: CounterKey, now: u64, terms: &Terms) -> Option<Self> {
        match key.window() {
            crate::CounterWindow::Fixed { .. } => {
                Some(Self::Quota(Box::new(Account::new(key, now))))
            }
            crate::CounterWindow::Sliding { .. } => {
                let rate = RateAccount::new(key, now, terms)?;
                Some(Self::Rate(Box::new(rate)))
            }
            crate::CounterWindow::Level => None,
        }
    }

    pub(super) fn key(&self) -> &CounterKey {
        either!(self, it => it.key())
    }

    /// Those who wait for units, in turn.
    pub(super) fn waiting(&self) -> &VecDeque<Waiter> {
        either!(self, it => &it.waiting)
    }

    pub(super) fn waiting_mut(&mut self) -> &mut VecDeque<Waiter> {
        either!(self, it => &mut it.waiting)
    }

    /// Whether `units` can be taken now, by somebody who has just come.
    pub(super) fn check(&self, units: u64, limit: Limit, now: u64, terms: &Terms) -> Check {
        either!(self, it => it.check(units, limit, now, terms))
    }

    /// The same for whoever is at the front of the queue. None to go on waiting.
    pub(super) fn check_front(&self, units: u64, limit: Limit, now: u64) -> Option<Check> {
        either!(self, it => it.check_front(units, limit, now))
    }

    /// Notes units that the store is asked for directly.
    pub(super) fn goes_straight(&mut self, units: u64, now: u64) {
        match self {
            Self::Quota(_) => {}
            Self::Rate(rate) => rate.goes_straight(units, now),
        }
    }

    /// Takes units that [fit](Check::Fits).
    pub(super) fn take(&mut self, units: u64, limit: Limit, now: u64, terms: &Terms) {
        match self {
            Self::Quota(quota) => quota.take(units, limit, now, terms),
            Self::Rate(rate) => rate.take(units, limit, now),
        }
    }

    /// Takes back what was taken at this very moment, and told to nobody.
    pub(super) fn take_back(&mut self, units: u64, now: u64) {
        match self {
            Self::Quota(quota) => quota.release(units),
            Self::Rate(rate) => rate.take_back(units, now),
        }
    }

    /// Ends an operation that had reserved `units`. Only a quota gets them back.
    pub(super) fn release(&mut self, units: u64) {
        match self {
            Self::Quota(quota) => quota.release(units),
            Self::Rate(rate) => rate.leave(),
        }
    }

    /// Where the counter stands, with what is used here.
    pub(super) fn state(&self, now: &Now<'_>) -> CounterState {
        match self {
            Self::Quota(quota) => quota.state(now),
            Self::Rate(rate) => rate.state(now.elapsed()),
        }
    }

    /// Where it stood when a claim was [refused](Check::Refused).
    pub(super) fn refused_state(&self, now: &Now<'_>) -> CounterState {
        match self {
            Self::Quota(quota) => quota.state(now),
            Self::Rate(rate) => rate.refused_state(now),
        }
    }

    /// Where the counter stands by an answer of the store, less what is held here and not used.
    pub(super) fn correct(&self, told: CounterState, now: &Now<'_>) -> CounterState {
        match self {
            Self::Quota(quota) => quota.correct(told),
            Self::Rate(rate) => rate.correct(told, now.elapsed()),
        }
    }

    /// Stops using what the store may have let expire.
    pub(super) fn doubt_overdue(&mut self, now: u64) {
        match self {
            Self::Quota(quota) => quota.doubt_overdue(now),
            // A block of a rate is asked at each spending whether it is over.
            Self::Rate(_) => {}
        }
    }

    /// Those who wait in vain, as the store fails. Those who have left do not count.
    pub(super) fn take_disappointed(&mut self) -> Vec<Waiter> {
        let fault = either!(self, it => it.fault());
        let waiting = self.waiting_mut();
        waiting.retain(|waiter| !waiter.tell.is_closed());
        if fault.is_some_and(Fault::ends_waits) {
            return waiting.drain(..).collect();
        }
        Vec::new()
    }

    /// Has all units given back that are not used. Whether there are any.
    pub(super) fn recall(&mut self) -> bool {
        match self {
            Self::Quota(quota) => quota.recall(),
            Self::Rate(_) => false,
        }
    }

    /// Whether units are still being given back on demand.
    pub(super) fn is_recalling(&self) -> bool {
        match self {
            Self::Quota(quota) => quota.is_recalling(),
            Self::Rate(_) => false,
        }
    }

    /// Whether a task is to be started that talks to the store. From then on the caller has to see
    /// to it.
    pub(super) fn take_lane(&mut self) -> bool {
        either!(self, it => it.lane.take())
    }

    /// Whether the store should be told or asked something at once, as seen on the fast path.
    pub(super) fn is_pressing(&self, now: u64) -> bool {
        match self {
            Self::Quota(quota) => quota.is_pressing(),
            Self::Rate(rate) => rate.is_pressing(now),
        }
    }

    /// Whether there is something to say, for who looks after accounts that nobody uses.
    pub(super) fn is_due(&self, now: &Now<'_>, service: Service, terms: &Terms) -> bool {
        match self {
            Self::Quota(quota) => quota.is_due(now, service, terms),
            Self::Rate(rate) => rate.is_due(),
        }
    }

    /// Frees the lane if there is nothing to say. A lease that is asked for anew is known as `fresh`.
    pub(super) fn step(
        &mut self,
        now: &Now<'_>,
        fresh: LeaseId,
        service: Service,
        terms: &Terms,
    ) -> Step {
        match self {
            Self::Quota(quota) => quota.step(now, fresh, service, terms),
            Self::Rate(rate) => rate.step(now.elapsed(), service, terms),
        }
    }

    /// Takes in what the store answered to `message`, which was sent at `sent`.
    pub(super) fn answered(
        &mut self,
        message: Message,
        answer: Answer,
        sent: u64,
        now: u64,
        terms: &Terms,
        dice: u64,
    ) -> Event {
        match self {
            Self::Quota(quota) => quota.answered(message, answer, sent, now, terms, dice),
            Self::Rate(rate) => rate.answered(answer, sent, now, terms, dice),
        }
    }

    /// The task that saw to the account is gone. What it had sent may have arrived.
    pub(super) fn abandoned(&mut self, now: u64) {
        either!(self, it => it.abandoned(now));
    }

    /// Whether a commit would be sure at once.
    pub(super) fn is_sure(&self, units: u64) -> bool {
        match self {
            Self::Quota(quota) => quota.is_sure(units),
            Self::Rate(_) => true,
        }
    }

    /// Counts `units` of an operation that had reserved `reserved`.
    pub(super) fn commit(&mut self, reserved: u64, units: u64, handle: Handle, now: u64) -> Commit {
        match self {
            Self::Quota(quota) => quota.commit(reserved, units, handle),
            Self::Rate(rate) => {
                rate.commit(reserved, units, now);
                Commit::Sure
            }
        }
    }

    /// Takes a commit off the list that the store has acknowledged.
    pub(super) fn pop_sure(&mut self) -> Option<Pending> {
        match self {
            Self::Quota(quota) => quota.pop_sure(),
            Self::Rate(_) => None,
        }
    }

    /// Notes a commit that is counted and not told yet.
    pub(super) fn unsettle(&mut self, units: u64) {
        match self {
            Self::Quota(quota) => quota.unsettle(units),
            Self::Rate(rate) => rate.stay(),
        }
    }

    /// Notes that it is told.
    pub(super) fn settle(&mut self, units: u64) {
        match self {
            Self::Quota(quota) => quota.settle(units),
            Self::Rate(rate) => rate.leave(),
        }
    }

    /// Nothing would be lost if the account was not there.
    pub(super) fn is_empty(&self, now: u64) -> bool {
        either!(self, it => it.is_empty(now))
    }

    /// Whether it has nothing that is to be given back or told.
    pub(super) fn is_returned(&self) -> bool {
        match self {
            Self::Quota(quota) => quota.is_returned(),
            Self::Rate(rate) => rate.is_settled(),
        }
    }

    /// Units that are held and not used.
    pub(super) fn idle_units(&self, now: u64) -> u64 {
        match self {
            Self::Quota(quota) => quota.idle_units(),
            Self::Rate(rate) => rate.unspent(now),
        }
    }
}
