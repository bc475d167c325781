//! The clocks of Linux, which has cheap ones.

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};
use tiergate_core::time::Timestamp;

/// A moment of the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    /// Nanoseconds since the machine started, of which there are 584 years.
    at: u64,
}

impl Origin {
    pub(crate) fn now() -> Self {
        Self {
            at: since_boot(ClockId::Monotonic),
        }
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.until(ClockId::Monotonic)
    }

    /// Zero until the first tick after the origin.
    pub(crate) fn coarse_elapsed(self) -> Duration {
        self.until(ClockId::MonotonicCoarse)
    }

    fn until(self, clock: ClockId) -> Duration {
        Duration::from_nanos(since_boot(clock).saturating_sub(self.at))
    }

    pub(crate) fn wall() -> Timestamp {
        wall(ClockId::Realtime)
    }

    pub(crate) fn coarse_wall() -> Timestamp {
        wall(ClockId::RealtimeCoarse)
    }
}

/// The monotonic clocks begin at zero, so nothing is cut off.
fn since_boot(clock: ClockId) -> u64 {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(clock);
    u64::try_from(tv_sec)
        .unwrap_or(0)
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::try_from(tv_nsec).unwrap_or(0))
}

fn wall(clock: ClockId) -> Timestamp {
    // The nanoseconds count upwards before 1970, too.
    let Timespec { tv_sec, tv_nsec } = clock_gettime(clock);
    Timestamp::from_micros(
        tv_sec
            .saturating_mul(1_000_000)
            .saturating_add(tv_nsec / 1_000),
    )
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the times of the standard library are what these are held against"
)]
mod tests {
    use std::time::{Instant, SystemTime};

    use super::*;

    #[test]
    fn it_lies_between_two_looks_at_the_clocks_of_the_standard_library() {
        let before = Instant::now();
        let origin = Origin::now();
        let after = Instant::now();
        for _ in 0..1_000 {
            let least = after.elapsed();
            let elapsed = origin.elapsed();
            assert!(least <= elapsed && elapsed <= before.elapsed());
        }
        let earlier = Timestamp::from_system_time(SystemTime::now());
        let wall = Origin::wall();
        let later = Timestamp::from_system_time(SystemTime::now());
        assert!(earlier <= wall && wall <= later);
    }

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
    }
}
