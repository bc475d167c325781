//! What a process knows of one counter: a state machine without clock, lock or I/O.
//!
//! All sums are counted from when the account was opened, and only grow together. With
//!
//! * `granted`: units that may be used: those of live blocks, and what was used of blocks that are over;
//! * `used`: units of open and of committed operations;
//! * `committed`: units of committed operations;
//! * `kept`: the least that the store counts for all blocks, whichever of the messages that are still
//!   under way arrive, and if nothing more is ever heard of this process;
//!
//! an operation is admitted if `used` stays within `granted` and within `kept`, so that its units stay
//! counted whatever becomes of the block while it works. Only what is committed beyond what was reserved
//! can be beyond `kept`, and such a commit is told only once `committed` is within it. So what was told
//! is never handed out again. Every transition that lowers `kept` checks that.

mod block;
mod exchange;
mod give_back;
mod settle;

pub(super) use exchange::{Event, Service, Step};
pub(super) use settle::{Commit, Pending};

use std::collections::VecDeque;
use std::time::Duration;

use tiergate_core::Limit;

use crate::now::Now;
use crate::{CounterKey, CounterState, CounterWindow, StoreErrorKind};

use super::fault::Fault;
use super::lane::Lane;
use super::sizing::Demand;
use super::terms::Terms;
use super::waiter::Waiter;
use block::{Asking, Block, Closing, Standing};

/// One counter.
#[derive(Debug)]
pub(super) struct Account {
    key: CounterKey,
    /// Live blocks, the oldest first.
    blocks: VecDeque<Block>,
    /// Blocks that are being ended, in this order.
    closing: VecDeque<Closing>,
    granted: u128,
    used: u128,
    committed: u128,
    kept: u128,
    /// Committed units of operations that are not told yet, as not all of it is kept.
    unsettled: u128,
    /// What the store counts for this account, by its last answers.
    at_store: u128,
    /// What others use, by the store's last answer.
    others: u64,
    /// The highest floor of the live blocks: claims under a lower limit are for the store to decide.
    floor: u64,
    /// Units committed beyond what was reserved and granted, that no block has been asked for yet.
    owed: u64,
    /// Such units altogether, less those made up for by units that came back.
    overdrawn: u128,
    /// Granted units that must not be used: they make up for overdrawn ones.
    barred: u128,
    /// Commits that the store has not acknowledged, the oldest first.
    pending: VecDeque<Pending>,
    pub(super) waiting: VecDeque<Waiter>,
    asking: Option<Asking>,
    refusal: Option<Refusal>,
    fault: Option<Fault>,
    pub(super) lane: Lane,
    last_sent: LastSent,
    recall: Recall,
    demand: Demand,
    /// Below so many unused units the next block is asked for.
    low_water: u64,
    ahead: u64,
    last_limit: Limit,
    touched: u64,
    /// The nearest deadline of an open block.
    next_deadline: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LastSent {
    Lease,
    Other,
}

/// Whether somebody who asks the store needs what is not used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Recall {
    No,
    Wanted,
}

/// That the store had too little.
#[derive(Clone, Copy, Debug)]
struct Refusal {
    limit: Limit,
    /// The fewest units that were too many.
    units: u64,
    until: u64,
}

/// Whether units can be taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Check {
    Fits,
    /// The store had too little, just now.
    Refused,
    /// It failed, just now.
    Fault(StoreErrorKind),
    /// Too many wait already.
    Crowded,
    /// They are to be asked for.
    Lacking,
    /// Only the store knows.
    AskStore,
}

impl Account {
    pub(super) fn new(key: CounterKey, now: u64) -> Self {
        Self {
            key,
            blocks: VecDeque::new(),
            closing: VecDeque::new(),
            granted: 0,
            used: 0,
            committed: 0,
            kept: 0,
            unsettled: 0,
            at_store: 0,
            others: 0,
            floor: 0,
            owed: 0,
            overdrawn: 0,
            barred: 0,
            pending: VecDeque::new(),
            waiting: VecDeque::new(),
            asking: None,
            refusal: None,
            fault: None,
            lane: Lane::default(),
            last_sent: LastSent::Other,
            recall: Recall::No,
            demand: Demand::new(now),
            low_water: 0,
            ahead: 0,
            last_limit: Limit::ZERO,
            touched: now,
            next_deadline: u64::MAX,
        }
    }

    pub(super) fn key(&self) -> &CounterKey {
        &self.key
    }

    /// Whether `units` can be taken now, by somebody who has just come.
    pub(super) fn check(&self, units: u64, limit: Limit, now: u64, terms: &Terms) -> Check {
        if self.is_above(limit) {
            return Check::AskStore;
        }
        if self.waiting.is_empty() && self.has(units) {
            return Check::Fits;
        }
        if let Some(fault) = self.fault
            && fault.turns_away(now)
        {
            return Check::Fault(fault.kind);
        }
        self.check_waiting(units, limit, now).unwrap_or(
            if self.waiting.len() >= terms.most_waiting {
                Check::Crowded
            } else {
                Check::Lacking
            },
        )
    }

    /// The same for whoever is at the front of the queue. None to go on waiting, also while the store
    /// fails: see [`Fault::ends_waits`].
    pub(super) fn check_front(&self, units: u64, limit: Limit, now: u64) -> Option<Check> {
        if self.is_above(limit) {
            return Some(Check::AskStore);
        }
        if self.has(units) {
            return Some(Check::Fits);
        }
        self.check_waiting(units, limit, now)
    }

    fn check_waiting(&self, units: u64, limit: Limit, now: u64) -> Option<Check> {
        let lacking = units.saturating_sub(self.spare());
        let refused = self.refusal.is_some_and(|refusal| {
            now < refusal.until && lacking >= refusal.units && is_at_most(limit, refusal.limit)
        });
        refused.then_some(Check::Refused)
    }

