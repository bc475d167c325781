//! How many units of a rate are asked for, as the size of a block.

/// Units that were asked for in this period and before, which counts half as much with each period.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    period: u64,
    began: u64,
    now: u64,
    before: u64,
}

impl Demand {
    /// Counts by periods of so many nanoseconds.
    pub(super) fn new(period: u64, now: u64) -> Self {
        Self {
            period: period.max(1),
            began: now,
            now: 0,
            before: 0,
        }
    }

    pub(super) fn note(&mut self, units: u64, now: u64) {
        if now.saturating_sub(self.began) >= self.period {
            self.before = self.expected(now);
            self.now = 0;
            self.began = now;
        }
        self.now = self.now.saturating_add(units);
    }

    /// What a period is likely to ask for.
    pub(super) fn expected(&self, now: u64) -> u64 {
        let age = now.saturating_sub(self.began);
        if age < self.period {
            return self.now.max(self.before);
        }
        // The period that has just ended counts in full, unless there was one without any demand.
        let quiet = u32::try_from(age / self.period - 1).unwrap_or(u32::MAX);
        let lately = self.now.max(self.before / 2);
        lately.checked_shr(quiet).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_lately_is_expected_and_fades_away() {
        let mut demand = Demand::new(100, 1_000);
        assert_eq!(demand.expected(1_000), 0);
        for now in 1_000..1_090 {
            demand.note(2, now);
        }
        assert_eq!(demand.expected(1_099), 180);
        demand.note(1, 1_120);
        assert_eq!(demand.expected(1_120), 180, "the period before counts");
        demand.note(1, 1_230);
        assert_eq!(demand.expected(1_230), 90);
        for (now, expected) in [
            (1_329, 90),
            (1_330, 45),
            (1_430, 22),
            (1_930, 0),
            (u64::MAX, 0),
        ] {
            assert_eq!(demand.expected(now), expected, "{now}");
        }
        demand.note(3, 5_000);
        assert_eq!(demand.expected(5_000), 3);
        for _ in 0..2 {
            demand.note(u64::MAX, 5_000);
        }
        assert_eq!(demand.expected(5_000), u64::MAX);
    }
}
