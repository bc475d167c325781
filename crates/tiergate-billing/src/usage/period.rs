//! In which period and month a record counts.

use std::collections::HashMap;

use tiergate_core::time::{TimeZone, Timestamp};
use tiergate_core::window::BillingAnchor;
use tiergate_core::{QuotaPeriod, Window};

use crate::record::BillingMonth;

/// Cuts time for the records of one batch. Most of them lie in the same few windows, so the last one
/// of each anchor is kept.
pub(super) struct Periods<'a> {
    zone: &'a TimeZone,
    periods: HashMap<Option<BillingAnchor>, Window>,
    month: Option<(Window, BillingMonth)>,
}

impl<'a> Periods<'a> {
    pub(super) fn new(zone: &'a TimeZone) -> Self {
        Self {
            zone,
            periods: HashMap::new(),
            month: None,
        }
    }

    /// The billing period of a subscription with that anchor that holds `at`.
    pub(super) fn period(&mut self, at: Timestamp, anchor: Option<BillingAnchor>) -> Window {
        let cut = || Window::of(QuotaPeriod::BillingPeriod, at, anchor, self.zone);
        let period = self.periods.entry(anchor).or_insert_with(cut);
        if !period.contains(at) {
            *period = cut();
        }
        *period
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
