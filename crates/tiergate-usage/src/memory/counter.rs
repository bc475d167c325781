//! One counter.

use std::time::Duration;

use tiergate_core::Limit;

use crate::{Claim, CounterKey, CounterState, CounterWindow};

use super::now::{Now, nanos};
use super::rate::RateLog;

/// How long a quota's counter is kept after its window, by both clocks, so that a wall clock set
/// back does not hand the quota out again.
const KEPT_AFTER_END: Duration = Duration::from_secs(24 * 3_600);

/// How long an operation on a gauge is remembered by its idempotency key.
const REMEMBERED_FOR_GAUGE: Duration = Duration::from_secs(24 * 3_600);

#[derive(Debug)]
pub(super) struct Counter {
    key: CounterKey,
    hash: u64,
    tally: Tally,
    /// How many open reservations refer to it.
    pins: u32,
    touched: u64,
}

#[derive(Debug)]
enum Tally {
    // Sums are wider than units, so that no history of 64-bit units overflows them.
    Sums { committed: u128, open: u128 },
    Log(RateLog),
}

impl Counter {
    pub(super) fn new(key: CounterKey, hash: u64, now: &Now<'_>) -> Self {
        let tally = match key.window() {
            CounterWindow::Level | CounterWindow::Fixed { .. } => Tally::Sums {
                committed: 0,
                open: 0,
            },
            CounterWindow::Sliding { length } => Tally::Log(RateLog::new(length)),
        };
        Self {
            key,
            hash,
            tally,
            pins: 0,
            touched: now.elapsed(),
        }
    }

    pub(super) fn key(&self) -> &CounterKey {
        &self.key
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    /// Where the counter stands, if the claim does not fit now.
    pub(super) fn refusal(&mut self, claim: &Claim, now: &Now<'_>) -> Option<CounterState> {
        let Limit::AtMost(bound) = claim.limit() else {
            return None;
        };
        self.refresh(now);
        let most_before = bound.checked_sub(claim.units()).map(u128::from);
        if most_before.is_some_and(|most| self.used() <= most) {
            return None;
        }
        let wait = most_before.and_then(|most| match &self.tally {
            Tally::Sums { .. } => until_end(self.key.window(), now),
            Tally::Log(log) => log.until_at_most(most, now.elapsed()),
        });
        Some(self.state_with(wait))
    }

    pub(super) fn reserve(&mut self, units: u64, now: &Now<'_>) {
        self.pins = self.pins.saturating_add(1);
        self.touched = now.elapsed();
        match &mut self.tally {
            Tally::Sums { open, .. } => *open += u128::from(units),
            Tally::Log(log) => log.add(now.elapsed(), units),
        }
    }

    pub(super) fn commit(&mut self, reserved: u64, actual: u64, now: &Now<'_>) {
        self.pins = self.pins.saturating_sub(1);
        self.touched = now.elapsed();
        match &mut self.tally {
            Tally::Sums { committed, open } => {
                *open = open.saturating_sub(u128::from(reserved));
                *committed += u128::from(actual);
            }
            Tally::Log(log) => log.add(now.elapsed(), actual.saturating_sub(reserved)),
        }
    }

    pub(super) fn release(&mut self, reserved: u64) {
        self.pins = self.pins.saturating_sub(1);
        match &mut self.tally {
            Tally::Sums { open, .. } => *open = open.saturating_sub(u128::from(reserved)),
            Tally::Log(_) => {}
        }
    }

    /// Takes up to `units` off what is committed, and tells how many.
    pub(super) fn lower(&mut self, units: u64, now: &Now<'_>) -> u64 {
        self.touched = now.elapsed();
        match &mut self.tally {
            Tally::Sums { committed, .. } => {
                let taken = (*committed).min(u128::from(units));
                *committed -= taken;
                u64::try_from(taken).unwrap_or(units)
            }
            Tally::Log(_) => 0,
        }
    }

    /// Where the counter stands.
    pub(super) fn state(&mut self, now: &Now<'_>) -> CounterState {
        self.refresh(now);
        let wait = match &self.tally {
            Tally::Sums { .. } => until_end(self.key.window(), now),
            Tally::Log(log) => log.until_change(now.elapsed()),
        };
        self.state_with(wait)
    }

    /// Until when an operation on this counter is remembered, by the monotonic clock.
    pub(super) fn remembered_until(&self, now: &Now<'_>) -> u64 {
        let length = match self.key.window() {
            CounterWindow::Level => REMEMBERED_FOR_GAUGE,
            CounterWindow::Sliding { length } => length,
            CounterWindow::Fixed { end, .. } => end.duration_since(now.wall()),
        };
        now.elapsed().saturating_add(nanos(length))
    }

    /// Whether forgetting the counter would change no answer.
    pub(super) fn is_idle(&mut self, now: &Now<'_>) -> bool {
        if self.pins > 0 {
            return false;
        }
        self.refresh(now);
        if self.used() == 0 {
            return true;
        }
        let CounterWindow::Fixed { end, .. } = self.key.window() else {
            return false;
        };
        let quiet = now.elapsed().saturating_sub(self.touched);
        quiet > nanos(KEPT_AFTER_END) && now.wall().duration_since(end) > KEPT_AFTER_END
    }

    fn refresh(&mut self, now: &Now<'_>) {
        if let Tally::Log(log) = &mut self.tally {
            log.forget_elapsed(now.elapsed());
        }
    }

    fn used(&self) -> u128 {
        match &self.tally {
            Tally::Sums { committed, open } => committed + open,
            Tally::Log(log) => log.used(),
        }
    }

    fn state_with(&self, wait: Option<Duration>) -> CounterState {
        CounterState::new(u64::try_from(self.used()).unwrap_or(u64::MAX), wait)
    }
}

/// Where a counter stands that nobody has used.
pub(super) fn unused(window: CounterWindow, now: &Now<'_>) -> CounterState {
    CounterState::new(0, until_end(window, now))
}

fn until_end(window: CounterWindow, now: &Now<'_>) -> Option<Duration> {
    match window {
        CounterWindow::Level | CounterWindow::Sliding { .. } => None,
        CounterWindow::Fixed { end, .. } => Some(end.duration_since(now.wall())),
    }
}
