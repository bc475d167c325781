//! What a counter counts, wherever it is kept.

use std::time::Duration;

use tiergate_core::Limit;

use crate::now::{Now, nanos};
use crate::rate::RateLog;
use crate::sums::Sums;
use crate::{Claim, CounterState, CounterWindow, Tally};

/// How long a quota's counter is kept after its window, by both clocks, so that a wall clock set
/// back does not hand the quota out again.
pub(crate) const KEPT_AFTER_END: Duration = Duration::from_secs(24 * 3_600);

/// How long an operation on a gauge is remembered by its idempotency key.
const REMEMBERED_FOR_GAUGE: Duration = Duration::from_secs(24 * 3_600);

#[derive(Debug)]
pub(crate) enum Count {
    Sums(Sums),
    // Boxed, so that quotas and gauges, which most counters are, do not take its room.
    Log(Box<RateLog>),
}

impl Count {
    /// Nothing, in such a window.
    pub(crate) fn new(window: CounterWindow) -> Self {
        match window {
            CounterWindow::Level | CounterWindow::Fixed { .. } => Self::Sums(Sums::default()),
            CounterWindow::Sliding { length } => Self::Log(Box::new(RateLog::new(length))),
        }
    }

    /// Where the counter stands, if the claim does not fit now.
    #[inline]
    pub(crate) fn refusal(&mut self, claim: &Claim, now: &Now<'_>) -> Option<CounterState> {
        let Limit::AtMost(bound) = claim.limit() else {
            return None;
        };
        self.refresh(now);
        let most_before = bound.checked_sub(claim.units()).map(u128::from);
        if most_before.is_some_and(|most| self.used() <= most) {
            return None;
        }
        let wait = most_before.and_then(|most| match self {
            Self::Sums(_) => until_end(claim.key().window(), now),
            Self::Log(log) => log.until_at_most(most, now.sharp()),
        });
        Some(self.state_with(wait))
    }

    #[inline]
    pub(crate) fn reserve(&mut self, units: u64, now: &Now<'_>) {
        match self {
            Self::Sums(sums) => sums.reserve(units),
            Self::Log(log) => log.add(now.sharp(), units),
        }
    }

    /// Counts units of a rate that may be spent until `ahead` nanoseconds from now.
    pub(crate) fn take_ahead(&mut self, units: u64, ahead: u64, now: &Now<'_>) {
        if let Self::Log(log) = self {
            log.add_ahead(now.elapsed(), ahead, units);
        }
    }

    #[inline]
    pub(crate) fn commit(&mut self, reserved: u64, actual: u64, now: &Now<'_>) {
        match self {
            Self::Sums(sums) => {
                sums.release(reserved);
                sums.raise(actual);
            }
            Self::Log(log) => {
                let more = actual.saturating_sub(reserved);
                if more > 0 {
                    log.add(now.sharp(), more);
                }
            }
        }
    }

    #[inline]
    pub(crate) fn release(&mut self, reserved: u64) {
        match self {
            Self::Sums(sums) => sums.release(reserved),
            Self::Log(_) => {}
        }
    }

    /// Adds to what is committed.
    pub(crate) fn raise(&mut self, units: u64) {
        if let Self::Sums(sums) = self {
            sums.raise(units);
        }
    }

    /// Takes up to `units` off what is committed, and tells how many.
    pub(crate) fn lower(&mut self, units: u64) -> u64 {
        match self {
            Self::Sums(sums) => sums.lower(units),
            Self::Log(_) => 0,
        }
    }

    /// What the counter is made of. A rate is made of what it has in its log.
    pub(crate) fn tally(&self) -> Tally {
        let (committed, open) = match self {
            Self::Sums(sums) => (sums.committed(), sums.open()),
            Self::Log(log) => (log.used(), 0),
        };
        let shown = |units| u64::try_from(units).unwrap_or(u64::MAX);
        Tally::new(shown(committed), shown(open))
    }

    /// Where the counter of such a window stands.
    #[inline]
    pub(crate) fn state(&mut self, window: CounterWindow, now: &Now<'_>) -> CounterState {
        self.refresh(now);
        let wait = match self {
            Self::Sums(_) => until_end(window, now),
            Self::Log(log) => log.until_change(now.sharp()),
        };
        self.state_with(wait)
    }

    /// Whether nothing is counted any more.
    #[inline]
    pub(crate) fn is_zero(&mut self, now: &Now<'_>) -> bool {
        self.refresh(now);
        self.used() == 0
    }

    #[inline]
    fn refresh(&mut self, now: &Now<'_>) {
        if let Self::Log(log) = self {
            log.forget_elapsed(now.sharp());
        }
    }

    #[inline]
    fn used(&self) -> u128 {
        match self {
            Self::Sums(sums) => sums.used(),
            Self::Log(log) => log.used(),
        }
    }

    #[inline]
    fn state_with(&self, wait: Option<Duration>) -> CounterState {
        CounterState::new(u64::try_from(self.used()).unwrap_or(u64::MAX), wait)
    }
}

/// Where a counter stands that nobody has used.
pub(crate) fn unused(window: CounterWindow, now: &Now<'_>) -> CounterState {
    CounterState::new(0, until_end(window, now))
}

/// Until when an operation on a counter of such a window is remembered, by the monotonic clock.
pub(crate) fn remembered_until(window: CounterWindow, now: &Now<'_>) -> u64 {
    let length = match window {
        CounterWindow::Level => REMEMBERED_FOR_GAUGE,
        CounterWindow::Sliding { length } => length,
        CounterWindow::Fixed { end, .. } => end.duration_since(now.wall()),
    };
    now.elapsed().saturating_add(nanos(length))
}

#[inline]
fn until_end(window: CounterWindow, now: &Now<'_>) -> Option<Duration> {
    match window {
        CounterWindow::Level | CounterWindow::Sliding { .. } => None,
        CounterWindow::Fixed { end, .. } => Some(end.duration_since(now.wall())),
    }
}
