//! Local days and months against a slow search, in every zone of the database.
//!
//! The search knows of a zone only which offset holds when. It takes the rule by its word: a date
//! begins at the first moment at which the local clock shows that date or a later one.

use jiff::tz::{TimeZone as Offsets, TimeZoneDatabase};
use tiergate_core::Window;
use tiergate_core::time::{TimeZone, Timestamp};

use crate::civil::{Civil, DAY, SECOND};

const HOUR: i64 = 3_600 * SECOND;

pub(crate) fn zone_names() -> Vec<String> {
    let names: Vec<_> = TimeZoneDatabase::bundled()
        .available()
        .map(|name| name.as_str().to_owned())
        .collect();
    assert!(names.len() > 400, "the database is bundled");
    names
}

/// A stretch of time, in microseconds, through which one offset holds.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    from: i64,
    to: i64,
    offset: i64,
}

impl Stretch {
    /// The first moment in it at which the local clock shows `local` or later.
    fn reaches(self, local: i64) -> Option<i64> {
        let at = self.from.max(local - self.offset);
        (at < self.to).then_some(at)
    }
}

fn first_moment(stretches: &[Stretch], date: i64) -> i64 {
    stretches
        .iter()
        .find_map(|stretch| stretch.reaches(date * DAY))
        .unwrap()
}

fn local_date(stretches: &[Stretch], at: i64) -> i64 {
    let stretch = stretches.iter().find(|stretch| at < stretch.to).unwrap();
    (at + stretch.offset).div_euclid(DAY)
}

/// The one span between two dates that follow each other in `firsts` that holds `at`.
fn span(stretches: &[Stretch], at: i64, firsts: &[i64]) -> (i64, i64) {
    let mut spans = firsts
        .windows(2)
        .map(|pair| {
            (
                first_moment(stretches, pair[0]),
                first_moment(stretches, pair[1]),
            )
        })
        .filter(|(start, end)| (*start..*end).contains(&at));
    let span = spans.next().unwrap();
    assert!(spans.next().is_none(), "two windows hold one moment");
    span
}

fn assert_windows(zone: &TimeZone, stretches: &[Stretch], at: i64) {
    let date = local_date(stretches, at);
    let days: Vec<i64> = (date - 3..=date + 4).collect();
    let this = Civil::from_days(date);
    let months: Vec<i64> = (-2..=3)
        .map(|step| this.year * 12 + this.month - 1 + step)
        .map(|months| {
            Civil {
                year: months.div_euclid(12),
                month: months.rem_euclid(12) + 1,
                day: 1,
            }
            .to_days()
        })
        .collect();
    let moment = Timestamp::from_micros(at);
    for (window, firsts) in [
        (Window::of_day(moment, zone), days),
        (Window::of_month(moment, zone), months),
    ] {
        assert_eq!(
            (window.start().as_micros(), window.end().as_micros()),
            span(stretches, at, &firsts),
            "{zone} at {moment}"
        );
    }
}

fn micros(at: jiff::Timestamp) -> i64 {
    at.as_microsecond()
}

fn offset_at(offsets: &Offsets, at: i64) -> i64 {
    let at = jiff::Timestamp::from_microsecond(at).unwrap();
    i64::from(offsets.to_offset(at).seconds()) * SECOND
}

/// The stretches between `from` and `to`, each sought out hour by hour and then by bisection.
fn search_stretches(offsets: &Offsets, from: i64, to: i64) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    let (mut start, mut hour) = (from, from);
    while hour < to {
        let offset = offset_at(offsets, start);
        let (mut same, mut other) = (hour, hour + HOUR);
        hour = other;
        if offset_at(offsets, other) == offset {
            continue;
        }
        while other - same > 1 {
            let middle = same + (other - same) / 2;
            if offset_at(offsets, middle) == offset {
                same = middle;
            } else {
                other = middle;
            }
        }
        stretches.push(Stretch {
            from: start,
            to: other,
            offset,
        });
        start = other;
    }
    stretches.push(Stretch {
        from: start,
        to: i64::MAX,
        offset: offset_at(offsets, start),
    });
    stretches
}

