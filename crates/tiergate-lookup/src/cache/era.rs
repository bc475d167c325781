use std::sync::atomic::{AtomicU64, Ordering};

/// How far the upper half, which counts clearings, is shifted.
const CLEARINGS: u32 = 32;

/// How often everything was forgotten, and how often everything was put in doubt.
///
/// Both are in one number, so that a read compares them at the price of one load. Should the lower
/// half ever run over, everything is forgotten once more than needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Era(u64);

impl Era {
    /// Whether nothing was forgotten between the two.
    pub(crate) fn remembers(self, other: Self) -> bool {
        self.clearing() == other.clearing()
    }

    /// Whether this came before that clearing or after it.
    pub(crate) fn is_at_least_as_recent_as(self, other: Self) -> bool {
        self.clearing() >= other.clearing()
    }

    /// As a number, to be kept.
    #[inline]
    pub(crate) fn as_number(self) -> u64 {
        self.0
    }

    /// The era that was kept as that number.
    #[inline]
    pub(crate) fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// How often either happened, with the numbers beginning anew after 2^32.
    #[inline]
    pub(crate) fn changes(self) -> u32 {
        let [low, high] = [self.0, self.clearing()].map(|half| half & u64::from(u32::MAX));
        // The lower half of a sum of two halves.
        let sum = low.wrapping_add(high).to_le_bytes();
        let [a, b, c, d, ..] = sum;
        u32::from_le_bytes([a, b, c, d])
    }

    #[inline]
    fn clearing(self) -> u64 {
        self.0 >> CLEARINGS
    }
}

/// The era of now.
#[derive(Debug, Default)]
pub(crate) struct CurrentEra(AtomicU64);

impl CurrentEra {
    #[inline]
    pub(crate) fn load(&self) -> Era {
        Era(self.0.load(Ordering::Acquire))
    }

    /// Everything before counts as forgotten.
    pub(crate) fn clear(&self) -> Era {
        self.add(1 << CLEARINGS)
    }

    /// Everything before counts as doubtful.
    pub(crate) fn doubt(&self) {
        self.add(1);
    }

    fn add(&self, step: u64) -> Era {
        Era(self.0.fetch_add(step, Ordering::AcqRel).wrapping_add(step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubt_forgets_nothing_and_a_clearing_forgets_everything() {
        let now = CurrentEra::default();
        let first = now.load();
        now.doubt();
        let doubted = now.load();
        assert!(doubted != first && doubted.remembers(first));
        let cleared = now.clear();
        assert_eq!(cleared, now.load());
        assert!(!cleared.remembers(doubted));
        assert!(cleared.is_at_least_as_recent_as(doubted));
        assert!(!doubted.is_at_least_as_recent_as(cleared));
    }

    #[test]
    fn more_doubts_than_can_be_counted_forget_everything() {
        let now = CurrentEra(AtomicU64::new(u64::from(u32::MAX)));
        let before = now.load();
        now.doubt();
        assert!(!now.load().remembers(before));
    }
}
