//! Time, as the database counts it.

use std::sync::Arc;
use std::time::Duration;

use tiergate_clock::Clock;
use tiergate_core::time::Timestamp;

/// The longest time that is counted, some 36,000 years, so that no sum of times overflows.
const LONGEST: i64 = 1 << 60;

/// Whose clock a store goes by.
#[derive(Clone, Debug)]
pub(super) enum Time {
    /// The server's, which is one for all who share it.
    Server,
    /// A test's.
    #[cfg_attr(
        not(any(test, feature = "testing")),
        expect(dead_code, reason = "for tests")
    )]
    Clock(Arc<dyn Clock>),
}

/// The moment of one call. The server reads its own clock where there is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// Microseconds that never step back.
    pub(super) steady: Option<i64>,
    /// Microseconds of the calendar.
    pub(super) wall: Option<i64>,
}

impl Time {
    pub(super) fn now(&self) -> Moment {
        match self {
            Self::Server => Moment {
                steady: None,
                wall: None,
            },
            Self::Clock(clock) => Moment {
                steady: Some(micros(clock.elapsed())),
                wall: Some(calendar(clock.now())),
            },
        }
    }
}

/// A length of time in microseconds. What is between two of them is rounded up: a unit may count a little
/// longer, and never shorter.
pub(super) fn micros(length: Duration) -> i64 {
    let rounded = length.as_nanos().div_ceil(1_000);
    i64::try_from(rounded).unwrap_or(LONGEST).min(LONGEST)
}

/// A moment in microseconds, none of which is so far away that a difference overflows.
pub(super) fn calendar(moment: Timestamp) -> i64 {
    moment.as_micros().clamp(-LONGEST, LONGEST)
}

/// A length of time that the database told. None is negative.
pub(super) fn duration(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_never_counted_short() {
        assert_eq!(micros(Duration::ZERO), 0);
        assert_eq!(micros(Duration::from_nanos(1)), 1);
        assert_eq!(micros(Duration::from_nanos(1_001)), 2);
        assert_eq!(micros(Duration::MAX), LONGEST);
        assert_eq!(
            duration(micros(Duration::from_secs(60))),
            Duration::from_secs(60)
        );
    }
}
