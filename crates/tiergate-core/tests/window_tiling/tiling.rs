//! Windows one after the other, through 400 years.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tiergate_core::time::{TimeZone, Timestamp};
use tiergate_core::window::BillingAnchor;
use tiergate_core::{QuotaPeriod, Window};

const ZONES: [&str; 9] = [
    "UTC",
    "Africa/Cairo",
    "America/Havana",
    "America/New_York",
    "America/Sao_Paulo",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Pacific/Apia",
];

const MICROSECOND: Duration = Duration::from_micros(1);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Walks every window from the one that holds `from` to the one that holds `to`, and counts them.
fn walk(from: &str, to: &str, of: impl Fn(Timestamp) -> Window) -> u32 {
    let (from, to) = (at(from), at(to));
    let mut window = of(from);
    assert!(window.contains(from));
    let mut count = 1;
    while !window.contains(to) {
        let last = window.end().saturating_sub(MICROSECOND);
        assert_eq!(of(last), window);
        let next = of(window.end());
        assert_eq!(next.start(), window.end(), "gap or overlap");
        window = next;
        count += 1;
    }
    count
}

#[test]
fn billing_windows_tile_400_years_without_gap_or_overlap() {
    for day in ["01", "15", "28", "29", "30", "31"] {
        for time in ["00:00:00", "12:34:56.789012", "23:59:59.999999"] {
            let anchor = BillingAnchor::from_period(at(&format!("2024-01-{day}T{time}Z")), None);
            let count = walk("1800-02-28T12:00:00Z", "2200-02-28T12:00:00Z", |at| {
                Window::of_billing_period(at, anchor)
            });
            assert_eq!(count, 4_801);
        }
    }
}

#[test]
fn months_tile_400_years_in_every_zone() {
    for name in ZONES {
        let zone: TimeZone = name.parse().unwrap();
        let count = walk("1800-01-15T12:00:00Z", "2200-01-15T12:00:00Z", |at| {
            Window::of_month(at, &zone)
        });
        assert_eq!(count, 4_801, "{name}");
    }
}

#[test]
fn days_tile_400_years_and_only_a_zone_that_left_one_out_has_fewer() {
    for (name, left_out) in [("Europe/Berlin", 0), ("Pacific/Kwajalein", 1)] {
        let zone: TimeZone = name.parse().unwrap();
        let count = walk("1800-01-15T06:00:00Z", "2200-01-15T06:00:00Z", |at| {
            Window::of_day(at, &zone)
        });
        assert_eq!(count, 146_097 + 1 - left_out, "{name}");
    }
}

fn any_moment() -> impl Strategy<Value = Timestamp> {
    let century = at("1970-01-01T00:00:00Z").as_micros()..at("2070-01-01T00:00:00Z").as_micros();
    let all = Timestamp::MIN.as_micros()..=Timestamp::MAX.as_micros();
    prop_oneof![century, all].prop_map(Timestamp::from_micros)
}

fn any_anchor() -> impl Strategy<Value = Option<BillingAnchor>> {
    prop::option::of((any_moment(), prop::option::of(any_moment())))
        .prop_map(|period| period.map(|(start, end)| BillingAnchor::from_period(start, end)))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 10_000,
        rng_seed: RngSeed::Fixed(0),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_moment_lies_in_exactly_one_window(
        moment in any_moment(),
        inside in 0.0..1.0,
        period in prop::sample::select(QuotaPeriod::ALL.to_vec()),
        anchor in any_anchor(),
        zone in prop::sample::select(ZONES.to_vec()),
    ) {
        let zone: TimeZone = zone.parse().unwrap();
        let of = |at| Window::of(period, at, anchor, &zone);
        let window = of(moment);
        prop_assert!(window.start() < window.end());
        prop_assert!(window.contains(moment));

        let other = window.start().saturating_add(window.length().mul_f64(inside));
        if window.contains(other) {
            prop_assert_eq!(of(other), window);
        }
        prop_assert_eq!(of(window.start()), window);
        prop_assert_eq!(of(window.end().saturating_sub(MICROSECOND)), window);
        if window.end() < Timestamp::MAX {
            prop_assert_eq!(of(window.end()).start(), window.end());
        }
        if window.start() > Timestamp::MIN {
            let before = of(window.start().saturating_sub(MICROSECOND));
            prop_assert_eq!(before.end(), window.start());
        }
    }

    #[test]
    fn what_remains_leads_to_the_next_window(
        moment in any_moment(),
        period in prop::sample::select(QuotaPeriod::ALL.to_vec()),
        anchor in any_anchor(),
        zone in prop::sample::select(ZONES.to_vec()),
    ) {
        let zone: TimeZone = zone.parse().unwrap();
        let window = Window::of(period, moment, anchor, &zone);
        let wait = window.remaining(moment);
        prop_assert!(wait <= window.length());
        prop_assert_eq!(moment.saturating_add(wait), window.end());
    }
}
