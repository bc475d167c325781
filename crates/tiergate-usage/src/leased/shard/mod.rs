//! The counters of some of the subjects, with the operations on them, under one lock.
//!
//! Like the accounts it has no clock, no lock and no I/O of its own.

mod queue;
mod settle;

use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;
use tokio::sync::oneshot;

use crate::memory::deadlines::{Deadlines, Expiring};
use crate::memory::room::Room;
use crate::memory::slab::{Ended, Found, Slab, Vacancy};
use crate::now::{Now, nanos};
use crate::{
    Admitted, Claim, CounterKey, CounterState, CounterStates, LeaseId, MAX_CLAIMS, Refusal,
    Refused, Replay, ReservationId, ReserveOutcome, Settlement, StoreErrorKind,
};

use crate::leased::account::{Check, Event, Service, Step};
use crate::leased::accounts::{AccountId, Accounts};
use crate::leased::entry::Entry;
use crate::leased::id::Names;
use crate::leased::message::{Answer, Message};
use crate::leased::terms::Terms;
use crate::leased::waiter::Verdict;

/// How many accounts may need a task after one step: one for each claim, nearly always.
pub(in crate::leased) type Kicks = SmallVec<[AccountId; MAX_CLAIMS]>;

/// Room that the shards share.
#[derive(Debug)]
pub(in crate::leased) struct Rooms {
    pub(in crate::leased) accounts: Room,
    pub(in crate::leased) reservations: Room,
}

/// Accounts, and open operations on them.
#[derive(Debug)]
pub(in crate::leased) struct Shard {
    accounts: Accounts,
    operations: Slab<Operation>,
    deadlines: Deadlines,
    rooms: Arc<Rooms>,
    terms: Terms,
    service: Service,
    names: Names,
    /// Accounts that need a task, to be started when the lock is no longer held.
    kicks: Kicks,
}

#[derive(Debug)]
struct Operation {
    deadline: u64,
    held: SmallVec<[Held; MAX_CLAIMS]>,
    stage: Stage,
}

impl Expiring for Operation {
    fn deadline(&self) -> u64 {
        self.deadline
    }
}

#[derive(Clone, Copy, Debug)]
struct Held {
    account: AccountId,
    units: u64,
}

#[derive(Debug)]
enum Stage {
    Open,
    Committing(Box<Committing>),
}

/// A commit that waits for the store.
#[derive(Debug)]
struct Committing {
    /// By how many counters it is not sure yet.
    missing: usize,
    tell: SmallVec<[oneshot::Sender<Settlement>; 1]>,
}

/// What became of an operation that was asked for.
#[derive(Debug)]
pub(in crate::leased) enum Attempt {
    Decided(ReserveOutcome),
    Failed(StoreErrorKind),
    AskStore,
    /// Nothing yet. It has to wait.
    Lacking,
}

/// The same, for one that may wait.
#[derive(Debug)]
pub(in crate::leased) enum Queued {
    Told(Verdict),
    Waiting(oneshot::Receiver<Verdict>),
}

/// What settling came to.
#[derive(Debug)]
pub(in crate::leased) enum Settled {
    Now(Settlement),
    /// It is counted. The store has yet to acknowledge it.
    Later(oneshot::Receiver<Settlement>),
    /// As many units as claims are needed.
    WrongClaims,
    /// It would not be done at once, so nothing was done.
    NotAtOnce,
    /// No operation of this shard.
    Unknown,
}

/// Whether a commit may begin to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::leased) enum Patience {
    AtOnce,
    MayWait,
}

impl Shard {
    pub(in crate::leased) fn new(rooms: Arc<Rooms>, terms: Terms, names: Names) -> Self {
        Self {
            accounts: Accounts::default(),
            operations: Slab::new(),
            deadlines: Deadlines::default(),
            rooms,
            terms,
            service: Service::Open,
            names,
            kicks: Kicks::new(),
        }
    }

    pub(in crate::leased) fn take_kicks(&mut self) -> Kicks {
        std::mem::take(&mut self.kicks)
    }

