//! One counter.

use std::time::Duration;

use crate::count::{Count, KEPT_AFTER_END};
use crate::now::Now;
use crate::{Claim, CounterState, CounterWindow, Tally};

/// What is counted, apart from the key, which is beside it.
#[derive(Debug)]
pub(super) struct Counter {
    count: Count,
    /// How many open reservations refer to it, apart from those that are counted as if committed.
    pins: u32,
    touched: Tick,
}

/// A moment of the monotonic clock, to about a second, in half the room.
#[derive(Clone, Copy, Debug)]
struct Tick(u32);

impl Tick {
    const BITS: u32 = 30;

    #[inline]
    fn of(now: &Now<'_>) -> Self {
        // Enough for 146 years.
        Self(u32::try_from(now.elapsed() >> Self::BITS).unwrap_or(u32::MAX))
    }

    /// How long ago it is, at least.
    fn age(self, now: &Now<'_>) -> Duration {
        let end = (u64::from(self.0) + 1) << Self::BITS;
        Duration::from_nanos(now.elapsed().saturating_sub(end))
    }
}

impl Counter {
    pub(super) fn new(window: CounterWindow, now: &Now<'_>) -> Self {
        Self {
            count: Count::new(window),
            pins: 0,
            touched: Tick::of(now),
        }
    }

    /// Where the counter stands, if the claim does not fit now.
    #[inline]
    pub(super) fn refusal(&mut self, claim: &Claim, now: &Now<'_>) -> Option<CounterState> {
        self.count.refusal(claim, now)
    }

    #[inline]
    pub(super) fn reserve(&mut self, units: u64, now: &Now<'_>) {
        self.pins = self.pins.saturating_add(1);
        self.touched = Tick::of(now);
        self.count.reserve(units, now);
    }

    /// Counts units as if they were committed already, as they will be if they are neither taken back nor
    /// corrected.
    #[inline]
    pub(super) fn take(&mut self, units: u64, now: &Now<'_>) {
        self.touched = Tick::of(now);
        self.count.take(units, now);
    }

    /// Takes back what was counted so.
    pub(super) fn take_back(&mut self, units: u64) {
        self.count.take_back(units);
    }

    /// Counts what was used of it after all.
    pub(super) fn correct(&mut self, taken: u64, actual: u64, now: &Now<'_>) {
        self.touched = Tick::of(now);
        self.count.correct(taken, actual, now);
    }

    /// Counts a block of a rate, which nobody settles.
    pub(super) fn take_ahead(&mut self, units: u64, ahead: u64, now: &Now<'_>) {
        self.touched = Tick::of(now);
        self.count.take_ahead(units, ahead, now);
    }

    #[inline]
    pub(super) fn commit(&mut self, reserved: u64, actual: u64, now: &Now<'_>) {
        self.pins = self.pins.saturating_sub(1);
        self.touched = Tick::of(now);
        self.count.commit(reserved, actual, now);
    }

    #[inline]
    pub(super) fn release(&mut self, reserved: u64) {
        self.pins = self.pins.saturating_sub(1);
        self.count.release(reserved);
    }

    /// Adds to what is committed.
    pub(super) fn raise(&mut self, units: u64, now: &Now<'_>) {
        self.touched = Tick::of(now);
        self.count.raise(units);
    }

    /// What the counter is made of, of which `open` units are counted as if committed.
    pub(super) fn tally(&self, open: u128) -> Tally {
        self.count.tally_with(open)
    }

    /// Takes up to `units` off what is committed, and tells how many. Of what is counted as if it was,
    /// `open` units are not.
    pub(super) fn lower(&mut self, units: u64, open: u128, now: &Now<'_>) -> u64 {
        self.touched = Tick::of(now);
        self.count.lower_to(units, open)
    }

    /// Where the counter of such a window stands.
    #[inline]
    pub(super) fn state(&mut self, window: CounterWindow, now: &Now<'_>) -> CounterState {
        self.count.state(window, now)
    }

    /// Whether forgetting the counter of such a window would change no answer.
    #[inline]
    pub(super) fn is_idle(&mut self, window: CounterWindow, now: &Now<'_>) -> bool {
        if self.pins > 0 {
            return false;
        }
        if self.count.is_zero(now) {
            return true;
        }
        let CounterWindow::Fixed { end, .. } = window else {
            return false;
        };
        self.touched.age(now) > KEPT_AFTER_END && now.wall().duration_since(end) > KEPT_AFTER_END
    }
}
