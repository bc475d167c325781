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
pub(crate) struct Origin {
    at: Instant,
    /// The same moment, or one just after it, as the coarse clock counts; none without one.
    since_boot: Option<Duration>,
}

impl Origin {
    pub(crate) fn now() -> Self {
        Self {
            at: Instant::now(),
            since_boot: read(ClockId::CLOCK_MONOTONIC),
        }
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.at.elapsed()
    }

    /// Zero until the first tick after the origin.
    pub(crate) fn coarse_elapsed(self) -> Duration {
        match (self.since_boot, read(ClockId::CLOCK_MONOTONIC_COARSE)) {
            (Some(origin), Some(now)) => now.saturating_sub(origin),
            _ => self.elapsed(),
        }
    }

    pub(crate) fn wall() -> Timestamp {
        Timestamp::from_system_time(SystemTime::now())
    }

    pub(crate) fn coarse_wall() -> Timestamp {
        match read(ClockId::CLOCK_REALTIME_COARSE) {
            Some(time) => Timestamp::from_micros(
                i64::try_from(time.as_secs())
                    .unwrap_or(i64::MAX)
                    .saturating_mul(1_000_000)
                    .saturating_add(time.subsec_micros().into()),
            ),
            None => Self::wall(),
        }
    }
}

/// A clock's time since its beginning; none where there is no such clock, or before its beginning.
fn read(clock: ClockId) -> Option<Duration> {
    let time = clock_gettime(clock).ok()?;
    Some(Duration::new(
        u64::try_from(time.tv_sec()).ok()?,
        u32::try_from(time.tv_nsec()).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coarse_times_never_run_ahead_and_never_go_back() {
        let origin = Origin::now();
        let mut last = (Duration::ZERO, Timestamp::MIN);
        for _ in 0..100_000 {
            let coarse = (origin.coarse_elapsed(), Origin::coarse_wall());
            assert!(coarse.0 <= origin.elapsed() && coarse.1 <= Origin::wall());
            assert!(last.0 <= coarse.0);
            last = coarse;
        }
        let behind = origin.elapsed().saturating_sub(origin.coarse_elapsed());
        assert!(behind < Duration::from_secs(1), "{behind:?}");
    }
}
