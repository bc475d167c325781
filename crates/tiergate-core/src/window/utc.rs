//! Days and months in UTC, reckoned in whole numbers.

use super::Window;
use super::calendar::Unit;
use super::month::{DAY, Shown};
use crate::time::Timestamp;

/// The day or the month that holds a moment.
pub(super) fn cut(at: Timestamp, unit: Unit) -> Window {
    match unit {
        Unit::Day => {
            let start = at.as_micros() - at.as_micros().rem_euclid(DAY);
            Window {
                start: Timestamp::from_micros(start),
                end: Timestamp::from_micros(start + DAY),
            }
        }
        Unit::Month => {
            let shown = Shown::at(at);
            let days = i64::from(shown.day) - 1;
            let start = at.as_micros() - shown.time - days * DAY;
            let length = i64::from(shown.month.length()) * DAY;
            Window {
                start: Timestamp::from_micros(start),
                end: Timestamp::from_micros(start + length),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::TimeZone;

    fn check(at: Timestamp) {
        let utc = TimeZone::utc();
        assert!(utc.is_utc());
        for unit in [Unit::Day, Unit::Month] {
            let window = cut(at, unit);
            assert_eq!(window, Window::by_the_library(at, unit, &utc), "{at}");
            assert!(window.contains(at), "{at}");
        }
    }

    #[test]
    fn windows_around_every_boundary_of_four_centuries_are_those_of_the_library() {
        let mut at: Timestamp = "1999-01-01T00:00:00Z".parse().unwrap();
        for _ in 0..400 * 12 {
            for offset in [-1, 0, 1] {
                check(Timestamp::from_micros(at.as_micros() + offset));
            }
            at = cut(at, Unit::Month).end();
        }
    }

    #[test]
    fn windows_at_the_ends_of_time_are_those_of_the_library() {
        for end in [Timestamp::MIN, Timestamp::MAX] {
            for days in -40..=40 {
                for offset in [-1, 0, 1] {
                    let micros = end.as_micros() + days * DAY + offset;
                    check(Timestamp::from_micros(micros));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn every_window_is_that_of_the_library(micros in any::<i64>()) {
            check(Timestamp::from_micros(micros));
            check(Timestamp::from_micros(micros / 1_000));
        }
    }
}