    /// Takes units that [fit](Check::Fits).
    pub(super) fn take(&mut self, units: u64, limit: Limit, now: u64, terms: &Terms) {
        self.used += u128::from(units);
        self.touched = now;
        if self.last_limit != limit {
            self.note_limit(limit, terms);
        }
    }

    fn note_limit(&mut self, limit: Limit, terms: &Terms) {
        self.last_limit = limit;
        self.ahead = terms.ahead(limit);
    }

    /// Gives reserved units back to the block.
    pub(super) fn release(&mut self, units: u64) {
        self.used = self.used.saturating_sub(u128::from(units));
        self.make_up(units);
    }

    /// Units that came back make up for those that were taken beyond what was granted.
    fn make_up(&mut self, units: u64) {
        let made_up = self.overdrawn.min(u128::from(units));
        self.overdrawn -= made_up;
        let forgiven = self.owed.min(u64::try_from(made_up).unwrap_or(u64::MAX));
        self.owed -= forgiven;
        self.granted -= u128::from(forgiven);
        self.barred += made_up - u128::from(forgiven);
    }

    /// Units that are granted and not used, and that the store keeps counted for this process already:
    /// whatever happens to the block now, those who use them are counted.
    fn unused(&self) -> u64 {
        let kept = self.kept.saturating_sub(self.used);
        u64::try_from(kept).map_or(self.spare(), |kept| kept.min(self.spare()))
    }

    /// Units that are granted and not used, whether or not the store knows that they are needed.
    fn spare(&self) -> u64 {
        let usable = self.granted.saturating_sub(self.barred);
        u64::try_from(usable.saturating_sub(self.used)).unwrap_or(u64::MAX)
    }

    /// Units that are waited for.
    fn waited_for(&self) -> u64 {
        let here = self.waiting.iter().filter(|it| !it.tell.is_closed());
        let units = here.map(|waiter| waiter.units_of(&self.key));
        units.fold(0, u64::saturating_add)
    }

    fn has(&self, units: u64) -> bool {
        units <= self.unused()
    }

    fn is_above(&self, limit: Limit) -> bool {
        // The store says this number also of all beyond it.
        let floor = self.floor;
        limit
            .at_most()
            .is_some_and(|limit| limit < floor || floor == u64::MAX)
    }

    /// Where the counter stands, with what is used here.
    pub(super) fn state(&self, now: &Now<'_>) -> CounterState {
        let used = u128::from(self.others).saturating_add(self.used);
        CounterState::new(u64::try_from(used).unwrap_or(u64::MAX), self.wait(now))
    }

    /// Where the counter stands by an answer of the store, less what is leased and not used.
    pub(super) fn correct(&self, told: CounterState) -> CounterState {
        let used = u128::from(told.used())
            .saturating_sub(self.at_store)
            .saturating_add(self.used);
        CounterState::new(u64::try_from(used).unwrap_or(u64::MAX), told.wait())
    }

    fn wait(&self, now: &Now<'_>) -> Option<Duration> {
        match self.key.window() {
            CounterWindow::Fixed { end, .. } => Some(end.duration_since(now.wall())),
            CounterWindow::Level | CounterWindow::Sliding { .. } => None,
        }
    }

    /// Stops using what the store may have let expire.
    pub(super) fn doubt_overdue(&mut self, now: u64) {
        if now < self.next_deadline {
            return;
        }
        self.next_deadline = u64::MAX;
        for block in &mut self.blocks {
            if block.standing != Standing::Open {
                continue;
            }
            if block.deadline <= now {
                self.granted -= u128::from(block.units - block.kept);
                block.standing = Standing::Doubted;
            } else {
                self.next_deadline = self.next_deadline.min(block.deadline);
            }
        }
    }

    /// Has all units given back that are not used. Whether there are any.
    pub(super) fn recall(&mut self) -> bool {
        if self.granted <= self.used || self.fault.is_some() {
            return false;
        }
        self.recall = Recall::Wanted;
        self.low_water = 0;
        true
    }

    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Whether units are still being given back on demand.
    pub(super) fn is_recalling(&self) -> bool {
        self.recall == Recall::Wanted
    }

    /// Whether the store should be told or asked something at once, as seen on the fast path.
    pub(super) fn is_pressing(&self) -> bool {
        if !self.lane.is_free() {
            return false;
        }
        self.is_report_due() || self.owed > 0 || self.is_low()
    }

    fn is_low(&self) -> bool {
        self.low_water > 0 && self.asking.is_none() && self.spare() < self.low_water
    }

    /// Nothing would be lost if the account was not there.
    pub(super) fn is_empty(&self, now: u64) -> bool {
        self.lane.is_free()
            && self.refusal.is_none_or(|refusal| refusal.until <= now)
            && self.fault.is_none_or(|fault| fault.retry_at <= now)
            && self.blocks.is_empty()
            && self.closing.is_empty()
            && self.waiting.is_empty()
            && self.asking.is_none()
            && self.owed == 0
            && self.used == self.committed
            && self.unsettled == 0
    }

    /// Whether it holds no block, and no task sees to it.
    pub(super) fn is_returned(&self) -> bool {
        self.blocks.is_empty() && self.closing.is_empty() && self.asking.is_none() && self.owed == 0
    }

    /// Units that are leased and not used.
    pub(super) fn idle_units(&self) -> u64 {
        let idle = self.granted.saturating_sub(self.used);
        u64::try_from(idle).unwrap_or(u64::MAX)
    }
}

fn is_at_most(limit: Limit, other: Limit) -> bool {
    match (limit.at_most(), other.at_most()) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(limit), Some(other)) => limit <= other,
    }
}
