use std::hint::black_box;
use std::time::Duration;

use tiergate::clock::{Clock, SystemClock};
use tiergate::time::Timestamp;

/// A clock that is read and stands still.
///
/// How many instructions it takes to tell two times apart depends on them: on whether a second has to be
/// borrowed.
#[derive(Debug, Default)]
pub(crate) struct Still(SystemClock);

/// The first moment of 2026.
const NOW: Timestamp = Timestamp::from_seconds(1_767_225_600);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        black_box(self.0.now());
        NOW
    }

    fn elapsed(&self) -> Duration {
        black_box(self.0.now());
        Duration::from_secs(1)
    }

    fn coarse_now(&self) -> Timestamp {
        black_box(self.0.coarse_now());
        NOW
    }

    fn coarse_elapsed(&self) -> Duration {
        black_box(self.0.coarse_nanos());
        Duration::from_secs(1)
    }

    fn coarse_nanos(&self) -> u64 {
        black_box(self.0.coarse_nanos());
        1_000_000_000
    }
}
