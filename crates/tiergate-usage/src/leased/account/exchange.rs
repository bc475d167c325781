//! What is said to the store, and what its answers mean.

use crate::now::Now;
use crate::{CounterState, CounterWindow, LeaseExtension, LeaseId, LeaseOutcome, StoreErrorKind};

use super::block::{Asking, Block, Closing, Purpose, Standing};
use super::{Account, LastSent, Recall, Refusal};
use crate::leased::fault::Fault;
use crate::leased::message::{Answer, Message};
use crate::leased::sizing::{self, Situation};
use crate::leased::terms::Terms;

/// What the task that talks to the store does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::leased) enum Step {
    Send(Message),
    /// The store has failed; not before this moment.
    PauseUntil(u64),
    /// There is nothing to say.
    Rest,
}

/// What is worth telling of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::leased) enum Event {
    Leased(u64),
    Refused,
    Reported,
    Returned(u64),
    /// So many granted units are lost, for good.
    Lost(u64),
    /// So many units of a rate were granted when they could not be spent any more.
    TooLate(u64),
    Failed(StoreErrorKind),
}

/// Whether blocks are held for operations to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::leased) enum Service {
    Open,
    Closing,
}

impl Account {
    /// Frees the lane if there is nothing to say. A lease that is asked for anew is known as `fresh`.
    pub(in crate::leased) fn step(
        &mut self,
        now: &Now<'_>,
        fresh: LeaseId,
        service: Service,
        terms: &Terms,
    ) -> Step {
        self.retire();
        let Some(message) = self.next_message(now, fresh, service, terms) else {
            self.lane.free();
            return Step::Rest;
        };
        if let Some(fault) = self.fault
            && now.elapsed() < fault.retry_at
        {
            return Step::PauseUntil(fault.retry_at);
        }
        self.last_sent = match message {
            Message::Lease { .. } => LastSent::Lease,
            Message::Extend { .. } | Message::End { .. } | Message::TakeOfRate { .. } => {
                LastSent::Other
            }
        };
        match message {
            Message::Lease { .. } => {
                if let Some(asking) = &mut self.asking {
                    // Counted from the first time: the store may have heard it then.
                    asking.first_sent = asking.first_sent.min(now.elapsed());
                }
            }
            Message::Extend { id, kept } => {
                if let Some(block) = self.blocks.iter_mut().find(|block| block.id == id) {
                    block.told = block.told.max(kept);
                }
            }
            Message::End { .. } | Message::TakeOfRate { .. } => {}
        }
        Step::Send(message)
    }

    /// Whether there is something to say, for who looks after accounts that nobody uses.
    pub(in crate::leased) fn is_due(&self, now: &Now<'_>, service: Service, terms: &Terms) -> bool {
        let renewal = self
            .blocks
            .iter()
            .any(|block| is_renewal(block, now.elapsed()));
        self.is_pressing()
            || renewal
            || !self.closing.is_empty()
            || !self.waiting.is_empty()
            || self.asking.is_some()
            || (!self.blocks.is_empty() && self.is_idle(now, service, terms))
    }

    fn next_message(
        &mut self,
        now: &Now<'_>,
        fresh: LeaseId,
        service: Service,
        terms: &Terms,
    ) -> Option<Message> {
        // Those who wait go first, but not every time: commits wait too.
        if self.last_sent == LastSent::Lease
            && let Some(report) = self.report()
        {
            return Some(report);
        }
        let lease = |asking: Asking| Message::Lease {
            id: asking.id,
            units: asking.units,
            kept: asking.kept,
            limit: asking.limit,
        };
        if self.asking.is_none() {
            self.asking = self.ask_next(fresh, now.elapsed(), service, terms);
        }
        if let Some(asking) = self.asking {
            return Some(lease(asking));
        }
        if let Some(report) = self.report() {
            return Some(report);
        }
        if self.closing.is_empty() && self.is_idle(now, service, terms) && !self.give_back() {
            self.recall = Recall::No;
        }
        if let Some(closing) = self.closing.front() {
            return Some(end(closing));
        }
        let due = self
            .blocks
            .iter()
            .find(|it| is_renewal(it, now.elapsed()))?;
        Some(Message::Extend {
            id: due.id,
            kept: due.told,
        })
    }

