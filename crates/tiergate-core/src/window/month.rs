//! The months of the calendar in UTC, reckoned in whole numbers: windows of billing periods are cut on
//! the path of every request that takes units, and a calendar library costs several times as much.

use crate::time::Timestamp;

/// The microseconds of a day.
pub(super) const DAY: i64 = 86_400_000_000;
/// The days from the origin to 1970: thirty times as many as four hundred years have, and from March
/// of year 0 on.
const EPOCH: i64 = 30 * 146_097 + 719_468;
/// No month has fewer days.
const SHORTEST: u32 = 28;

/// A month of the Gregorian calendar, extended in both directions.
///
/// It is counted from March of the year -12000 on, which lies before all timestamps, so that no number
/// is negative. Years that begin with March have the day that comes and goes at their end (H. Hinnant,
/// "chrono-compatible low-level date algorithms").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Month(u32);

/// A moment as a calendar and a clock in UTC show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) month: Month,
    /// From 1.
    pub(super) day: u32,
    /// Microseconds since midnight.
    pub(super) time: i64,
}

impl Month {
    pub(super) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    pub(super) fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// The moment of that day and time in it, or of its last day if it is too short, brought into the
    /// range of timestamps.
    pub(super) fn moment(self, day: u32, time: i64) -> Timestamp {
        let day = if day > SHORTEST {
            day.min(self.length())
        } else {
            day
        };
        let days = i64::from(self.first_day()) + i64::from(day) - 1 - EPOCH;
        Timestamp::from_micros(days * DAY + time)
    }

    /// How many days it has.
    pub(super) fn length(self) -> u32 {
        self.next().first_day() - self.first_day()
    }

    /// Its first day, counted from the origin.
    fn first_day(self) -> u32 {
        let (year, month) = (self.0 / 12, self.0 % 12);
        year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5
    }
}

impl Shown {
    pub(super) fn at(at: Timestamp) -> Self {
        let micros = at.as_micros() + EPOCH * DAY;
        // Timestamps begin after the origin, and end within what fits; the fallback is unreachable.
        let days = u32::try_from(micros / DAY).unwrap_or(0);
        // Every four hundred years have as many days.
        let (cycle, of_cycle) = (days / 146_097, days % 146_097);
        let year = (of_cycle - of_cycle / 1_460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
        let of_year = of_cycle - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        Self {
            month: Month((cycle * 400 + year) * 12 + month),
            day: of_year - (153 * month + 2) / 5 + 1,
            time: micros % DAY,
        }
    }

    /// Whether `end` is a month after `start`, which this shows, and on a day that each month has. False
    /// says nothing.
    pub(super) fn is_a_month_before(self, start: Timestamp, end: Timestamp) -> bool {
        self.day <= SHORTEST
            && end.as_micros() - start.as_micros() == i64::from(self.month.length()) * DAY
    }

    /// Whether it is on the last day of its month.
    pub(super) fn is_last_day(self) -> bool {
        self.day >= SHORTEST && self.day == self.month.length()
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::Offset;
    use proptest::prelude::*;

    use super::*;

    /// What the calendar library says: year, month, day and length of the month.
    fn by_the_library(at: Timestamp) -> (u32, i8, i8) {
        let shown = Offset::UTC.to_datetime(at.to_jiff());
        let months = (i32::from(shown.year()) + 12_000) * 12 + i32::from(shown.month());
        let months = months.try_into().unwrap();
        (months, shown.day(), shown.days_in_month())
    }

    fn check(at: Timestamp) {
        let shown = Shown::at(at);
        // January is the first month of the year there, and the eleventh here.
        let months = shown.month.0 + 3;
        let [day, length] = [shown.day, shown.month.length()].map(|n| i8::try_from(n).unwrap());
        assert_eq!((months, day, length), by_the_library(at), "{at}");
        assert_eq!(shown.is_last_day(), day == length);
        assert_eq!(shown.month.moment(shown.day, shown.time), at);
    }

    #[test]
    fn every_day_of_eight_centuries_is_that_of_the_library() {
        let first: Timestamp = "1600-01-01T00:00:00Z".parse().unwrap();
        for day in 0..800 * 366 {
            check(Timestamp::from_micros(first.as_micros() + day * DAY));
        }
    }

    #[test]
    fn the_ends_of_time_are_shown_too() {
        for at in [Timestamp::MIN, Timestamp::MAX, Timestamp::from_micros(-1)] {
            check(at);
        }
    }

    proptest! {
        #[test]
        fn every_moment_is_that_of_the_library(micros in any::<i64>()) {
            check(Timestamp::from_micros(micros));
            check(Timestamp::from_micros(micros / 1_000));
        }
    }
}
