use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tiergate_core::time::Timestamp;

use crate::Clock;

/// A clock that stands still until it is told otherwise.
///
/// Clones share one time, so a test keeps a clone and moves the time of the gate it gave another
/// clone to.
///
/// ```
/// use std::time::Duration;
/// use tiergate_clock::{Clock, ManualClock};
///
/// let clock = ManualClock::default();
/// let seen_elsewhere = clock.clone();
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(seen_elsewhere.elapsed(), Duration::from_secs(60));
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock {
    state: Arc<Mutex<State>>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    now: Timestamp,
    elapsed: Duration,
}

impl ManualClock {
    /// A clock that stands at `now`, with nothing elapsed.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                now,
                elapsed: Duration::ZERO,
            })),
        }
    }

    /// Moves both the wall clock and the monotonic clock forward.
    pub fn advance(&self, by: Duration) {
        self.update(|state| {
            state.now = state.now.saturating_add(by);
            state.elapsed = state.elapsed.saturating_add(by);
        });
    }

    /// Sets the wall clock, forward or back, as an operator does. The monotonic clock stays.
    pub fn set_wall_clock(&self, now: Timestamp) {
        self.update(|state| state.now = now);
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        // A panic while the lock is held leaves two plain numbers: nothing is torn.
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn read(&self) -> State {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ManualClock {
    /// Stands at the first moment of 2026, UTC.
    fn default() -> Self {
        Self::at(Timestamp::from_seconds(1_767_225_600))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.read().now
    }

    fn elapsed(&self) -> Duration {
        self.read().elapsed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_the_wall_clock_back_leaves_ages_alone() {
        let clock = ManualClock::default();
        let start = clock.now();
        clock.advance(Duration::from_secs(10));
        clock.set_wall_clock(start);
        assert_eq!(clock.now(), start);
        assert_eq!(clock.elapsed(), Duration::from_secs(10));
    }

    #[test]
    fn the_nanoseconds_are_those_of_the_time() {
        let clock = ManualClock::default();
        clock.advance(Duration::from_nanos(1_234_567_890));
        assert_eq!(clock.coarse_nanos(), 1_234_567_890);
        assert_eq!(clock.elapsed_nanos(), 1_234_567_890);
        clock.advance(Duration::MAX);
        assert_eq!(clock.coarse_nanos(), u64::MAX);
        assert_eq!(clock.elapsed_nanos(), u64::MAX);
    }

    #[test]
    fn default_is_the_first_moment_of_2026() {
        assert_eq!(
            ManualClock::default().now().to_string(),
            "2026-01-01T00:00:00Z"
        );
    }
}
