//! Billing windows against a calendar of their own.

use tiergate_core::Window;
use tiergate_core::time::Timestamp;
use tiergate_core::window::BillingAnchor;

use crate::civil::{Civil, DAY, days_in_month, months_after};
use crate::random::Random;

fn moment(micros: i64) -> Timestamp {
    let moment = Timestamp::from_micros(micros);
    assert_eq!(moment.as_micros(), micros, "out of range");
    moment
}

/// Where a subscription began: a date, and microseconds after midnight.
fn some_beginning(random: &mut Random) -> (Civil, i64) {
    let months = random.within(1900 * 12..=2300 * 12);
    // Half of them where months differ in length.
    let from = if random.within(0..=1) == 0 { 1 } else { 28 };
    let date = Civil {
        year: months.div_euclid(12),
        month: months.rem_euclid(12) + 1,
        day: random.within(from..=days_in_month(months)),
    };
    (date, random.within(0..=DAY - 1))
}

#[test]
fn ten_thousand_anchors_give_the_windows_of_an_independent_calendar_for_48_months() {
    let mut random = Random::new(1);
    for _ in 0..10_000 {
        let (date, time) = some_beginning(&mut random);
        let boundary = |month| months_after(date, time, month);
        let anchor = BillingAnchor::from_period(moment(boundary(0)), None);
        // Both ways from the anchor, and not only beside it.
        let first = random.within(-600..=600);
        for month in first..first + 48 {
            let (start, end) = (boundary(month), boundary(month + 1));
            let expected = Window::new(moment(start), moment(end)).unwrap();
            let within = random.within(start..=end - 1);
            for at in [start, within, end - 1] {
                assert_eq!(
                    Window::of_billing_period(moment(at), anchor),
                    expected,
                    "anchor {date:?}, month {month}"
                );
            }
        }
    }
}

#[test]
fn every_monthly_period_of_a_subscription_shows_the_anchor_it_began_with() {
    for day in 1..=31 {
        let date = Civil {
            year: 1999,
            month: 12,
            day,
        };
        let boundary = |month| moment(months_after(date, 1, month));
        let anchor = BillingAnchor::from_period(boundary(0), None);
        for month in -4_800..4_800 {
            assert_eq!(
                BillingAnchor::from_period(boundary(month), Some(boundary(month + 1))),
                anchor,
                "day {day}, month {month}"
            );
        }
    }
}

#[test]
fn a_period_of_whole_months_is_made_of_as_many_windows() {
    // The days up to the 28th are never clamped, and behave alike.
    for day in [1, 27, 28, 29, 30, 31] {
        let date = Civil {
            year: 2023,
            month: 1,
            day,
        };
        // Four years, to start in every month with and without a leap day.
        for month in 0..48 {
            for length in 1..=36 {
                let start = moment(months_after(date, 0, month));
                let end = moment(months_after(date, 0, month + length));
                let anchor = BillingAnchor::from_period(start, Some(end));
                let (mut windows, mut at) = (0, start);
                while at < end {
                    let window = Window::of_billing_period(at, anchor);
                    assert_eq!(window.start(), at, "{start} to {end}");
                    at = window.end();
                    windows += 1;
                }
                assert_eq!((at, windows), (end, length), "{start} to {end}");
            }
        }
    }
}

#[test]
fn windows_meet_where_one_period_is_renewed_by_the_next() {
    for day in 28..=31 {
        for length in [1, 2, 3, 6, 12, 24] {
            for first in 0..12 {
                let date = Civil {
                    year: 2023,
                    month: 1,
                    day,
                };
                let boundary = |month| moment(months_after(date, 0, month));
                let mut last_end = boundary(first);
                for period in 0..40 {
                    let start = boundary(first + period * length);
                    let end = boundary(first + (period + 1) * length);
                    // Each period knows itself alone.
                    let anchor = BillingAnchor::from_period(start, Some(end));
                    assert_eq!(Window::of_billing_period(start, anchor).start(), last_end);
                    let last = end.saturating_sub(std::time::Duration::from_micros(1));
                    last_end = Window::of_billing_period(last, anchor).end();
                }
            }
        }
    }
}

#[test]
fn any_period_starts_with_a_window_and_any_fitting_one_ends_with_one() {
    let mut random = Random::new(2);
    let mut fitting = 0;
    for _ in 0..50_000 {
        let (date, time) = some_beginning(&mut random);
        let days = random.within(-40..=400);
        let late = random.within(0..=9).min(1);
        let start = date.to_days() * DAY + time;
        let end = start + days * DAY + late;
        let anchor = BillingAnchor::from_period(moment(start), Some(moment(end)));
        assert_eq!(
            Window::of_billing_period(moment(start), anchor).start(),
            moment(start)
        );

        // The definition: some day of the month that leads to both.
        let end_date = Civil::from_days(date.to_days() + days);
        let shown = |date: Civil, day: i64| {
            day.min(days_in_month(date.year * 12 + date.month - 1)) == date.day
        };
        let fits = late == 0
            && end > start
            && (1..=31).any(|day| shown(date, day) && shown(end_date, day));
        if fits {
            fitting += 1;
            assert_eq!(
                Window::of_billing_period(moment(end), anchor).start(),
                moment(end)
            );
        } else {
            assert_eq!(anchor, BillingAnchor::from_period(moment(start), None));
        }
    }
    assert!(fitting > 100, "too few periods of whole months: {fitting}");
}

#[test]
fn billing_windows_are_calendar_months_for_who_began_on_the_first() {
    let mut random = Random::new(3);
    let utc = tiergate_core::time::TimeZone::utc();
    let anchor = BillingAnchor::from_period("2026-06-01T00:00:00Z".parse().unwrap(), None);
    for _ in 0..20_000 {
        let at = Timestamp::from_micros(
            random.within(Timestamp::MIN.as_micros()..=Timestamp::MAX.as_micros()),
        );
        assert_eq!(
            Window::of_billing_period(at, anchor),
            Window::of_month(at, &utc)
        );
    }
}
