//! One counter.

use std::time::Duration;

use crate::count::{Count, KEPT_AFTER_END, remembered_until};
use crate::now::Now;
use crate::{Claim, CounterKey, CounterState, CounterWindow, Tally};

use super::name::Name;

/// Begins with a cache line, and has what finding and counting needs in as few of them as can be.
#[repr(align(64))]
#[derive(Debug)]
pub(super) struct Counter {
    hash: u64,
    name: Name,
    count: Count,
    /// How many open reservations refer to it.
    pins: u32,
    touched: u64,
}

impl Counter {
    pub(super) fn new(key: &CounterKey, hash: u64, now: &Now<'_>) -> Self {
        Self {
            hash,
            name: Name::of(key),
            count: Count::new(key.window()),
            pins: 0,
            touched: now.elapsed(),
        }
    }

    pub(super) fn is_of(&self, hash: u64, key: &CounterKey) -> bool {
        self.hash == hash && self.name.is(key)
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    /// Where the counter stands, if the claim does not fit now.
    pub(super) fn refusal(&mut self, claim: &Claim, now: &Now<'_>) -> Option<CounterState> {
        self.count.refusal(claim, now)
    }

    pub(super) fn reserve(&mut self, units: u64, now: &Now<'_>) {
        self.pins = self.pins.saturating_add(1);
        self.touched = now.elapsed();
        self.count.reserve(units, now);
    }

    /// Counts a block of a rate, which nobody settles.
    pub(super) fn take_ahead(&mut self, units: u64, ahead: u64, now: &Now<'_>) {
        self.touched = now.elapsed();
        self.count.take_ahead(units, ahead, now);
    }

    pub(super) fn commit(&mut self, reserved: u64, actual: u64, now: &Now<'_>) {
        self.pins = self.pins.saturating_sub(1);
        self.touched = now.elapsed();
        self.count.commit(reserved, actual, now);
    }

    pub(super) fn release(&mut self, reserved: u64) {
        self.pins = self.pins.saturating_sub(1);
        self.count.release(reserved);
    }

    /// Adds to what is committed.
    pub(super) fn raise(&mut self, units: u64, now: &Now<'_>) {
        self.touched = now.elapsed();
        self.count.raise(units);
    }

    /// What the counter is made of.
    pub(super) fn tally(&self) -> Tally {
        self.count.tally()
    }

    /// Takes up to `units` off what is committed, and tells how many.
    pub(super) fn lower(&mut self, units: u64, now: &Now<'_>) -> u64 {
        self.touched = now.elapsed();
        self.count.lower(units)
    }

    /// Where the counter stands.
    pub(super) fn state(&mut self, now: &Now<'_>) -> CounterState {
        self.count.state(self.name.window(), now)
    }

    /// Until when an operation on this counter is remembered, by the monotonic clock.
    pub(super) fn remembered_until(&self, now: &Now<'_>) -> u64 {
        remembered_until(self.name.window(), now)
    }

    /// Whether forgetting the counter would change no answer.
    pub(super) fn is_idle(&mut self, now: &Now<'_>) -> bool {
        if self.pins > 0 {
            return false;
        }
        if self.count.is_zero(now) {
            return true;
        }
        let CounterWindow::Fixed { end, .. } = self.name.window() else {
            return false;
        };
        let quiet = Duration::from_nanos(now.elapsed().saturating_sub(self.touched));
        quiet > KEPT_AFTER_END && now.wall().duration_since(end) > KEPT_AFTER_END
    }
}
