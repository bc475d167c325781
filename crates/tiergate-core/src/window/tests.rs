use std::time::Duration;

use super::*;

const HOUR: Duration = Duration::from_secs(3_600);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn zone(name: &str) -> TimeZone {
    name.parse().unwrap()
}

fn window(start: &str, end: &str) -> Window {
    Window::new(at(start), at(end)).unwrap()
}

fn hours(count: u32) -> Duration {
    HOUR * count
}

/// The anchor of a subscription that began at `start`.
fn began(start: &str) -> BillingAnchor {
    BillingAnchor::from_period(at(start), None)
}

/// The starts of `count` windows in a row, from the one that holds `from`.
fn starts(from: &str, count: usize, of: impl Fn(Timestamp) -> Window) -> Vec<String> {
    let mut window = of(at(from));
    let mut starts = Vec::new();
    for _ in 0..count {
        starts.push(window.start().to_string());
        window = of(window.end());
    }
    starts
}

#[test]
fn no_window_is_empty_or_backwards() {
    let (one, two) = (Timestamp::from_seconds(1), Timestamp::from_seconds(2));
    assert_eq!(
        Window::new(one, two).map(Window::length),
        Some(Duration::from_secs(1))
    );
    assert_eq!(Window::new(one, one), None);
    assert_eq!(Window::new(two, one), None);
    assert!(Window::new(Timestamp::MIN, Timestamp::MAX).is_some());
}

#[test]
fn the_end_of_a_window_belongs_to_the_next() {
    let window = window("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z");
    assert!(window.contains(at("2026-01-01T00:00:00Z")));
    assert!(window.contains(at("2026-01-31T23:59:59.999999Z")));
    assert!(!window.contains(at("2026-02-01T00:00:00Z")));
    assert!(!window.contains(at("2025-12-31T23:59:59.999999Z")));
}

