use std::time::Duration;

use super::era::Era;

/// A tier's key as a number that a cache gave it, or none where there is no subscription.
///
/// See [`CachedLookup::glance`](super::CachedLookup::glance).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TierWord(u16);

impl TierWord {
    /// There is no subscription.
    pub const NONE: Self = Self(0);

    /// The number: 0 for no subscription, otherwise from 1 up in the order in which the cache saw the
    /// tiers first.
    #[must_use]
    #[inline]
    pub fn number(self) -> u16 {
        self.0
    }

    /// The word of a number that was given out.
    #[inline]
    pub(super) fn from_number(number: u16) -> Self {
        Self(number)
    }
}

/// What can be told of an entry without reading it, in two numbers: which tier, for as long as nothing
/// was forgotten or put in doubt, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Glance {
    /// The tier in the second sixteen bits, the changes of the era in the upper half.
    head: u64,
    /// By the monotonic clock, as [`moment`] has it. What is fresh until the beginning is never fresh.
    /// The lowest [`SPARE`] bits may be anything.
    fresh_until: u64,
}

impl Glance {
    /// Nothing can be told.
    pub(super) const NOTHING: Self = Self {
        head: 0,
        fresh_until: 0,
    };

    pub(super) fn new(tier: TierWord, era: Era, fresh_until: Duration) -> Self {
        Self {
            head: u64::from(era.changes()) << 32 | u64::from(tier.0) << 16,
            fresh_until: moment(fresh_until),
        }
    }

    #[inline]
    pub(super) fn from_numbers(head: u64, fresh_until: u64) -> Self {
        Self { head, fresh_until }
    }

    pub(super) fn into_numbers(self) -> (u64, u64) {
        (self.head, self.fresh_until)
    }

    /// The tier, if nothing was forgotten or put in doubt since.
    #[inline]
    pub(super) fn tier(self, era: Era) -> Option<TierWord> {
        let is_current = self.head >> 32 == u64::from(era.changes());
        let [_, _, low, high, ..] = self.head.to_le_bytes();
        is_current.then_some(TierWord(u16::from_le_bytes([low, high])))
    }

    /// Whether the answer is fresh yet, so many nanoseconds after the clock began.
    ///
    /// Both times are cut off to whole [`STEP`]s, so that nothing is fresh for longer than it is said to
    /// be.
    #[inline]
    pub(super) fn is_fresh(self, now: u64) -> bool {
        now >> STEP < self.fresh_until >> SPARE
    }
}

/// How many of the lowest bits of a moment are nothing, so that something else can be kept there.
pub(super) const SPARE: u32 = 24;

/// How many nanoseconds a step of a moment has, as a power of two: some four milliseconds.
const STEP: u32 = 22;

/// A time in one number that is ordered as the time is, by steps. It lasts for 146 years.
fn moment(time: Duration) -> u64 {
    let steps = (as_nanos(time) >> STEP).min(u64::MAX >> SPARE);
    steps << SPARE
}

/// The nanoseconds of a time since the clock began. They last for 584 years.
#[inline]
pub(super) fn as_nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::era::CurrentEra;

    #[test]
    fn a_glance_holds_until_it_is_old_and_until_anything_is_doubted() {
        let era = CurrentEra::default();
        let (second, first) = (Duration::from_secs(1), era.load());
        let glance = Glance::new(TierWord(7), first, second);
        let step = Duration::from_nanos(1 << STEP);
        let is_fresh = |glance: Glance, now| glance.is_fresh(as_nanos(now));
        assert!(is_fresh(glance, second - step));
        assert!(!is_fresh(glance, second));
        assert_eq!(glance.tier(first), Some(TierWord(7)));
        let between = Glance::new(TierWord(7), first, second + Duration::from_millis(9));
        for millis in 1_000..1_020 {
            let is_fresh = is_fresh(between, Duration::from_millis(millis));
            assert!(!is_fresh || millis < 1_009, "{millis}");
            assert!(is_fresh || millis >= 1_004, "{millis}");
        }
        let (head, until) = glance.into_numbers();
        let beside = Glance::from_numbers(head, until | ((1 << SPARE) - 1));
        assert!(is_fresh(beside, second - step) && !is_fresh(beside, second));
        let lasting = Glance::new(TierWord(7), first, Duration::MAX);
        assert!(is_fresh(lasting, Duration::from_secs(100 * 365 * 86_400)));
        assert!(!is_fresh(lasting, Duration::MAX));
        era.doubt();
        assert_eq!(glance.tier(era.load()), None);
        let again = Glance::new(TierWord(7), era.load(), second);
        assert_eq!(again.tier(era.load()), Some(TierWord(7)));
        era.clear();
        assert_eq!(again.tier(era.load()), None);
        assert!(!Glance::NOTHING.is_fresh(0));
    }
}
