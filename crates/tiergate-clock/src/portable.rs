//! The clocks that every system has.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the one place where the machine's clock is read"
)]

use std::time::{Duration, Instant, SystemTime};

use tiergate_core::time::Timestamp;

/// A moment of the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    at: Instant,
}

/// There are no coarse times.
pub(crate) const COARSE_LAG: Duration = Duration::ZERO;

impl Origin {
    pub(crate) fn now() -> Self {
        Self { at: Instant::now() }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.at.elapsed()
    }

    pub(crate) fn nanos(&self) -> u64 {
        u64::try_from(self.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    pub(crate) fn coarse_nanos(&self) -> u64 {
        self.nanos()
    }

    pub(crate) fn wall() -> Timestamp {
        Timestamp::from_system_time(SystemTime::now())
    }

    pub(crate) fn coarse_wall() -> Timestamp {
        Self::wall()
    }
}
