//! The log of a rate: what was admitted during the last span, and when.

use std::time::Duration;

use crate::now::nanos;
use crate::queue::Queue;

/// The most entries a log keeps before it merges neighbours.
const MAX_ENTRIES: usize = 1_024;

/// Into how many cells a span is divided for merging. Units of one cell may be counted until the
/// last of them leaves, so a unit leaves at most `length / CELLS` late.
const CELLS: u64 = 512;

/// An exact sliding log.
///
/// A unit admitted at `t` counts during `[t, t + length)`, and one that may be spent until `ahead` later
/// during `[t, t + ahead + length)`. Memory is bounded by merging entries to
/// the *later* time, which never admits more than the limit, and at worst a little less.
#[derive(Debug)]
pub(crate) struct RateLog {
    length: u64,
    // INVARIANT: times rise strictly from front to back.
    entries: Queue<[Entry; 4]>,
    // INVARIANT: the sum of the units of the entries.
    used: u128,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    at: u64,
    units: u64,
}

impl RateLog {
    pub(crate) fn new(length: Duration) -> Self {
        Self {
            length: nanos(length),
            entries: Queue::new(),
            used: 0,
        }
    }

    /// The log that had these entries: when, and how many units, from the oldest on.
    #[cfg(feature = "sqlite")]
    pub(crate) fn from_entries(
        length: Duration,
        entries: impl IntoIterator<Item = (u64, u64)>,
    ) -> Self {
        let mut log = Self::new(length);
        for (at, units) in entries {
            log.entries.push_back(Entry { at, units });
            log.used += u128::from(units);
        }
        log
    }

    /// When and how many units were admitted, from the oldest on.
    #[cfg(feature = "sqlite")]
    pub(crate) fn entries(&self) -> impl ExactSizeIterator<Item = (u64, u64)> {
        self.entries.iter().map(|entry| (entry.at, entry.units))
    }

    /// When the last unit leaves. None if nothing is counted.
    #[cfg(feature = "sqlite")]
    pub(crate) fn empty_at(&self) -> Option<u64> {
        let last = self.entries.back()?;
        Some(last.at.saturating_add(self.length))
    }

    pub(crate) fn used(&self) -> u128 {
        self.used
    }

    /// Drops what no longer counts.
    pub(crate) fn forget_elapsed(&mut self, now: u64) {
        while let Some(entry) = self.entries.front()
            && entry.at.saturating_add(self.length) <= now
        {
            self.used -= u128::from(entry.units);
            self.entries.pop_front();
        }
    }

    pub(crate) fn add(&mut self, now: u64, units: u64) {
        self.add_ahead(now, 0, units);
    }

    /// Counts units that may be spent until `ahead` from now: from now on, and for a length after
    /// that.
    ///
    /// What is added before that moment has passed counts as long as they do.
    pub(crate) fn add_ahead(&mut self, now: u64, ahead: u64, units: u64) {
        if units == 0 {
            return;
        }
        self.forget_elapsed(now);
        let at = now.saturating_add(ahead);
        if let Some(last) = self.entries.back_mut()
            && last.at >= at
        {
            self.used += u128::from(last.absorb(units));
            return;
        }
        if self.entries.len() >= MAX_ENTRIES {
            self.merge();
        }
        self.entries.push_back(Entry { at, units });
        self.used += u128::from(units);
    }

    /// How long until the oldest unit leaves.
    pub(crate) fn until_change(&self, now: u64) -> Option<Duration> {
        self.entries
            .front()
            .map(|entry| self.until_left(entry, now))
    }

    /// How long until no more than `most` units are used.
    pub(crate) fn until_at_most(&self, most: u128, now: u64) -> Option<Duration> {
        let mut used = self.used;
        for entry in self.entries.iter() {
            used -= u128::from(entry.units);
            if used <= most {
                return Some(self.until_left(entry, now));
            }
        }
        None
    }

    fn until_left(&self, entry: &Entry, now: u64) -> Duration {
        let leaves = entry.at.saturating_add(self.length);
        Duration::from_nanos(leaves.saturating_sub(now))
    }

