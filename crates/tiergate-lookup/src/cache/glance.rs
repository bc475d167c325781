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
    /// The lowest [`SPARE`] bits are nothing.
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

    /// Whether the answer is fresh yet.
    #[inline]
    pub(super) fn is_fresh(self, now: Duration) -> bool {
        moment(now) < self.fresh_until
    }
}

/// How many bits of a moment are nothing, so that something else can be kept there.
pub(super) const SPARE: u32 = 24;

/// A time in one number that is ordered as the time is, made without dividing: seconds above, and below
/// the upper eight of the thirty bits of the nanoseconds, which are steps of some four milliseconds.
/// Nothing lasts for 2^32 seconds.
///
/// Both times that are compared are cut off in this way, so that nothing is fresh for longer than it is
/// said to be.
#[inline]
fn moment(time: Duration) -> u64 {
    let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    u64::from(seconds) << 32 | u64::from(time.subsec_nanos()) >> 22 << SPARE
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
        assert!(glance.is_fresh(second - Duration::from_nanos(1)));
        assert!(!glance.is_fresh(second));
        assert_eq!(glance.tier(first), Some(TierWord(7)));
        let between = Glance::new(TierWord(7), first, second + Duration::from_millis(9));
        for millis in 1_000..1_020 {
            let is_fresh = between.is_fresh(Duration::from_millis(millis));
            assert!(!is_fresh || millis < 1_009, "{millis}");
            assert!(is_fresh || millis >= 1_004, "{millis}");
        }
        era.doubt();
        assert_eq!(glance.tier(era.load()), None);
        let again = Glance::new(TierWord(7), era.load(), second);
        assert_eq!(again.tier(era.load()), Some(TierWord(7)));
        era.clear();
        assert_eq!(again.tier(era.load()), None);
        assert!(!Glance::NOTHING.is_fresh(Duration::ZERO));
    }
}