    /// The next block to ask for, if one is needed.
    fn ask_next(
        &mut self,
        id: LeaseId,
        now: u64,
        service: Service,
        terms: &Terms,
    ) -> Option<Asking> {
        let first_sent = u64::MAX;
        if self.owed > 0 {
            let units = std::mem::take(&mut self.owed);
            return Some(Asking {
                id,
                units,
                kept: units,
                limit: tiergate_core::Limit::Unlimited,
                first_sent,
                purpose: Purpose::Debt,
            });
        }
        let spare = self.spare();
        let waiting = self.waited_for();
        let front = self.waiting.front();
        let first = front.map_or(0, |it| it.units_of(self.key()).saturating_sub(spare));
        let limit = front.map_or(self.last_limit, |it| it.limit_of(self.key()));
        if first == 0 && (service == Service::Closing || !self.is_low()) {
            return None;
        }
        if front.is_some() {
            self.note_limit(limit, terms);
        }
        let remaining = self.remaining(limit);
        let roof = sizing::roof(limit, remaining, terms.replicas, terms.block_most);
        self.demand.block_used_up(now, terms.renewal(), roof);
        let units = sizing::block(Situation {
            limit,
            remaining,
            replicas: terms.replicas,
            demand: self.demand.size(),
            first,
            waiting: waiting.saturating_sub(spare),
            most: terms.block_most,
        });
        if units == 0 {
            self.low_water = 0;
            return None;
        }
        // Those who wait use it as soon as it is there.
        let used_soon = self.used.saturating_add(u128::from(waiting));
        let kept = used_soon
            .saturating_add(u128::from(self.ahead))
            .saturating_sub(self.told_in_all());
        Some(Asking {
            id,
            units,
            kept: u64::try_from(kept).unwrap_or(u64::MAX).min(units),
            limit,
            first_sent,
            purpose: Purpose::Demand,
        })
    }

    /// The units that nobody has, as far as is known.
    fn remaining(&self, limit: tiergate_core::Limit) -> u64 {
        let Some(limit) = limit.at_most() else {
            return u64::MAX;
        };
        let taken = self.at_store.saturating_add(u128::from(self.others));
        limit.saturating_sub(u64::try_from(taken).unwrap_or(u64::MAX))
    }

    pub(super) fn is_report_due(&self) -> bool {
        // Half of what may be ahead, so that not every unit takes a message.
        self.kept < self.needed(self.ahead.div_ceil(2))
    }

    /// What is used, soon will be, or may be before the store hears of it; as far as it is granted.
    fn needed(&self, ahead: u64) -> u128 {
        // Few look while somebody waits: there is a task then.
        let waiting = if self.waiting.is_empty() {
            0
        } else {
            self.waited_for()
        };
        let soon = self.used.saturating_add(u128::from(waiting));
        soon.saturating_add(u128::from(ahead)).min(self.granted)
    }

    /// Tells the store what is used or waited for, if it has to know.
    fn report(&self) -> Option<Message> {
        if !self.is_report_due() {
            return None;
        }
        let mut open = self
            .blocks
            .iter()
            .filter(|it| it.standing == Standing::Open);
        // What was told and not acknowledged first: the store may keep it already, and no more is lost
        // with this process than it needs.
        if let Some(block) = open.clone().find(|it| it.in_doubt() > 0) {
            return Some(Message::Extend {
                id: block.id,
                kept: block.told,
            });
        }
        let more = self.needed(self.ahead).saturating_sub(self.told_in_all());
        let more = u64::try_from(more).unwrap_or(u64::MAX);
        let block = open.find(|it| it.kept < it.units)?;
        (more > 0).then(|| Message::Extend {
            id: block.id,
            kept: block.kept.saturating_add(more).min(block.units),
        })
    }

