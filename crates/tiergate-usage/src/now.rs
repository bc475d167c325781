//! The time of one operation, read once.

use std::cell::OnceCell;
use std::time::Duration;

use tiergate_clock::Clock;
use tiergate_core::time::Timestamp;

/// The moment at which an operation acts.
///
/// The monotonic time is read while what is counted is locked. So whoever holds a lock later reads no
/// earlier time, and what one operation saw expire, no later one sees alive.
#[derive(Debug)]
pub(crate) struct Now<'a> {
    clock: &'a dyn Clock,
    elapsed: u64,
    wall: OnceCell<Timestamp>,
}

impl<'a> Now<'a> {
    pub(crate) fn read(clock: &'a dyn Clock) -> Self {
        Self {
            clock,
            elapsed: nanos(clock.elapsed()),
            wall: OnceCell::new(),
        }
    }

    /// The moment `elapsed` on a line of time that several processes share, in nanoseconds. What the
    /// calendar says is read from `clock`.
    #[cfg(feature = "sqlite")]
    pub(crate) fn at(clock: &'a dyn Clock, elapsed: u64) -> Self {
        Self {
            clock,
            elapsed,
            wall: OnceCell::new(),
        }
    }

    /// Nanoseconds of the monotonic clock.
    pub(crate) fn elapsed(&self) -> u64 {
        self.elapsed
    }

    /// The wall clock, read only by those who need it.
    pub(crate) fn wall(&self) -> Timestamp {
        *self.wall.get_or_init(|| self.clock.now())
    }
}

/// A length of time in nanoseconds; those above 584 years count as that.
pub(crate) fn nanos(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).unwrap_or(u64::MAX)
}
