//! Windows at the ends of time: cut, but never empty, and never a panic.

use std::time::Duration;

use tiergate_core::Window;
use tiergate_core::time::{TimeZone, Timestamp};
use tiergate_core::window::BillingAnchor;

use crate::civil::{DAY, SECOND};
use crate::zones::zone_names;

/// Moments near both ends, nearest first.
fn edges() -> Vec<Timestamp> {
    let near = [
        0,
        1,
        SECOND,
        7_200 * SECOND,
        DAY,
        2 * DAY,
        32 * DAY,
        63 * DAY,
    ];
    near.into_iter()
        .flat_map(|micros| [micros, micros + 1, micros + 1_234_567])
        .map(|micros| Duration::from_micros(u64::try_from(micros).unwrap()))
        .flat_map(|near| {
            [
                Timestamp::MIN.saturating_add(near),
                Timestamp::MAX.saturating_sub(near),
            ]
        })
        .collect()
}

fn assert_tiled(of: impl Fn(Timestamp) -> Window) {
    for at in edges() {
        let window = of(at);
        assert!(window.start() < window.end());
        assert!(window.contains(at), "{window} does not hold {at}");
        assert_eq!(of(window.start()), window);
        if window.end() == Timestamp::MAX {
            assert_eq!(of(Timestamp::MAX), window);
        } else {
            assert_eq!(of(window.end()).start(), window.end());
        }
        if window.start() > Timestamp::MIN {
            let before = of(window.start().saturating_sub(Duration::from_micros(1)));
            assert_eq!(before.end(), window.start());
        }
    }
}

#[test]
fn billing_windows_reach_both_ends_of_time() {
    for start in edges() {
        let anchor = BillingAnchor::from_period(start, None);
        assert_tiled(|at| Window::of_billing_period(at, anchor));
    }
    for day in 1..=31 {
        for time in ["00:00:00", "01:59:59", "22:00:00.999999", "23:59:59.999999"] {
            let start = format!("2024-01-{day:02}T{time}Z").parse().unwrap();
            let anchor = BillingAnchor::from_period(start, None);
            assert_tiled(|at| Window::of_billing_period(at, anchor));
        }
    }
}

#[test]
fn days_and_months_reach_both_ends_of_time_in_every_zone() {
    for name in zone_names() {
        let zone: TimeZone = name.parse().unwrap();
        assert_tiled(|at| Window::of_day(at, &zone));
        assert_tiled(|at| Window::of_month(at, &zone));
    }
}

#[test]
fn the_windows_at_the_ends_of_time_are_shorter_and_no_others() {
    let utc = TimeZone::utc();
    let day = Duration::from_secs(86_400);
    let first = Window::of_day(Timestamp::MIN, &utc);
    let last = Window::of_day(Timestamp::MAX, &utc);
    assert!(first.length() < day && last.length() < day);
    assert_eq!(Window::of_day(first.end(), &utc).length(), day);
    let before_last = last.start().saturating_sub(Duration::from_micros(1));
    assert_eq!(Window::of_day(before_last, &utc).length(), day);
}