    /// What is kept once all that was decided has been told and acknowledged.
    fn told_in_all(&self) -> u128 {
        let in_doubt = self.blocks.iter().map(|it| u128::from(it.in_doubt()));
        let asked = self
            .asking
            .filter(|asking| asking.purpose == Purpose::Demand)
            .map_or(0, |asking| u128::from(asking.kept));
        self.kept + u128::from(self.owed_in_all()) + in_doubt.sum::<u128>() + asked
    }

    pub(super) fn owed_in_all(&self) -> u64 {
        let asked = match self.asking {
            Some(asking) if asking.purpose == Purpose::Debt => asking.units,
            _ => 0,
        };
        self.owed.saturating_add(asked)
    }

    fn is_idle(&self, now: &Now<'_>, service: Service, terms: &Terms) -> bool {
        let quiet = now.elapsed().saturating_sub(self.touched) >= terms.idle();
        let is_over = match self.key.window() {
            CounterWindow::Fixed { end, .. } => end <= now.wall(),
            CounterWindow::Level | CounterWindow::Sliding { .. } => false,
        };
        service == Service::Closing || self.recall == Recall::Wanted || quiet || is_over
    }

    /// Takes in what the store answered to `message`, which was sent at `sent`.
    pub(in crate::leased) fn answered(
        &mut self,
        message: Message,
        answer: Answer,
        sent: u64,
        now: u64,
        terms: &Terms,
        dice: u64,
    ) -> Event {
        if let Answer::Fault(kind) = answer {
            self.failed(kind, now, dice);
            return Event::Failed(kind);
        }
        self.fault = None;
        match (message, answer) {
            (Message::Lease { .. }, Answer::Lease(outcome)) => self.leased(outcome, now, terms),
            (Message::Extend { id, kept }, Answer::Extend(extension)) => {
                self.extended(id, kept, extension, sent, terms)
            }
            (Message::End { id, .. }, Answer::End) => self.ended(id),
            _ => {
                self.failed(StoreErrorKind::Internal, now, dice);
                Event::Failed(StoreErrorKind::Internal)
            }
        }
    }

    /// The task that saw to the account is gone. What it had sent may have arrived.
    pub(in crate::leased) fn abandoned(&mut self, now: u64) {
        self.failed(StoreErrorKind::Unavailable, now, 0);
        self.lane.free();
    }

    fn failed(&mut self, kind: StoreErrorKind, now: u64, dice: u64) {
        self.recall = Recall::No;
        self.fault = Some(Fault::after(self.fault, kind, now, dice));
    }

    fn leased(&mut self, outcome: LeaseOutcome, now: u64, terms: &Terms) -> Event {
        let Some(asking) = self.asking.take() else {
            return Event::Refused;
        };
        match outcome {
            LeaseOutcome::Granted(state) => {
                self.open(asking, Standing::Open, state.used(), terms);
                self.note_told(state);
                self.refusal = None;
                let limit = asking.limit;
                let remaining = self.remaining(limit);
                let roof = sizing::roof(limit, remaining, terms.replicas, terms.block_most);
                self.low_water = self.demand.size().min(roof) / 2;
                Event::Leased(asking.units)
            }
            LeaseOutcome::Over => {
                // It was granted, and expired with what it had been told to keep.
                let over = Asking {
                    units: asking.kept,
                    ..asking
                };
                self.open(over, Standing::Over, 0, terms);
                Event::Lost(asking.units - asking.kept)
            }
            LeaseOutcome::Refused(_, state) => {
                self.note_told(state);
                self.low_water = 0;
                if asking.purpose == Purpose::Debt {
                    // No store refuses without a limit. If it does, it is asked again.
                    self.owed = self.owed.saturating_add(asking.units);
                    return Event::Refused;
                }
                let fits = asking
                    .limit
                    .at_most()
                    .map_or(0, |limit| limit.saturating_sub(state.used()));
                // Those who wait now are told, however short it is.
                let kept = crate::now::nanos(terms.refusal_kept).max(1);
                self.refusal = Some(Refusal {
                    limit: asking.limit,
                    units: asking.units.min(fits.saturating_add(1)),
                    until: now.saturating_add(kept),
                });
                Event::Refused
            }
        }
    }