#[test]
fn what_remains_is_counted_to_the_end_from_wherever_one_stands() {
    let window = window("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
    assert_eq!(window.remaining(at("2025-12-31T23:00:00Z")), hours(25));
    assert_eq!(window.remaining(at("2026-01-01T01:00:00Z")), hours(23));
    assert_eq!(
        window.remaining(at("2026-01-01T23:59:59.999999Z")),
        Duration::from_micros(1)
    );
    assert_eq!(window.remaining(window.end()), Duration::ZERO);
    assert_eq!(window.remaining(Timestamp::MAX), Duration::ZERO);
}

#[test]
fn a_window_is_shown_as_a_half_open_interval() {
    let window = window("2026-01-01T00:00:00Z", "2026-01-02T00:00:00.5Z");
    assert_eq!(
        window.to_string(),
        "[2026-01-01T00:00:00Z, 2026-01-02T00:00:00.5Z)"
    );
    assert_eq!(format!("{window:?}"), window.to_string());
}

#[test]
fn months_from_the_31st_end_on_the_last_day_of_short_months_and_return_to_the_31st() {
    let anchor = began("2023-12-31T10:00:00Z");
    assert_eq!(
        starts("2024-01-01T00:00:00Z", 6, |at| Window::of_billing_period(
            at, anchor
        )),
        [
            "2023-12-31T10:00:00Z",
            "2024-01-31T10:00:00Z",
            "2024-02-29T10:00:00Z",
            "2024-03-31T10:00:00Z",
            "2024-04-30T10:00:00Z",
            "2024-05-31T10:00:00Z",
        ]
    );
}

#[test]
fn february_is_clamped_by_its_own_length() {
    for (day, common, leap) in [(28, 28, 28), (29, 28, 29), (30, 28, 29), (31, 28, 29)] {
        let anchor = began(&format!("2022-01-{day}T00:00:00Z"));
        for (year, expected) in [
            (2023, common),
            (2024, leap),
            (2025, common),
            (2000, leap),
            (1900, common),
            (2100, common),
        ] {
            let noon = at(&format!("{year}-02-{expected}T12:00:00Z"));
            assert_eq!(
                Window::of_billing_period(noon, anchor).start(),
                at(&format!("{year}-02-{expected}T00:00:00Z")),
                "day {day}, year {year}"
            );
            let march = Window::of_billing_period(noon, anchor).end();
            assert_eq!(march, at(&format!("{year}-03-{day}T00:00:00Z")));
        }
    }
}

#[test]
fn an_anchor_decades_away_is_the_same_anchor() {
    let anchor = began("1970-01-31T00:00:00Z");
    assert_eq!(
        Window::of_billing_period(at("2970-02-28T00:00:00Z"), anchor),
        window("2970-02-28T00:00:00Z", "2970-03-31T00:00:00Z")
    );
    assert_eq!(
        Window::of_billing_period(at("-000001-02-15T00:00:00Z"), anchor),
        window("-000001-01-31T00:00:00Z", "-000001-02-28T00:00:00Z")
    );
}

#[test]
fn the_time_of_day_of_the_anchor_splits_its_day() {
    let anchor = began("2026-01-15T09:30:00.000001Z");
    let before = Window::of_billing_period(at("2026-03-15T09:30:00Z"), anchor);
    let after = Window::of_billing_period(at("2026-03-15T09:30:00.000001Z"), anchor);
    assert_eq!(before.end(), at("2026-03-15T09:30:00.000001Z"));
    assert_eq!(after.start(), before.end());
    assert_eq!(anchor.day(), 15);
    assert_eq!(
        anchor.time_of_day(),
        hours(9) + Duration::from_secs(1_800) + Duration::from_micros(1)
    );
}

#[test]
fn the_anchor_of_a_period_is_a_day_that_makes_both_its_ends_boundaries() {
    let cases = [
        // Monthly.
        ("2026-01-31", "2026-02-28", 31),
        ("2026-02-28", "2026-03-31", 31),
        ("2026-02-28", "2026-03-30", 30),
        ("2026-02-28", "2026-03-29", 29),
        ("2026-02-28", "2026-03-28", 28),
        ("2024-02-29", "2024-03-31", 31),
        ("2024-02-29", "2024-03-29", 29),
        ("2026-04-30", "2026-05-31", 31),
        ("2026-04-30", "2026-05-30", 30),
        ("2025-12-31", "2026-01-31", 31),
        ("2026-01-01", "2026-02-01", 1),
        // Yearly.
        ("2024-02-29", "2025-02-28", 29),
        ("2025-02-28", "2026-02-28", 28),
        ("2027-02-28", "2028-02-29", 29),
        ("2026-06-15", "2027-06-15", 15),
        // Quarterly.
        ("2025-11-30", "2026-02-28", 30),
        ("2026-02-28", "2026-05-31", 31),
    ];
    for (start, end, day) in cases {
        let (start, end) = (
            at(&format!("{start}T07:00:00Z")),
            at(&format!("{end}T07:00:00Z")),
        );
        let anchor = BillingAnchor::from_period(start, Some(end));
        assert_eq!(anchor.day(), day, "{start} to {end}");
        assert_eq!(Window::of_billing_period(start, anchor).start(), start);
        assert_eq!(Window::of_billing_period(end, anchor).start(), end);
    }
}

#[test]
fn a_period_that_is_no_whole_number_of_months_is_counted_from_its_start() {
    let cases = [
        // A trial of 14 days, within a month and across its end.
        ("2026-01-01T08:00:00Z", "2026-01-15T08:00:00Z"),
        ("2026-02-20T08:00:00Z", "2026-03-06T08:00:00Z"),
        // From a day that its month was not too short for.
        ("2026-02-27T08:00:00Z", "2026-03-31T08:00:00Z"),
        ("2024-02-28T08:00:00Z", "2024-03-31T08:00:00Z"),
        // To another time of day.
        ("2026-02-28T08:00:00Z", "2026-03-31T07:59:59.999999Z"),
        ("2026-02-28T08:00:00Z", "2026-03-31T08:00:00.000001Z"),
        // To a moment that is not after it.
        ("2026-02-28T08:00:00Z", "2026-02-28T08:00:00Z"),
        ("2026-02-28T08:00:00Z", "2026-01-31T08:00:00Z"),
    ];
    for (start, end) in cases {
        assert_eq!(
            BillingAnchor::from_period(at(start), Some(at(end))),
            began(start),
            "{start} to {end}"
        );
    }
}

#[test]
fn an_anchor_is_what_its_subscription_shows_in_any_month() {
    let shown = [
        ("2026-01-31T00:00:00Z", "2026-02-28T00:00:00Z"),
        ("2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z"),
        ("2026-04-30T00:00:00Z", "2026-05-31T00:00:00Z"),
    ];
    for (start, end) in shown {
        assert_eq!(
            BillingAnchor::from_period(at(start), Some(at(end))),
            began("2025-07-31T00:00:00Z")
        );
    }
}

#[test]
fn the_period_decides_which_rule_cuts_the_window() {
    let (noon, berlin) = (at("2026-03-15T12:00:00Z"), zone("Europe/Berlin"));
    let anchor = began("2026-01-10T00:00:00Z");
    for (period, anchor, expected) in [
        (QuotaPeriod::Day, None, Window::of_day(noon, &berlin)),
        (
            QuotaPeriod::Day,
            Some(anchor),
            Window::of_day(noon, &berlin),
        ),
        (QuotaPeriod::Month, None, Window::of_month(noon, &berlin)),
        (
            QuotaPeriod::Month,
            Some(anchor),
            Window::of_month(noon, &berlin),
        ),
        (
            QuotaPeriod::BillingPeriod,
            None,
            Window::of_month(noon, &berlin),
        ),
        (
            QuotaPeriod::BillingPeriod,
            Some(anchor),
            window("2026-03-10T00:00:00Z", "2026-04-10T00:00:00Z"),
        ),
    ] {
        assert_eq!(Window::of(period, noon, anchor, &berlin), expected);
    }
}

/// The day in `name` that holds `moment`, checked against its neighbours.
fn day(name: &str, moment: &str) -> Window {
    let zone = zone(name);
    let day = Window::of_day(at(moment), &zone);
    let just_before = day.start().saturating_sub(Duration::from_micros(1));
    assert_eq!(Window::of_day(just_before, &zone).end(), day.start());
    assert_eq!(Window::of_day(day.end(), &zone).start(), day.end());
    day
}

#[test]
fn a_day_with_a_change_of_the_clock_is_an_hour_shorter_or_longer() {
    for (name, moment, length) in [
        ("Europe/Berlin", "2026-03-29T12:00:00Z", 23),
        ("Europe/Berlin", "2026-10-25T12:00:00Z", 25),
        ("Europe/Berlin", "2026-07-01T12:00:00Z", 24),
        ("America/New_York", "2026-03-08T12:00:00Z", 23),
        ("America/New_York", "2026-11-01T12:00:00Z", 25),
        ("Asia/Tokyo", "2026-03-29T12:00:00Z", 24),
    ] {
        assert_eq!(
            day(name, moment).length(),
            hours(length),
            "{name}, {moment}"
        );
    }
}

#[test]
fn a_day_whose_midnight_is_skipped_begins_when_the_clock_jumps() {
    for (name, moment, start, end) in [
        (
            "America/Sao_Paulo",
            "2018-11-04T12:00:00Z",
            "2018-11-04T03:00:00Z",
            "2018-11-05T02:00:00Z",
        ),
        (
            "Africa/Cairo",
            "2026-04-24T12:00:00Z",
            "2026-04-23T22:00:00Z",
            "2026-04-24T21:00:00Z",
        ),
        (
            "Asia/Beirut",
            "2024-03-31T12:00:00Z",
            "2024-03-30T22:00:00Z",
            "2024-03-31T21:00:00Z",
        ),
        (
            "America/Havana",
            "2026-03-08T12:00:00Z",
            "2026-03-08T05:00:00Z",
            "2026-03-09T04:00:00Z",
        ),
        // The clock went from 23:30 on the 30th to 00:30 on the 31st, so that half an hour of the
        // 30th was skipped as well.
        (
            "America/Toronto",
            "1919-03-31T12:00:00Z",
            "1919-03-31T04:30:00Z",
            "1919-04-01T04:00:00Z",
        ),
    ] {
        assert_eq!(day(name, moment), window(start, end), "{name}");
    }
}

#[test]
fn a_day_whose_midnight_comes_twice_begins_at_the_first() {
    // The clock goes from 01:00 back to 00:00, on the first of a month.
    let start = "2020-11-01T04:00:00Z";
    assert_eq!(
        day("America/Havana", "2020-11-01T12:00:00Z"),
        window(start, "2020-11-02T05:00:00Z")
    );
    assert_eq!(
        Window::of_month(at("2020-11-01T05:30:00Z"), &zone("America/Havana")),
        window(start, "2020-12-01T05:00:00Z")
    );
}

#[test]
fn an_evening_that_comes_again_after_midnight_is_counted_with_the_new_day() {
    // The clock went from 00:01 on 1 November back to 23:01 on 31 October.
    let name = "America/St_Johns";
    let november = window("2009-11-01T02:30:00Z", "2009-11-02T03:30:00Z");
    for moment in [
        "2009-11-01T02:30:00Z",
        "2009-11-01T02:30:59Z",
        "2009-11-01T02:31:00Z",
        "2009-11-01T03:29:59Z",
        "2009-11-01T03:30:00Z",
    ] {
        assert_eq!(day(name, moment), november, "{moment}");
        assert_eq!(
            Window::of_month(at(moment), &zone(name)),
            window("2009-11-01T02:30:00Z", "2009-12-01T03:30:00Z"),
            "{moment}"
        );
    }
    assert_eq!(
        day(name, "2009-11-01T02:29:59.999999Z").end(),
        november.start()
    );
}

#[test]
fn an_evening_that_comes_twice_before_midnight_makes_its_day_longer() {
    // The clock went from 24:00 on 17 February back to 23:00.
    assert_eq!(
        day("America/Sao_Paulo", "2018-02-18T02:30:00Z"),
        window("2018-02-17T02:00:00Z", "2018-02-18T03:00:00Z")
    );
}

#[test]
fn a_date_that_a_zone_left_out_has_no_window() {
    for (name, before, jump, after) in [
        // No 30 December 2011.
        (
            "Pacific/Apia",
            "2011-12-29T10:00:00Z",
            "2011-12-30T10:00:00Z",
            "2011-12-31T10:00:00Z",
        ),
        // No 21 August 1993.
        (
            "Pacific/Kwajalein",
            "1993-08-20T12:00:00Z",
            "1993-08-21T12:00:00Z",
            "1993-08-22T12:00:00Z",
        ),
        // No 31 December 1994, the last day of a month.
        (
            "Pacific/Kiritimati",
            "1994-12-30T10:00:00Z",
            "1994-12-31T10:00:00Z",
            "1995-01-01T10:00:00Z",
        ),
    ] {
        assert_eq!(day(name, before), window(before, jump), "{name}");
        assert_eq!(day(name, jump), window(jump, after), "{name}");
    }
    assert_eq!(
        Window::of_month(at("1995-01-15T00:00:00Z"), &zone("Pacific/Kiritimati")),
        window("1994-12-31T10:00:00Z", "1995-01-31T10:00:00Z")
    );
}

#[test]
fn windows_are_cut_at_the_ends_of_time() {
    let utc = TimeZone::utc();
    let day = |at| Window::of_day(at, &utc);
    let month = |at| Window::of_month(at, &utc);
    let billing = |at| Window::of_billing_period(at, began("2026-01-31T23:00:00Z"));

    let first = |end| Window::new(Timestamp::MIN, at(end)).unwrap();
    assert_eq!(day(Timestamp::MIN), first("-009999-01-03T00:00:00Z"));
    assert_eq!(month(Timestamp::MIN), first("-009999-02-01T00:00:00Z"));
    assert_eq!(billing(Timestamp::MIN), first("-009999-01-31T23:00:00Z"));

    let last = |start| Window::new(at(start), Timestamp::MAX).unwrap();
    assert_eq!(day(Timestamp::MAX), last("9999-12-30T00:00:00Z"));
    assert_eq!(month(Timestamp::MAX), last("9999-12-01T00:00:00Z"));
    assert_eq!(billing(Timestamp::MAX), last("9999-11-30T23:00:00Z"));
    assert!(day(Timestamp::MAX).contains(Timestamp::MAX));
}

#[test]
fn an_anchor_at_either_end_of_time_cuts_no_empty_window() {
    let last = BillingAnchor::from_period(Timestamp::MAX, None);
    let window = Window::of_billing_period(Timestamp::MAX, last);
    assert_eq!(window.start(), at("9999-11-30T22:00:00.999999Z"));
    assert_eq!(window.end(), Timestamp::MAX);

    let first = BillingAnchor::from_period(Timestamp::MIN, None);
    let window = Window::of_billing_period(Timestamp::MIN, first);
    assert_eq!(window.start(), Timestamp::MIN);
    assert_eq!(window.end(), at("-009999-02-02T01:59:59Z"));
}

#[test]
fn the_window_of_a_period_is_that_of_its_anchor_whatever_the_period() {
    let day = 24 * 3_600_000_000;
    let check = |at: i64, start: i64, end: Option<i64>| {
        let [at, start] = [at, start].map(Timestamp::from_micros);
        let end = end.map(Timestamp::from_micros);
        let expected = Window::of_billing_period(at, BillingAnchor::from_period(start, end));
        assert_eq!(
            Window::of_period(at, start, end),
            expected,
            "{start} {end:?} {at}"
        );
    };
    let first = at("1999-12-01T09:30:00.000001Z").as_micros();
    for number in 0..6 * 366 {
        let start = first + number * day;
        check(start, start, None);
        for days in [-1, 0, 1, 14, 27, 28, 29, 30, 31, 32, 59, 365, 366] {
            for off in [-1, 0, 1] {
                let end = start + days * day + off;
                for at in [
                    start - day,
                    start - 1,
                    start,
                    start + 1,
                    end - 1,
                    end,
                    end + day,
                ] {
                    check(at, start, Some(end));
                }
            }
        }
    }
    for end in [Timestamp::MIN, Timestamp::MAX].map(Timestamp::as_micros) {
        for days in -70..=70 {
            let start = end.saturating_add(days * day);
            for length in 28..=31 {
                check(start, start, Some(start.saturating_add(length * day)));
            }
        }
    }
}
