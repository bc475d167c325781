//! In which period and month a record counts.

use std::collections::HashMap;
use std::time::Duration;

use tiergate_core::time::{TimeZone, Timestamp};
use tiergate_core::window::BillingAnchor;
use tiergate_core::{Meter, QuotaPeriod, Window};

use crate::record::BillingMonth;

/// By how much the month of a record may differ from the catalog's now: the catalog may have had
/// another time zone when it was recorded, and zones are at most 26 hours apart.
const ZONES_APART: Duration = Duration::from_secs(2 * 86_400);

/// Cuts time for the records of one batch. Most of them lie in the same few windows, so the last one
/// of each kind and anchor is kept.
pub(super) struct Periods<'a> {
    zone: &'a TimeZone,
    periods: HashMap<(QuotaPeriod, Option<BillingAnchor>), Window>,
    month: Option<(Window, BillingMonth)>,
    months: HashMap<Window, (BillingMonth, BillingMonth)>,
}

/// The months in which a record of a window can be billed.
pub(crate) fn months(window: Window, zone: &TimeZone) -> (BillingMonth, BillingMonth) {
    let month = |at| BillingMonth::containing(at, zone);
    // Months are written with four digits of a year, and the ends of time have more.
    let first = match window.start().saturating_sub(ZONES_APART) {
        Timestamp::MIN => BillingMonth::FIRST,
        start => month(start),
    };
    let last = match window.end().saturating_add(ZONES_APART) {
        Timestamp::MAX => BillingMonth::LAST,
        end => month(end),
    };
    (first, last)
}

impl<'a> Periods<'a> {
    pub(super) fn new(zone: &'a TimeZone) -> Self {
        Self {
            zone,
            periods: HashMap::new(),
            month: None,
            months: HashMap::new(),
        }
    }

    /// The window in which a limit that is counted so counts what happens at `at`; for a level, which
    /// is no quota, all of time.
    pub(super) fn of_meter(
        &mut self,
        meter: Meter,
        at: Timestamp,
        anchor: Option<BillingAnchor>,
    ) -> Window {
        match meter {
            Meter::Quota(period) => self.window(period, at, anchor),
            Meter::Gauge | Meter::Rate(_) => Window::ALL,
        }
    }

    /// The months in which a record of a window can be billed.
    pub(super) fn months(&mut self, window: Window) -> (BillingMonth, BillingMonth) {
        let cut = || months(window, self.zone);
        *self.months.entry(window).or_insert_with(cut)
    }

    /// The billing period of a subscription with that anchor that holds `at`.
    pub(super) fn period(&mut self, at: Timestamp, anchor: Option<BillingAnchor>) -> Window {
        self.window(QuotaPeriod::BillingPeriod, at, anchor)
    }

    fn window(
        &mut self,
        period: QuotaPeriod,
        at: Timestamp,
        anchor: Option<BillingAnchor>,
    ) -> Window {
        let cut = || Window::of(period, at, anchor, self.zone);
        let kept = self.periods.entry((period, anchor)).or_insert_with(cut);
        if !kept.contains(at) {
            *kept = cut();
        }
        *kept
    }

    /// The calendar month that holds `at`.
    pub(super) fn month(&mut self, at: Timestamp) -> BillingMonth {
        if let Some((window, month)) = self.month
            && window.contains(at)
        {
            return month;
        }
        let window = Window::of_month(at, self.zone);
        let month = BillingMonth::of(window);
        self.month = Some((window, month));
        month
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_never_used_for_another_window() {
        let zone: TimeZone = "Europe/Berlin".parse().unwrap();
        let mut periods = Periods::new(&zone);
        let anchor = |day: &str| {
            let start = format!("2026-01-{day}T09:30:00Z").parse().unwrap();
            BillingAnchor::from_period(start, None)
        };
        let anchors = [None, Some(anchor("31")), Some(anchor("15"))];
        for day in (0..120).chain((0..120).rev()) {
            for anchor in anchors {
                let at = Timestamp::from_seconds(1_767_225_600 + day * 43_200);
                let period = Window::of(QuotaPeriod::BillingPeriod, at, anchor, &zone);
                assert_eq!(periods.period(at, anchor), period);
                assert_eq!(periods.month(at), BillingMonth::containing(at, &zone));
            }
        }
    }
}