    /// Takes the claims, if that can be said at once.
    pub(in crate::leased) fn attempt(
        &mut self,
        claims: &[Claim],
        hashes: &[u64],
        ttl: Duration,
        now: &Now<'_>,
    ) -> Attempt {
        self.expire(now);
        if let ([claim], [hash]) = (claims, hashes) {
            return self.attempt_one(claim, *hash, ttl, now);
        }
        let mut found: SmallVec<[(AccountId, u64); MAX_CLAIMS]> = SmallVec::new();
        let mut lacking = false;
        for (position, (claim, hash)) in claims.iter().zip(hashes).enumerate() {
            let Some(index) = self.accounts.find(*hash, claim.key()) else {
                lacking = true;
                continue;
            };
            found.push((index, claim.units()));
            let Some(account) = self.accounts.get_mut(index) else {
                return Attempt::AskStore;
            };
            account.doubt_overdue(now.elapsed());
            match account.check(claim.units(), claim.limit(), now.elapsed(), &self.terms) {
                Check::Fits => {}
                Check::Lacking => lacking = true,
                // What comes before it would be found out too late.
                Check::Refused | Check::Fault(_) | Check::Crowded if lacking => {}
                check => return turned_down(&check, account, claim, position, now),
            }
        }
        if lacking {
            return Attempt::Lacking;
        }
        for ((index, units), claim) in found.iter().zip(claims) {
            if let Some(account) = self.accounts.get_mut(*index) {
                account.take(*units, claim.limit(), now.elapsed(), &self.terms);
            }
        }
        match self.admit(&found, ttl, now) {
            Some(admitted) => Attempt::Decided(ReserveOutcome::Admitted(admitted)),
            None => Attempt::Failed(StoreErrorKind::Full),
        }
    }

    /// The same for one claim, which nearly all operations are.
    fn attempt_one(&mut self, claim: &Claim, hash: u64, ttl: Duration, now: &Now<'_>) -> Attempt {
        let Some((index, account)) = self.accounts.find_mut(hash, claim.key()) else {
            return Attempt::Lacking;
        };
        account.doubt_overdue(now.elapsed());
        let (units, limit) = (claim.units(), claim.limit());
        match account.check(units, limit, now.elapsed(), &self.terms) {
            Check::Fits => {}
            check => return turned_down(&check, account, claim, 0, now),
        }
        let Some(vacancy) = self.operations.vacancy(&self.rooms.reservations) else {
            return Attempt::Failed(StoreErrorKind::Full);
        };
        account.take(units, limit, now.elapsed(), &self.terms);
        let mut states = CounterStates::new();
        states.push(account.state(now));
        let is_pressing = account.is_pressing(now.elapsed());
        let mut held = SmallVec::new();
        held.push(Held {
            account: index,
            units,
        });
        let name = self.open(vacancy, held, ttl, now);
        if is_pressing {
            self.kick(index);
        }
        let admitted = Admitted::new(name, states, Replay::First);
        Attempt::Decided(ReserveOutcome::Admitted(admitted))
    }

    /// Notes an operation whose units are taken. None if there is no room, and then they are back.
    fn admit(
        &mut self,
        taken: &[(AccountId, u64)],
        ttl: Duration,
        now: &Now<'_>,
    ) -> Option<Admitted> {
        let Some(vacancy) = self.operations.vacancy(&self.rooms.reservations) else {
            for (index, units) in taken {
                if let Some(account) = self.accounts.get_mut(*index) {
                    account.take_back(*units, now.elapsed());
                }
            }
            return None;
        };
        let mut states = CounterStates::new();
        let mut held = SmallVec::new();
        for (index, units) in taken {
            let account = self.accounts.get(*index);
            states.push(account.map_or(CounterState::default(), |it| it.state(now)));
            held.push(Held {
                account: *index,
                units: *units,
            });
            self.kick_if_pressing(*index, now);
        }
        let name = self.open(vacancy, held, ttl, now);
        Some(Admitted::new(name, states, Replay::First))
    }

