//! The proleptic Gregorian calendar in plain arithmetic, independent of any library.
//!
//! The trick is to let the year begin on 1 March, so that the leap day is the last day of the year
//! and no month before it moves. From March on, months have 31, 30, 31, 30, 31 days, again and
//! again: 153 days to five months, so that month `m` (March = 0) begins on day `(153 m + 2) / 5`
//! of the year, rounded down. Years then have 365 days and one more every fourth, except every
//! hundredth, except every four hundredth; after 400 years, or 146,097 days, everything repeats.

pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const DAY: i64 = 86_400 * SECOND;

const DAYS_IN_400_YEARS: i64 = 146_097;

/// From 1 March of the year 0 to 1 January 1970: five times 400 years, less the 30 years and two
/// months from 1 January 1970 to 1 March 2000, which are 11,017 days.
const DAYS_BEFORE_1970: i64 = 5 * DAYS_IN_400_YEARS - 11_017;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
}

impl Civil {
    /// Days since 1 January 1970.
    pub(crate) fn to_days(self) -> i64 {
        let months = self.year * 12 + self.month - 3;
        let (year, month) = (months.div_euclid(12), months.rem_euclid(12));
        let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        let day_of_year = (153 * month + 2) / 5 + self.day - 1;
        year * 365 + leap_days + day_of_year - DAYS_BEFORE_1970
    }

    pub(crate) fn from_days(days: i64) -> Self {
        let days = days + DAYS_BEFORE_1970;
        let (era, day) = (
            days.div_euclid(DAYS_IN_400_YEARS),
            days.rem_euclid(DAYS_IN_400_YEARS),
        );
        // Of four centuries, and of four years, only the last may end with a leap day. That day lies
        // past four whole ones as the first three are counted, but still belongs to the last.
        let century = (day / 36_524).min(3);
        let day = day - century * 36_524;
        let four = day / 1_461;
        let day = day - four * 1_461;
        let one = (day / 365).min(3);
        let day = day - one * 365;
        let month = (5 * day + 2) / 153;
        let months = (era * 400 + century * 100 + four * 4 + one) * 12 + month + 2;
        Self {
            year: months.div_euclid(12),
            month: months.rem_euclid(12) + 1,
            day: day - (153 * month + 2) / 5 + 1,
        }
    }
}

/// The length of the month so many months after January of the year 0.
pub(crate) fn days_in_month(months: i64) -> i64 {
    let first = |months: i64| {
        Civil {
            year: months.div_euclid(12),
            month: months.rem_euclid(12) + 1,
            day: 1,
        }
        .to_days()
    };
    first(months + 1) - first(months)
}

/// The moment, in microseconds since 1970 in UTC, that lies `count` months after `anchor` and so
/// long after midnight, on the last day of the month if it is too short.
pub(crate) fn months_after(anchor: Civil, after_midnight: i64, count: i64) -> i64 {
    let months = anchor.year * 12 + anchor.month - 1 + count;
    let date = Civil {
        year: months.div_euclid(12),
        month: months.rem_euclid(12) + 1,
        day: anchor.day.min(days_in_month(months)),
    };
    date.to_days() * DAY + after_midnight
}

#[test]
fn the_calendar_agrees_with_counting_on_fingers() {
    let mut date = Civil {
        year: 1970,
        month: 1,
        day: 1,
    };
    for days in 0..2 * DAYS_IN_400_YEARS {
        assert_eq!(Civil::from_days(days), date);
        assert_eq!(date.to_days(), days);
        let leap = date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0);
        let length = match date.month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        date.day += 1;
        if date.day > length {
            date.day = 1;
            date.month += 1;
        }
        if date.month > 12 {
            date.month = 1;
            date.year += 1;
        }
    }
    for days in -5_000_000..-4_990_000 {
        assert_eq!(Civil::from_days(days).to_days(), days);
    }
}