/// The stretches up to `until`, as the database lists them.
fn listed_stretches(offsets: &Offsets, until: i64) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    let (mut from, mut offset) = (i64::MIN, offset_at(offsets, Timestamp::MIN.as_micros()));
    for change in offsets
        .following(jiff::Timestamp::MIN)
        .take_while(|change| micros(change.timestamp()) < until)
    {
        let to = micros(change.timestamp());
        stretches.push(Stretch { from, to, offset });
        (from, offset) = (to, i64::from(change.offset().seconds()) * SECOND);
    }
    stretches.push(Stretch {
        from,
        to: i64::MAX,
        offset,
    });
    stretches
}

#[test]
fn days_and_months_are_those_of_a_slow_search_through_years_of_change() {
    for (name, year, years) in [
        ("Africa/Cairo", 2022, 3),
        ("Africa/Casablanca", 2017, 3),
        ("America/Havana", 2019, 3),
        ("America/St_Johns", 2008, 4),
        ("America/Sao_Paulo", 2016, 4),
        ("America/Toronto", 1918, 3),
        ("Antarctica/Troll", 2020, 2),
        ("Asia/Beirut", 2022, 3),
        ("Asia/Gaza", 2010, 4),
        ("Asia/Kathmandu", 1985, 2),
        ("Australia/Lord_Howe", 2024, 2),
        ("Europe/Berlin", 1944, 5),
        ("Europe/Dublin", 2024, 2),
        ("Europe/London", 1967, 5),
        ("Pacific/Apia", 2010, 3),
        ("Pacific/Kiritimati", 1994, 2),
        ("Pacific/Kwajalein", 1993, 1),
    ] {
        let offsets = TimeZoneDatabase::bundled().get(name).unwrap();
        let zone: TimeZone = name.parse().unwrap();
        let first_of = |year| {
            let date = Civil {
                year,
                month: 1,
                day: 1,
            };
            date.to_days() * DAY
        };
        let (from, to) = (first_of(year), first_of(year + years));
        // With half a year to spare, since a month reaches over both ends.
        let stretches = search_stretches(&offsets, from - 182 * DAY, to + 182 * DAY);
        assert!(stretches.len() > 1, "{name} never changes its clock");

        // A step that meets every time of day.
        let mut at = from;
        while at < to {
            assert_windows(&zone, &stretches, at);
            at += 7 * HOUR + 61 * SECOND;
        }
        for change in &stretches[1..] {
            if (from..to).contains(&change.from) {
                for minutes in -90..=90 {
                    assert_windows(&zone, &stretches, change.from + minutes * 60 * SECOND);
                }
            }
        }
    }
}

#[test]
fn around_every_change_of_every_clock_days_and_months_follow_the_rule() {
    let until = Civil {
        year: 2050,
        month: 1,
        day: 1,
    }
    .to_days()
        * DAY;
    let (mut changes, mut skipped_dates, mut repeated_dates) = (0, 0, 0);
    for name in zone_names() {
        let offsets = TimeZoneDatabase::bundled().get(&name).unwrap();
        let zone: TimeZone = name.parse().unwrap();
        let stretches = listed_stretches(&offsets, until);
        for (index, change) in stretches.iter().enumerate().skip(1) {
            changes += 1;
            // A span of half a year or so holds both months, and keeps the search short.
            let near: Vec<Stretch> = stretches
                .iter()
                .copied()
                .filter(|other| other.to > change.from - 120 * DAY)
                .filter(|other| other.from < change.from + 120 * DAY)
                .collect();
            let jump = change.offset - stretches[index - 1].offset;
            assert!(jump >= -DAY, "{name} went back by more than a day");
            skipped_dates += i32::from(jump >= DAY);
            repeated_dates += i32::from(jump <= -DAY);
            for at in [
                -25 * HOUR,
                -HOUR,
                -60 * SECOND,
                -1,
                0,
                1,
                30 * 60 * SECOND,
                HOUR,
                25 * HOUR,
            ] {
                assert_windows(&zone, &near, change.from + at);
            }
        }
    }
    assert!(changes > 10_000, "too few changes: {changes}");
    assert!(skipped_dates >= 3, "too few skipped dates: {skipped_dates}");
    assert!(
        repeated_dates >= 1,
        "too few repeated dates: {repeated_dates}"
    );
}