    /// Puts an operation in its place, and gives it its name.
    #[inline]
    fn open(
        &mut self,
        vacancy: Vacancy,
        held: SmallVec<[Held; MAX_CLAIMS]>,
        ttl: Duration,
        now: &Now<'_>,
    ) -> ReservationId {
        let deadline = now.elapsed().saturating_add(nanos(ttl));
        let operation = Operation {
            deadline,
            held,
            stage: Stage::Open,
        };
        let operations = &mut self.operations;
        let handle = operations.insert(vacancy, operation);
        self.deadlines
            .add(deadline, now.elapsed(), handle, operations);
        self.names.name(handle)
    }

    fn put_back(&mut self, held: &[Held], now: &Now<'_>) {
        for held in held {
            if let Some(account) = self.accounts.get_mut(held.account) {
                account.release(held.units);
            }
            self.after_release(held.account, now);
        }
    }

    /// Units may have come back, and something may have to be told.
    fn after_release(&mut self, index: AccountId, now: &Now<'_>) {
        let waits = |account: &Entry| !account.waiting().is_empty();
        if self.accounts.get(index).is_some_and(waits) {
            self.serve(index, now);
        }
        match self.service {
            Service::Open => self.kick_if_pressing(index, now),
            Service::Closing => self.kick(index),
        }
    }

    /// Releases what has been open for too long.
    #[inline]
    fn expire(&mut self, now: &Now<'_>) {
        if self.deadlines.next() <= now.elapsed() {
            self.expire_due(now);
        }
    }

    #[cold]
    fn expire_due(&mut self, now: &Now<'_>) {
        let mut expired = 0_u64;
        while let Some(handle) = self.deadlines.pop_due(now.elapsed(), &self.operations) {
            let is_open = match self.operations.find(handle) {
                Found::Here(operation) => matches!(operation.stage, Stage::Open),
                Found::Gone(_) | Found::Unknown => false,
            };
            // One that is being committed waits for the store.
            if is_open && let Some(operation) = self.operations.remove(handle, |_| Ended::Expired) {
                self.put_back(&operation.held, now);
                expired += 1;
            }
        }
        if expired > 0 {
            crate::leased::observe::expired(expired);
        }
    }

    fn kick_if_pressing(&mut self, index: AccountId, now: &Now<'_>) {
        let is_pressing = |account: &Entry| account.is_pressing(now.elapsed());
        if self.accounts.get(index).is_some_and(is_pressing) {
            self.kick(index);
        }
    }

    /// Has a task started for an account that has none.
    fn kick(&mut self, index: AccountId) {
        if let Some(account) = self.accounts.get_mut(index)
            && account.take_lane()
        {
            self.kicks.push(index);
        }
    }

    /// What the task of an account does next.
    pub(in crate::leased) fn step(
        &mut self,
        index: AccountId,
        fresh: LeaseId,
        now: &Now<'_>,
    ) -> Step {
        self.expire(now);
        self.settle_accounts(index, now);
        let (service, terms) = (self.service, self.terms);
        let account = self.accounts.get_mut(index);
        account.map_or(Step::Rest, |it| it.step(now, fresh, service, &terms))
    }

    /// Takes in an answer of the store.
    pub(in crate::leased) fn answered(
        &mut self,
        index: AccountId,
        message: Message,
        answer: Answer,
        sent: u64,
        now: &Now<'_>,
        dice: u64,
    ) {
        let terms = self.terms;
        if let Some(account) = self.accounts.get_mut(index) {
            let event = account.answered(message, answer, sent, now.elapsed(), &terms, dice);
            crate::leased::observe::answered(event);
            if let Event::Failed(kind) = event {
                for waiter in account.take_disappointed() {
                    drop(waiter.tell.send(Verdict::Failed(kind)));
                }
            }
        }
        self.settle_accounts(index, now);
    }

