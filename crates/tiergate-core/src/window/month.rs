//! The months of the calendar in UTC, reckoned in whole numbers: windows of billing periods are cut on
//! the path of every request that takes units, and a calendar library costs ten times as much.

use crate::time::Timestamp;

/// The microseconds of a day.
const DAY: i64 = 86_400_000_000;
/// The days from the first day of year 0, if years began with March, to that of 1970 in January.
const EPOCH: i64 = 719_468;

/// A month of the Gregorian calendar, extended in both directions.
///
/// It is counted from March of year 0 on. Years that begin with March have the day that comes and goes
/// at their end (H. Hinnant, "chrono-compatible low-level date algorithms").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Month(i64);

/// A moment as a calendar and a clock in UTC show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) month: Month,
    /// From 1.
    pub(super) day: i64,
    /// Microseconds since midnight.
    pub(super) time: i64,
}

impl Month {
    /// So many months later, or earlier if negative.
    pub(super) fn after(self, months: i64) -> Self {
        Self(self.0 + months)
    }

    /// How many days it has.
    pub(super) fn length(self) -> i64 {
        self.after(1).first_day() - self.first_day()
    }

    /// The moment of that day and time in it, or of its last day if it is too short, brought into the
    /// range of timestamps.
    pub(super) fn moment(self, day: i64, time: i64) -> Timestamp {
        let day = self.first_day() + day.min(self.length()) - 1;
        Timestamp::from_micros(day.saturating_mul(DAY).saturating_add(time))
    }

    /// Its first day, counted from 1970.
    fn first_day(self) -> i64 {
        let (year, month) = (self.0.div_euclid(12), self.0.rem_euclid(12));
        let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        year * 365 + leap_days + (153 * month + 2) / 5 - EPOCH
    }
}

impl Shown {
    pub(super) fn at(at: Timestamp) -> Self {
        let micros = at.as_micros();
        let days = micros.div_euclid(DAY) + EPOCH;
        // Every four hundred years have as many days.
        let (cycle, of_cycle) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (of_cycle - of_cycle / 1_460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
        let of_year = of_cycle - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        Self {
            month: Month((cycle * 400 + year) * 12 + month),
            day: of_year - (153 * month + 2) / 5 + 1,
            time: micros.rem_euclid(DAY),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::Offset;
    use proptest::prelude::*;

    use super::*;

    /// What the calendar library says: year, month, day and length of the month.
    fn by_the_library(at: Timestamp) -> (i64, i64, i64) {
        let shown = Offset::UTC.to_datetime(at.to_jiff());
        let months = i64::from(shown.year()) * 12 + i64::from(shown.month());
        (months, shown.day().into(), shown.days_in_month().into())
    }

    fn check(at: Timestamp) {
        let shown = Shown::at(at);
        // January is the first month of the year there, and the eleventh here.
        let months = shown.month.0 + 3;
        assert_eq!(
            (months, shown.day, shown.month.length()),
            by_the_library(at),
            "{at}"
        );
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
