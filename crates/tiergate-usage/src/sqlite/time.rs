//! The line of time that all who write to one file are on.

use std::sync::Arc;

use tiergate_clock::Clock;
use tiergate_core::time::Timestamp;

use crate::now::nanos;

/// The latest moment that is believed, in the year 2189: what is due later than that has to fit a
/// number, too.
const LATEST: u64 = u64::MAX / 8 * 3;

/// Nanoseconds since 1970 by the wall clock when the file was opened, and by the monotonic clock from
/// then on. When the file has seen a later time, it goes on from there.
#[derive(Debug)]
pub(super) struct Timeline {
    clock: Arc<dyn Clock>,
    /// The time when the monotonic clock was at zero. May wrap, and wraps back.
    base: u64,
}

impl Timeline {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let since = clock.now().duration_since(Timestamp::from_micros(0));
        let mut timeline = Self { clock, base: 0 };
        timeline.set(nanos(since));
        timeline
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    pub(super) fn now(&self) -> u64 {
        self.base
            .wrapping_add(nanos(self.clock.elapsed()))
            .min(LATEST)
    }

    /// Goes on from `seen`, if that is later.
    pub(super) fn catch_up(&mut self, seen: u64) {
        if seen > self.now() {
            self.set(seen);
        }
    }

    fn set(&mut self, now: u64) {
        let now = now.min(LATEST);
        self.base = now.wrapping_sub(nanos(self.clock.elapsed()));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tiergate_clock::ManualClock;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn it_follows_the_monotonic_clock_and_never_the_wall_clock() {
        let clock = ManualClock::at(Timestamp::from_seconds(100));
        clock.advance(Duration::from_secs(7));
        let timeline = Timeline::new(Arc::new(clock.clone()));
        assert_eq!(timeline.now(), 107 * SECOND);
        clock.set_wall_clock(Timestamp::from_seconds(3));
        clock.advance(Duration::from_secs(1));
        assert_eq!(timeline.now(), 108 * SECOND);
    }

    #[test]
    fn it_goes_on_from_the_latest_time_seen() {
        let clock = ManualClock::at(Timestamp::from_seconds(100));
        let mut timeline = Timeline::new(Arc::new(clock.clone()));
        timeline.catch_up(500 * SECOND);
        timeline.catch_up(200 * SECOND);
        clock.advance(Duration::from_secs(1));
        assert_eq!(timeline.now(), 501 * SECOND);
    }

    #[test]
    fn a_clock_far_off_stays_within_what_can_be_counted() {
        for moment in [Timestamp::MIN, Timestamp::MAX] {
            let mut timeline = Timeline::new(Arc::new(ManualClock::at(moment)));
            timeline.catch_up(u64::MAX);
            assert_eq!(timeline.now(), LATEST);
        }
    }
}