    /// Tells everybody what is known now.
    fn settle_accounts(&mut self, index: AccountId, now: &Now<'_>) {
        if let Some(account) = self.accounts.get_mut(index) {
            account.doubt_overdue(now.elapsed());
        }
        self.tell_sure(index);
        self.serve(index, now);
    }

    /// A task was ended from outside, with or without a message under way.
    pub(in crate::leased) fn abandoned(&mut self, index: AccountId, now: &Now<'_>) {
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        account.abandoned(now.elapsed());
        for waiter in account.waiting_mut().drain(..) {
            drop(
                waiter
                    .tell
                    .send(Verdict::Failed(StoreErrorKind::Unavailable)),
            );
        }
    }

    /// Looks after accounts that nobody uses.
    pub(in crate::leased) fn look_after(&mut self, now: &Now<'_>) {
        self.expire(now);
        for index in self.accounts.ids() {
            let (service, terms) = (self.service, self.terms);
            let Some(account) = self.accounts.get_mut(index) else {
                continue;
            };
            if account.is_due(now, service, &terms) {
                self.kick(index);
            } else {
                self.forget_if_empty(index, now);
            }
        }
    }

    /// Takes no more blocks for operations to come, and gives all back that is not used.
    pub(in crate::leased) fn close(&mut self, now: &Now<'_>) {
        self.service = Service::Closing;
        self.look_after(now);
    }

    /// Has all units of a counter given back that are not used. Whether there are any.
    pub(in crate::leased) fn recall(&mut self, hash: u64, key: &CounterKey) -> bool {
        let Some(index) = self.accounts.find(hash, key) else {
            return false;
        };
        let recalled = self.accounts.get_mut(index).is_some_and(Entry::recall);
        if recalled {
            self.kick(index);
        }
        recalled
    }

    pub(in crate::leased) fn is_recalling(&self, hash: u64, key: &CounterKey) -> bool {
        let index = self.accounts.find(hash, key);
        let account = index.and_then(|index| self.accounts.get(index));
        account.is_some_and(Entry::is_recalling)
    }

    fn forget_if_empty(&mut self, index: AccountId, now: &Now<'_>) {
        let is_empty = |account: &Entry| account.is_empty(now.elapsed());
        if self.accounts.get(index).is_some_and(is_empty) {
            self.accounts.remove(index);
            self.rooms.accounts.give_back(1);
        }
    }

    /// An answer of the store about a counter, less what is leased and not used.
    pub(in crate::leased) fn correct(
        &self,
        hash: u64,
        key: &CounterKey,
        told: CounterState,
        now: &Now<'_>,
    ) -> CounterState {
        let account = self
            .accounts
            .find(hash, key)
            .and_then(|index| self.accounts.get(index));
        account.map_or(told, |account| account.correct(told, now))
    }

    pub(in crate::leased) fn key(&self, index: AccountId) -> Option<CounterKey> {
        Some(self.accounts.get(index)?.key().clone())
    }

    /// Counters of which blocks are held, and the units of them that are not used.
    pub(in crate::leased) fn holdings(&self, now: &Now<'_>) -> (u64, u64) {
        let held = self.accounts.iter().filter(|it| !it.is_returned());
        held.fold((0, 0), |(counters, idle), account| {
            (
                counters + 1,
                account.idle_units(now.elapsed()).saturating_add(idle),
            )
        })
    }
}

/// What an operation comes to of which a claim does not fit.
fn turned_down(
    check: &Check,
    account: &mut Entry,
    claim: &Claim,
    position: usize,
    now: &Now<'_>,
) -> Attempt {
    match check {
        Check::Fits | Check::Lacking => Attempt::Lacking,
        Check::AskStore => {
            account.goes_straight(claim.units(), now.elapsed());
            Attempt::AskStore
        }
        Check::Fault(kind) => Attempt::Failed(*kind),
        Check::Crowded => Attempt::Failed(StoreErrorKind::Full),
        Check::Refused => {
            let state = account.refused_state(now);
            let refused = Refused::new(position, Refusal::Full, state);
            Attempt::Decided(ReserveOutcome::Refused(refused))
        }
    }
}
