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
        let most_before = bound.checked_sub(claim.units());
        if let (Some(most), Some(used)) = (most_before, self.used())
            && used <= most
        {
            return None;
        }
        let wait = most_before.map(u128::from).and_then(|most| match self {
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

    /// Counts units as if they were committed already.
    #[inline]
    pub(crate) fn take(&mut self, units: u64, now: &Now<'_>) {
        match self {
            Self::Sums(sums) => sums.raise(units),
            Self::Log(log) => log.add(now.sharp(), units),
        }
    }

    /// Takes back what was counted so.
    pub(crate) fn take_back(&mut self, units: u64) {
        // More is committed than that: they are in it.
        self.lower(units);
    }

    /// Counts what was used of it after all.
    pub(crate) fn correct(&mut self, taken: u64, actual: u64, now: &Now<'_>) {
        self.take_back(taken);
        match self {
            Self::Sums(sums) => sums.raise(actual),
            Self::Log(_) => self.commit(taken, actual, now),
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

    /// The same down to `least` units.
    pub(crate) fn lower_to(&mut self, units: u64, least: u128) -> u64 {
        let Self::Sums(sums) = self else {
            return 0;
        };
        let most = sums.committed().saturating_sub(least);
        sums.lower(u64::try_from(most).map_or(units, |most| units.min(most)))
    }

    /// What the counter is made of. A rate is made of what it has in its log.
    #[cfg(feature = "sqlite")]
    pub(crate) fn tally(&self) -> Tally {
        self.tally_with(0)
    }

    /// The same, where `open` units are counted as if they were committed.
    pub(crate) fn tally_with(&self, open: u128) -> Tally {
        let (committed, open) = match self {
            Self::Sums(sums) => (
                sums.committed().saturating_sub(open),
                sums.open().saturating_add(open),
            ),
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
        self.used() == Some(0)
    }

    #[inline]
    fn refresh(&mut self, now: &Now<'_>) {
        if let Self::Log(log) = self {
            log.forget_elapsed(now.sharp());
        }
    }

    /// What is used, if it can be said in 64 bits.
    #[inline]
    fn used(&self) -> Option<u64> {
        match self {
            Self::Sums(sums) => sums.used_narrowly(),
            Self::Log(log) => u64::try_from(log.used()).ok(),
        }
    }

    #[inline]
    fn state_with(&self, wait: Option<Duration>) -> CounterState {
        CounterState::new(self.used().unwrap_or(u64::MAX), wait)
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