    // Cells are cut by absolute time, so that merging again never moves a unit out of its cell and
    // the delay does not add up.
    fn merge(&mut self) {
        let cell = (self.length / CELLS).max(1);
        let mut used = self.used;
        let mut last: Option<Entry> = None;
        // Entries go once around the queue, which allocates nothing.
        for _ in 0..self.entries.len() {
            let Some(mut entry) = self.entries.pop_front() else {
                break;
            };
            if let Some(earlier) = last.take() {
                if earlier.at / cell == entry.at / cell {
                    let kept = entry.absorb(earlier.units);
                    used -= u128::from(earlier.units - kept);
                } else {
                    self.entries.push_back(earlier);
                }
            }
            last = Some(entry);
        }
        if let Some(last) = last {
            self.entries.push_back(last);
        }
        self.used = used;
    }
}

impl Entry {
    /// Counts `units` more, up to `u64::MAX`, and tells how many of them.
    ///
    /// Beyond that nothing is lost: no limit is above `u64::MAX`, so an entry that holds as much
    /// keeps every limit reached until it leaves.
    fn absorb(&mut self, units: u64) -> u64 {
        let before = self.units;
        self.units = before.saturating_add(units);
        self.units - before
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn log_of_one_second() -> RateLog {
        RateLog::new(Duration::from_secs(1))
    }

    #[test]
    fn a_unit_counts_from_its_moment_until_just_before_a_length_later() {
        let mut log = log_of_one_second();
        log.add(5, 3);
        log.forget_elapsed(1_000_000_004);
        assert_eq!(log.used(), 3);
        log.forget_elapsed(1_000_000_005);
        assert_eq!(log.used(), 0);
    }

    #[test]
    fn units_beyond_what_a_number_holds_neither_wrap_nor_pile_up() {
        let mut log = RateLog::new(Duration::from_nanos(u64::MAX));
        for moment in 0..5_000 {
            log.add(moment, u64::MAX);
        }
        assert!(log.entries.len() <= MAX_ENTRIES);
        assert!(log.used() >= u128::from(u64::MAX));
    }

    #[test]
    fn a_clock_that_stutters_keeps_the_order() {
        let mut log = log_of_one_second();
        log.add(100, 1);
        log.add(90, 1);
        assert_eq!(log.entries.len(), 1);
        log.forget_elapsed(1_000_000_100);
        assert_eq!(log.used(), 0);
    }

    #[test]
    fn a_unit_to_be_spent_later_counts_for_a_length_after_that() {
        let mut log = log_of_one_second();
        log.add_ahead(100, 50, 3);
        assert_eq!(log.used(), 3, "from now on");
        log.add(120, 1);
        log.forget_elapsed(1_000_000_149);
        assert_eq!(log.used(), 4);
        assert_eq!(
            log.until_at_most(0, 1_000_000_149),
            Some(Duration::from_nanos(1))
        );
        log.forget_elapsed(1_000_000_150);
        assert_eq!(log.used(), 0);
    }

    #[test]
    fn a_log_at_work_for_long_stays_bounded() {
        let mut log = log_of_one_second();
        let mut most = 0;
        for step in 0..100_000_u64 {
            log.add(step * 50_000, 1);
            most = most.max(log.entries.len());
        }
        assert_eq!(most, MAX_ENTRIES);
        assert!(log.entries.capacity() <= 2 * MAX_ENTRIES);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        // The promise about merging, against a plain list of every unit.
        #[test]
        fn a_merged_unit_never_leaves_early_and_at_most_a_cell_late(
            steps in prop::collection::vec((1_u64..3_000_000, 1_u64..5), 1_500..3_000),
        ) {
            let length = 1_000_000_000_u64;
            let mut log = log_of_one_second();
            let mut all: Vec<(u64, u64)> = Vec::new();
            let mut now = 0;
            for (step, (gap, units)) in steps.into_iter().enumerate() {
                now += gap;
                log.add(now, units);
                all.push((now, units));
                if step % 16 != 0 {
                    continue;
                }
                let counting = |span: u64| -> u128 {
                    all.iter().rev()
                        .take_while(|(at, _)| at + span > now)
                        .map(|(_, units)| u128::from(*units)).sum()
                };
                prop_assert!(log.used() >= counting(length));
                prop_assert!(log.used() <= counting(length + length / CELLS));
                prop_assert!(log.entries.len() <= MAX_ENTRIES);
            }
        }
    }
}
