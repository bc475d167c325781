//! What is asked of the store, and what its answers mean.

use std::time::Duration;

use tiergate_core::Limit;

use crate::now::nanos;
use crate::{CounterState, RateBlockOutcome, StoreErrorKind};

use super::{RateAccount, Refusal, Told};
use crate::leased::account::{Event, Service, Step};
use crate::leased::fault::Fault;
use crate::leased::message::{Answer, Message};
use crate::leased::sizing::{self, Situation};
use crate::leased::terms::Terms;

/// A block that was asked for. Whoever hears nothing takes it for spent, and asks for another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asking {
    units: u64,
    limit: Limit,
    purpose: Purpose,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// Somebody soon wants its units.
    Ahead,
    /// Somebody waits. He wants `units`, and lacks `need` of them.
    Front { units: u64, need: u64 },
    /// Its units are used already: more was committed than reserved.
    Debt(Owed),
}

/// Units that were used and are not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owed {
    pub(super) units: u64,
    /// From then on they would not count any more.
    until: u64,
}

impl RateAccount {
    pub(super) fn owe(&mut self, units: u64, now: u64) {
        if units > 0 {
            self.owe_again(Owed {
                units,
                until: now.saturating_add(self.span.length),
            });
        }
    }

    fn owe_again(&mut self, more: Owed) {
        let before = self.owed.unwrap_or(Owed { units: 0, until: 0 });
        self.owed = Some(Owed {
            units: before.units.saturating_add(more.units),
            until: before.until.max(more.until),
        });
    }

    /// What the task that talks to the store does next. Frees the lane if there is nothing to say.
    pub(in crate::leased) fn step(&mut self, now: u64, service: Service, terms: &Terms) -> Step {
        if self.owed.is_some_and(|owed| owed.until <= now) {
            self.owed = None;
        }
        let Some(asking) = self.ask_next(now, service, terms) else {
            self.lane.free();
            return Step::Rest;
        };
        if let Some(fault) = self.fault
            && now < fault.retry_at
        {
            return Step::PauseUntil(fault.retry_at);
        }
        if let Purpose::Debt(_) = asking.purpose {
            self.owed = None;
        }
        self.asking = Some(asking);
        Step::Send(Message::TakeOfRate {
            units: asking.units,
            limit: asking.limit,
            spend_within: Duration::from_nanos(self.span.spend_within),
        })
    }

    fn ask_next(&mut self, now: u64, service: Service, terms: &Terms) -> Option<Asking> {
        if let Some(owed) = self.owed {
            return Some(Asking {
                units: owed.units,
                limit: Limit::Unlimited,
                purpose: Purpose::Debt(owed),
            });
        }
        let front = self.waiting.front();
        let (first, limit) = front.map_or((0, self.last_limit), |it| {
            (it.units_of(&self.key), it.limit_of(&self.key))
        });
        if service == Service::Closing {
            // Those who spend what is left need not start a task each.
            self.low_water = 0;
        }
        if front.is_none() && !self.is_low(now) {
            return None;
        }
        let mut waiting = 0_u64;
        for waiter in &self.waiting {
            waiting = waiting.saturating_add(waiter.units_of(&self.key));
        }
        let (unspent, remaining) = (self.allowance.unspent(now), self.remaining(limit));
        // All of them, so that a refusal says how long to wait for all, unless the others are here.
        let lacking = first.saturating_sub(unspent);
        let need = if first > remaining && lacking <= remaining {
            lacking
        } else {
            first
        };
        let units = sizing::block(Situation {
            limit,
            remaining,
            replicas: terms.replicas,
            demand: self.demand.expected(now),
            first: need,
            waiting: waiting.saturating_sub(unspent),
            most: terms.block_most,
        });
        if units == 0 {
            self.low_water = 0;
            return None;
        }
        let purpose = match first {
            0 => Purpose::Ahead,
            units => Purpose::Front { units, need },
        };
        Some(Asking {
            units,
            limit,
            purpose,
        })
    }

    /// The units that nobody has, as far as is known.
    fn remaining(&self, limit: Limit) -> u64 {
        let used = self.told.map_or(0, |told| told.used);
        limit
            .at_most()
            .map_or(u64::MAX, |limit| limit.saturating_sub(used))
    }

    /// Takes in what the store answered to a message that was sent at `sent`.
    pub(in crate::leased) fn answered(
        &mut self,
        answer: Answer,
        sent: u64,
        now: u64,
        terms: &Terms,
        dice: u64,
    ) -> Event {
        let outcome = match answer {
            Answer::OfRate(outcome) => outcome,
            Answer::Fault(kind) => return self.failed(kind, now, dice),
            _ => return self.failed(StoreErrorKind::Internal, now, dice),
        };
        self.fault = None;
        let Some(asking) = self.asking.take() else {
            return Event::Refused;
        };
        match outcome {
            RateBlockOutcome::Granted(state) => {
                self.note_told(state, now);
                self.granted(asking, sent, state.used(), now, terms)
            }
            RateBlockOutcome::Refused(_, state) => {
                self.note_told(state, now);
                self.refused(asking, state, now, terms)
            }
        }
    }

    fn granted(&mut self, asking: Asking, sent: u64, floor: u64, now: u64, terms: &Terms) -> Event {
        if let Purpose::Debt(_) = asking.purpose {
            return Event::Reported;
        }
        self.refusal = None;
        let until = sent.saturating_add(self.span.life);
        if until <= now {
            // Nor would the next one come in time.
            self.straight_until = now.saturating_add(self.span.length);
            self.low_water = 0;
            return Event::TooLate(asking.units);
        }
        self.allowance.put(asking.units, until, floor, now);
        let remaining = self.remaining(asking.limit);
        let roof = sizing::roof(asking.limit, remaining, terms.replicas, terms.block_most);
        self.low_water = self.demand.expected(now).min(roof) / 2;
        Event::Leased(asking.units)
    }

    fn refused(&mut self, asking: Asking, state: CounterState, now: u64, terms: &Terms) -> Event {
        self.low_water = 0;
        match asking.purpose {
            // No store refuses without a limit. If it does, it is asked again.
            Purpose::Debt(owed) => self.owe_again(owed),
            // With more than that, what was told is not how long whoever waits has to.
            Purpose::Front { units, need } if need == asking.units => {
                let wait = nanos(state.wait().unwrap_or(terms.refusal_kept));
                self.refusal = Some(Refusal {
                    limit: asking.limit,
                    units,
                    used: state.used(),
                    // Those who wait now are told, however short it is.
                    until: now.saturating_add(wait.max(1)),
                });
            }
            Purpose::Front { .. } | Purpose::Ahead => {}
        }
        Event::Refused
    }

    fn note_told(&mut self, state: CounterState, now: u64) {
        let leaves_at = state.wait().map(|wait| now.saturating_add(nanos(wait)));
        self.told = Some(Told {
            used: state.used(),
            leaves_at,
        });
    }

    /// The task that saw to the account is gone. What it had sent may have arrived.
    pub(in crate::leased) fn abandoned(&mut self, now: u64) {
        self.failed(StoreErrorKind::Unavailable, now, 0);
        self.lane.free();
    }

    fn failed(&mut self, kind: StoreErrorKind, now: u64, dice: u64) -> Event {
        if let Some(asking) = self.asking.take()
            && let Purpose::Debt(owed) = asking.purpose
        {
            self.owe_again(owed);
        }
        // Nothing is asked for in vain when nobody comes any more.
        self.low_water = 0;
        self.fault = Some(Fault::after(self.fault, kind, now, dice));
        Event::Failed(kind)
    }
}
