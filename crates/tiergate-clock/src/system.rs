use std::time::Duration;

use tiergate_core::time::Timestamp;

use crate::Clock;
#[cfg(target_os = "linux")]
use crate::linux::{COARSE_LAG, Origin};
#[cfg(not(target_os = "linux"))]
use crate::portable::{COARSE_LAG, Origin};

/// The clock of the machine.
///
/// On Linux the coarse times cost about a third of the others, and are those of the last tick of the
/// kernel, which is 1 to 10 milliseconds ago. Elsewhere they are the others.
///
/// ```
/// use tiergate_clock::{Clock, SystemClock};
///
/// let clock = SystemClock::new();
/// assert!(clock.elapsed() <= clock.elapsed());
/// assert!(clock.coarse_elapsed() <= clock.elapsed());
/// ```
#[derive(Clone, Debug)]
pub struct SystemClock {
    origin: Origin,
}

impl SystemClock {
    /// A clock whose [`elapsed`](Clock::elapsed) starts at zero now.
    #[must_use]
    pub fn new() -> Self {
        Self {
            origin: Origin::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Origin::wall()
    }

    fn elapsed(&self) -> Duration {
        self.origin.elapsed()
    }

    fn elapsed_nanos(&self) -> u64 {
        self.origin.nanos()
    }

    fn coarse_now(&self) -> Timestamp {
        Origin::coarse_wall()
    }

    fn coarse_elapsed(&self) -> Duration {
        Duration::from_nanos(self.origin.coarse_nanos())
    }

    fn coarse_lag(&self) -> Duration {
        COARSE_LAG
    }

    fn coarse_nanos(&self) -> u64 {
        self.origin.coarse_nanos()
    }
}
