//! What a tier gives of a feature.

use std::fmt;
use std::sync::Arc;

/// What a tier, or an override, gives of a feature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeatureValue {
    /// On or off.
    Boolean(bool),
    /// So many units; nothing at all when it is [`Limit::ZERO`].
    Limit(Limit),
    /// One word of the feature's ordered list.
    Level(Level),
}

impl FeatureValue {
    /// Whether the feature is there at all: a boolean that is on, a limit that is unlimited or above
    /// zero, any level.
    #[must_use]
    pub fn is_granted(&self) -> bool {
        match self {
            Self::Boolean(on) => *on,
            Self::Limit(limit) => !limit.is_zero(),
            Self::Level(_) => true,
        }
    }

    /// The value as a limit: a boolean is one or zero, a limit itself, a level none.
    #[must_use]
    pub fn as_limit(&self) -> Option<Limit> {
        match self {
            Self::Boolean(on) => Some(Limit::AtMost(u64::from(*on))),
            Self::Limit(limit) => Some(*limit),
            Self::Level(_) => None,
        }
    }

    /// Whether this gives at least as much as `other`. Values of different kinds give neither more
    /// nor less than each other.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Boolean(this), Self::Boolean(other)) => this >= other,
            (Self::Limit(this), Self::Limit(other)) => this >= other,
            (Self::Level(this), Self::Level(other)) => this.rank >= other.rank,
            _ => false,
        }
    }
}

impl fmt::Display for FeatureValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(true) => f.write_str("on"),
            Self::Boolean(false) => f.write_str("off"),
            Self::Limit(limit) => limit.fmt(f),
            Self::Level(level) => f.write_str(level.name()),
        }
    }
}

/// How many units a feature may be used: a number, or as many as wanted.
///
/// There is no number that means unlimited.
///
/// ```
/// use tiergate_core::Limit;
///
/// assert!(Limit::Unlimited > Limit::AtMost(u64::MAX));
/// assert_eq!(Limit::AtMost(10).remaining(12), Some(0));
/// assert_eq!(Limit::Unlimited.remaining(12), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Limit {
    /// At most this many units.
    AtMost(u64),
    /// No bound.
    Unlimited,
}

impl Limit {
    /// Nothing at all.
    pub const ZERO: Self = Self::AtMost(0);

    /// Whether not even one unit fits.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        matches!(self, Self::AtMost(0))
    }

    /// The bound, if there is one.
    #[must_use]
    pub const fn at_most(self) -> Option<u64> {
        match self {
            Self::AtMost(units) => Some(units),
            Self::Unlimited => None,
        }
    }

    /// How many units are left once `used` are used; `None` when there is no bound.
    #[must_use]
    pub const fn remaining(self, used: u64) -> Option<u64> {
        match self {
            Self::AtMost(units) => Some(units.saturating_sub(used)),
            Self::Unlimited => None,
        }
    }

    /// Whether `units` more fit once `used` are used.
    #[must_use]
    pub const fn admits(self, used: u64, units: u64) -> bool {
        match self {
            Self::AtMost(bound) => match used.checked_add(units) {
                Some(total) => total <= bound,
                None => false,
            },
            Self::Unlimited => true,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(units) => units.fmt(f),
            Self::Unlimited => f.write_str("unlimited"),
        }
    }
}

/// One word of a feature's ordered list of levels, such as `priority` of
/// `community < email < priority < dedicated`.
///
/// Only a catalog gives these out. A rank says something only beside ranks of the same feature, so
/// levels have no order of their own.
#[derive(Clone)]
pub struct Level {
    name: Arc<str>,
    rank: u16,
}

impl Level {
    pub(crate) fn new(name: Arc<str>, rank: u16) -> Self {
        Self { name, rank }
    }

    /// The word.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The place in the list, weakest first, from zero.
    #[must_use]
    pub fn rank(&self) -> u16 {
        self.rank
    }
}

impl PartialEq for Level {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank && self.name == other.name
    }
}

impl Eq for Level {}

impl fmt::Debug for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Level({:?}, {})", self.name, self.rank)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_admits_up_to_its_bound_and_never_wraps() {
        assert!(Limit::AtMost(10).admits(9, 1));
        assert!(!Limit::AtMost(10).admits(10, 1));
        assert!(Limit::AtMost(10).admits(10, 0));
        assert!(!Limit::AtMost(10).admits(11, 0));
        assert!(!Limit::AtMost(u64::MAX).admits(u64::MAX, 1));
        assert!(Limit::AtMost(u64::MAX).admits(u64::MAX - 1, 1));
        assert!(Limit::Unlimited.admits(u64::MAX, u64::MAX));
    }

    #[test]
    fn what_is_used_beyond_a_limit_leaves_nothing() {
        assert_eq!(Limit::AtMost(10).remaining(3), Some(7));
        assert_eq!(Limit::AtMost(10).remaining(u64::MAX), Some(0));
        assert_eq!(Limit::Unlimited.remaining(u64::MAX), None);
    }

    #[test]
    fn only_a_limit_of_zero_is_zero() {
        assert!(Limit::ZERO.is_zero());
        assert!(!Limit::AtMost(1).is_zero());
        assert!(!Limit::Unlimited.is_zero());
        assert_eq!(Limit::AtMost(7).at_most(), Some(7));
        assert_eq!(Limit::Unlimited.at_most(), None);
    }

    #[test]
    fn a_value_is_granted_unless_it_is_off_or_zero() {
        let level = FeatureValue::Level(Level::new("community".into(), 0));
        for (value, granted, limit, shown) in [
            (
                FeatureValue::Boolean(true),
                true,
                Some(Limit::AtMost(1)),
                "on",
            ),
            (
                FeatureValue::Boolean(false),
                false,
                Some(Limit::ZERO),
                "off",
            ),
            (
                FeatureValue::Limit(Limit::ZERO),
                false,
                Some(Limit::ZERO),
                "0",
            ),
            (
                FeatureValue::Limit(Limit::AtMost(5)),
                true,
                Some(Limit::AtMost(5)),
                "5",
            ),
            (
                FeatureValue::Limit(Limit::Unlimited),
                true,
                Some(Limit::Unlimited),
                "unlimited",
            ),
            (level, true, None, "community"),
        ] {
            assert_eq!(value.is_granted(), granted, "{shown}");
            assert_eq!(value.as_limit(), limit, "{shown}");
            assert_eq!(value.to_string(), shown);
        }
    }

    #[test]
    fn a_value_covers_what_is_not_more_than_it() {
        let boolean = [false, true].map(FeatureValue::Boolean).to_vec();
        let limits = [
            Limit::ZERO,
            Limit::AtMost(1),
            Limit::AtMost(u64::MAX),
            Limit::Unlimited,
        ];
        let levels = ["zeta", "eta"].into_iter().zip(0..);
        let levels = levels.map(|(word, rank)| FeatureValue::Level(Level::new(word.into(), rank)));
        for ascending in [
            boolean,
            limits.map(FeatureValue::Limit).to_vec(),
            levels.collect(),
        ] {
            for (this, value) in ascending.iter().enumerate() {
                for (other, less) in ascending.iter().enumerate() {
                    assert_eq!(value.covers(less), this >= other, "{value} and {less}");
                }
            }
        }
    }

    #[test]
    fn kinds_do_not_cover_each_other() {
        let on = FeatureValue::Boolean(true);
        let one = FeatureValue::Limit(Limit::AtMost(1));
        assert!(!on.covers(&one));
        assert!(!one.covers(&on));
    }
}