    fn open(&mut self, asking: Asking, standing: Standing, floor: u64, terms: &Terms) {
        if asking.purpose == Purpose::Demand {
            self.granted += u128::from(asking.units);
        }
        self.kept += u128::from(asking.kept);
        self.at_store += u128::from(asking.units);
        let deadline = asking.first_sent.saturating_add(terms.life());
        self.blocks.push_back(Block {
            id: asking.id,
            units: asking.units,
            kept: asking.kept,
            told: asking.kept,
            standing,
            deadline,
            renew_at: asking.first_sent.saturating_add(terms.renewal()),
            floor,
        });
        if standing == Standing::Open {
            self.next_deadline = self.next_deadline.min(deadline);
        }
        self.refresh_floor();
    }

    fn note_told(&mut self, state: CounterState) {
        let others = u128::from(state.used()).saturating_sub(self.at_store);
        self.others = u64::try_from(others).unwrap_or(u64::MAX);
    }

    fn extended(
        &mut self,
        id: LeaseId,
        kept: u64,
        extension: LeaseExtension,
        sent: u64,
        terms: &Terms,
    ) -> Event {
        let Some(block) = self.blocks.iter_mut().find(|block| block.id == id) else {
            return Event::Reported;
        };
        let before = u128::from(block.usable());
        let event = match extension {
            LeaseExtension::Extended => {
                let more = kept.saturating_sub(block.kept);
                block.kept += more;
                block.told = block.told.max(block.kept);
                self.kept += u128::from(more);
                // Who doubted it is put right.
                block.standing = Standing::Open;
                let deadline = sent.saturating_add(terms.life());
                block.deadline = block.deadline.max(deadline);
                block.renew_at = sent.saturating_add(terms.renewal());
                self.next_deadline = self.next_deadline.min(block.deadline);
                Event::Reported
            }
            LeaseExtension::Expired | LeaseExtension::Ended | LeaseExtension::Unknown => {
                let lost = block.units - block.kept;
                block.standing = Standing::Over;
                block.units = block.kept;
                self.at_store = self.at_store.saturating_sub(u128::from(lost));
                Event::Lost(lost)
            }
        };
        let after = u128::from(block.usable());
        self.granted = (self.granted + after).saturating_sub(before);
        if let Event::Lost(_) = event {
            self.make_good();
        }
        event
    }

    /// Takes from elsewhere what was lost with a block and used all the same. All that was reserved is
    /// kept, so it is what was committed beyond that, which counts in full.
    fn make_good(&mut self) {
        let missing = self.used.saturating_sub(self.granted);
        self.overdraw(u64::try_from(missing).unwrap_or(u64::MAX));
    }

    fn ended(&mut self, id: LeaseId) -> Event {
        let Some(closing) = self.closing.pop_front_if(|closing| closing.id == id) else {
            return Event::Reported;
        };
        let returned = closing.at_store - closing.used.min(closing.at_store);
        self.at_store = self.at_store.saturating_sub(u128::from(returned));
        Event::Returned(returned)
    }
}

fn is_renewal(block: &Block, now: u64) -> bool {
    block.standing != Standing::Over && block.renew_at <= now
}

fn end(closing: &Closing) -> Message {
    Message::End {
        id: closing.id,
        used: closing.used,
    }
}
