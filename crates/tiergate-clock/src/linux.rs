//! The clocks of Linux, which has cheap ones.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the one place where the machine's clock is read"
)]

use std::time::{Duration, Instant, SystemTime};

use nix::time::{ClockId, clock_gettime};
use tiergate_core::time::Timestamp;

/// A moment of the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin {
    SinceBoot(Nanoseconds),
    /// The clock of the standard library, where that one does not answer.
    Standard(Instant),
}

/// The kernel ticks every 10 milliseconds at least. On a virtual machine the processor that does it may have
/// to wait for its turn.
pub(crate) const COARSE_LAG: Duration = Duration::from_millis(100);

impl Origin {
    pub(crate) fn now() -> Self {
        let since_boot = Nanoseconds::of(ClockId::CLOCK_MONOTONIC);
        since_boot.map_or_else(|| Self::Standard(Instant::now()), Self::SinceBoot)
    }

    #[inline]
    pub(crate) fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.nanos())
    }

    #[inline]
    pub(crate) fn nanos(&self) -> u64 {
        self.nanos_by(ClockId::CLOCK_MONOTONIC)
    }

    /// Zero until the first tick after the origin.
    #[inline]
    pub(crate) fn coarse_nanos(&self) -> u64 {
        self.nanos_by(ClockId::CLOCK_MONOTONIC_COARSE)
    }

    #[inline]
    fn nanos_by(&self, clock: ClockId) -> u64 {
        match self {
            // Who has answered once answers always.
            Self::SinceBoot(origin) => Nanoseconds::of(clock).map_or(0, |now| now.since(*origin)),
            Self::Standard(at) => u64::try_from(at.elapsed().as_nanos()).unwrap_or(u64::MAX),
        }
    }

    pub(crate) fn wall() -> Timestamp {
        Timestamp::from_system_time(SystemTime::now())
    }

    pub(crate) fn coarse_wall() -> Timestamp {
        match Nanoseconds::of(ClockId::CLOCK_REALTIME_COARSE) {
            Some(Nanoseconds(since)) => Timestamp::from_micros(since.div_euclid(1_000)),
            None => Self::wall(),
        }
    }
}

/// A clock's time since its beginning, as one number, which is cheap to reckon with. It is right for
/// 292 years.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nanoseconds(i64);

impl Nanoseconds {
    /// None where there is no such clock.
    #[inline]
    fn of(clock: ClockId) -> Option<Self> {
        let time = clock_gettime(clock).ok()?;
        let seconds = wide(time.tv_sec()).wrapping_mul(1_000_000_000);
        Some(Self(seconds.wrapping_add(wide(time.tv_nsec()))))
    }

    /// Zero if `origin` is later.
    #[inline]
    fn since(self, Self(origin): Self) -> u64 {
        u64::try_from(self.0.wrapping_sub(origin)).unwrap_or(0)
    }
}

/// As wide as is needed, whatever the machine's numbers are.
#[inline]
fn wide(number: impl Into<i64>) -> i64 {
    number.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coarse_times_never_run_ahead_and_never_go_back() {
        let origin = Origin::now();
        let coarse_elapsed = || Duration::from_nanos(origin.coarse_nanos());
        let mut last = (Duration::ZERO, Timestamp::MIN);
        for _ in 0..100_000 {
            let coarse = (coarse_elapsed(), Origin::coarse_wall());
            assert!(coarse.0 <= origin.elapsed() && coarse.1 <= Origin::wall());
            assert!(last.0 <= coarse.0);
            last = coarse;
        }
        let behind = origin.elapsed().saturating_sub(coarse_elapsed());
        assert!(behind < Duration::from_secs(1), "{behind:?}");
    }
}
