//! The time of one operation, read once.

use std::cell::OnceCell;
use std::time::Duration;

use tiergate_clock::Clock;
use tiergate_core::time::Timestamp;

/// The moment at which an operation acts.
///
/// The monotonic time of an operation on several shards is read while they are locked. So whoever holds
/// their locks later reads no earlier time, and sees all parts of what has expired as such, or none.
#[derive(Debug)]
pub(crate) struct Now<'a> {
    clock: &'a dyn Clock,
    elapsed: u64,
    sharpness: Sharpness,
    /// How much later it may be than `elapsed` says, where somebody goes by that.
    lag: u64,
    wall: OnceCell<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
enum Sharpness {
    Sharp,
    /// Some milliseconds behind.
    Coarse,
}

impl<'a> Now<'a> {
    #[inline]
    pub(crate) fn read(clock: &'a dyn Clock) -> Self {
        Self {
            clock,
            elapsed: clock.elapsed_nanos(),
            sharpness: Sharpness::Sharp,
            lag: 0,
            wall: OnceCell::new(),
        }
    }

    /// A moment that may be some milliseconds ago, for an operation that only has to know what has
    /// expired, and may find out late.
    #[inline]
    pub(crate) fn read_coarsely(clock: &'a dyn Clock) -> Self {
        Self {
            clock,
            elapsed: clock.coarse_nanos(),
            sharpness: Sharpness::Coarse,
            lag: 0,
            wall: OnceCell::new(),
        }
    }

    /// A moment that may be up to `lag` nanoseconds ago, for an operation that asks whether it may
    /// [be later](Self::latest), and [reads again](Self::sharpen) if that would make a difference.
    #[inline]
    pub(crate) fn read_nearly(clock: &'a dyn Clock, lag: u64) -> Self {
        Self {
            lag,
            ..Self::read_coarsely(clock)
        }
    }

    /// Reads the sharp clock, if that was not done.
    #[cold]
    pub(crate) fn sharpen(&mut self) {
        self.elapsed = self.sharp();
        self.sharpness = Sharpness::Sharp;
        self.lag = 0;
    }

    /// The latest that it may be, in nanoseconds of the monotonic clock.
    #[inline]
    pub(crate) fn latest(&self) -> u64 {
        self.elapsed.saturating_add(self.lag)
    }

    /// The moment `elapsed` on a line of time that several processes share, in nanoseconds. What the
    /// calendar says is read from `clock`.
    #[cfg(feature = "sqlite")]
    pub(crate) fn at(clock: &'a dyn Clock, elapsed: u64) -> Self {
        Self {
            clock,
            elapsed,
            sharpness: Sharpness::Sharp,
            lag: 0,
            wall: OnceCell::new(),
        }
    }

    /// Nanoseconds of the monotonic clock.
    #[inline]
    pub(crate) fn elapsed(&self) -> u64 {
        self.elapsed
    }

    /// The same where milliseconds count: when a unit of a rate was used.
    #[inline]
    pub(crate) fn sharp(&self) -> u64 {
        match self.sharpness {
            Sharpness::Sharp => self.elapsed,
            Sharpness::Coarse => self.clock.elapsed_nanos(),
        }
    }

    /// The wall clock, read only by those who need it. It may be some milliseconds behind, so that
    /// nobody who waits for the end of a window comes back before it.
    #[inline]
    pub(crate) fn wall(&self) -> Timestamp {
        *self.wall.get_or_init(|| self.clock.coarse_now())
    }
}

/// A length of time in nanoseconds; those above 584 years count as that.
#[inline]
pub(crate) fn nanos(length: Duration) -> u64 {
    length
        .as_secs()
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::from(length.subsec_nanos()))
}
