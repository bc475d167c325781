//! The clock of tiergate.
//!
//! Everything in tiergate that needs the time asks a [`Clock`]. A service uses [`SystemClock`];
//! a test uses [`ManualClock`] and decides what time it is.
//!
//! Two times are told apart, because mixing them up is how limits are handed out twice:
//!
//! * [`Clock::now`] is the wall clock, a [`Timestamp`]. It places a moment in a calendar: which
//!   month a quota counts in, whether a trial is over. An operator or NTP may set it back.
//! * [`Clock::elapsed`] is monotonic, a [`Duration`] since some fixed origin. It measures age: how
//!   old a cached answer is, how long ago a request was made. It never goes back.
//!
//! ```
//! use std::time::Duration;
//! use tiergate_clock::{Clock, ManualClock};
//!
//! let clock = ManualClock::at("2026-01-31T23:59:59Z".parse()?);
//! clock.advance(Duration::from_secs(1));
//! assert_eq!(clock.now().to_string(), "2026-02-01T00:00:00Z");
//! assert_eq!(clock.elapsed(), Duration::from_secs(1));
//! # Ok::<(), tiergate_core::time::ParseTimestampError>(())
//! ```

#[cfg(target_os = "linux")]
mod linux;
mod manual;
#[cfg(not(target_os = "linux"))]
mod portable;
mod system;

pub use manual::ManualClock;
pub use system::SystemClock;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use tiergate_core::time::Timestamp;

/// A source of time.
///
/// Implementations are called on the path of every request and must not block.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The wall-clock time. It may jump, in either direction.
    fn now(&self) -> Timestamp;

    /// The time since an origin that stays the same as long as the clock lives. Never decreases.
    fn elapsed(&self) -> Duration;

    /// [`elapsed`](Self::elapsed) in nanoseconds, which are cheaper to reckon with. It stays at its highest
    /// after 584 years.
    ///
    /// A clock that has the number at hand gives it here; it must be that of `elapsed`.
    fn elapsed_nanos(&self) -> u64 {
        u64::try_from(self.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// [`now`](Self::now), for who would rather have it cheap than sharp: it may be some milliseconds
    /// behind, and is never ahead.
    fn coarse_now(&self) -> Timestamp {
        self.now()
    }

    /// [`elapsed`](Self::elapsed), for who would rather have it cheap than sharp: it may be some
    /// milliseconds behind, and is never ahead. By itself it never decreases either.
    fn coarse_elapsed(&self) -> Duration {
        self.elapsed()
    }

    /// The most that the coarse times are behind the others, for who has to know that something is certainly
    /// over, or certainly not yet. Zero unless a clock says otherwise, as one with coarse times of its own
    /// has to.
    ///
    /// It holds while the system keeps its own time: not where a machine is stopped and goes on.
    fn coarse_lag(&self) -> Duration {
        Duration::ZERO
    }

    /// [`coarse_elapsed`](Self::coarse_elapsed) in nanoseconds, for who only compares it: a whole
    /// number is cheaper to make and to compare. It stays at its highest after 584 years.
    ///
    /// A clock that has the number at hand gives it here; it must be that of `coarse_elapsed`.
    fn coarse_nanos(&self) -> u64 {
        u64::try_from(self.coarse_elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }

    fn elapsed(&self) -> Duration {
        (**self).elapsed()
    }

    fn elapsed_nanos(&self) -> u64 {
        (**self).elapsed_nanos()
    }

    fn coarse_now(&self) -> Timestamp {
        (**self).coarse_now()
    }

    fn coarse_elapsed(&self) -> Duration {
        (**self).coarse_elapsed()
    }

    fn coarse_lag(&self) -> Duration {
        (**self).coarse_lag()
    }

    fn coarse_nanos(&self) -> u64 {
        (**self).coarse_nanos()
    }
}
