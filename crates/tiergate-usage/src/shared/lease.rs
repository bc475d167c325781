//! Blocks of units.

use std::fmt;
use std::time::Duration;

use tiergate_core::Limit;

use crate::{CounterKey, CounterState, CounterWindow, Refusal, StoreError, StoreErrorKind};

/// The name of one lease, made by who holds it. It is never used for another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LeaseId(u128);

impl LeaseId {
    /// The id with this number, which must be one that nobody else makes: a random one.
    #[must_use]
    pub const fn from_u128(number: u128) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        self.0
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LeaseId({self})")
    }
}

/// A block of units that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Lease<'a> {
    /// The counter: of a quota or a gauge.
    pub key: &'a CounterKey,
    /// What it is known by from now on.
    pub id: LeaseId,
    /// How many units. Above zero.
    pub units: u64,
    /// How many of them stay counted if it is never heard of again. No more than `units`.
    pub kept: u64,
    /// What all that is used of the counter may come to, this block included.
    pub limit: Limit,
    /// How long it is open. Above zero.
    pub ttl: Duration,
}

impl Lease<'_> {
    /// Whether this can be asked of a store. Every store calls it first, so that all refuse the
    /// same.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::InvalidClaims`] when there are no units, when more are kept than leased,
    /// when the time to live is zero, when the window is empty, or when the counter is a rate: a rate
    /// gives nothing back, so there is nothing to hold.
    pub fn validate(&self) -> Result<(), StoreError> {
        let fault = if self.units == 0 {
            "a lease needs units"
        } else if self.kept > self.units {
            "more is kept than leased"
        } else if self.ttl.is_zero() {
            "a lease needs time to live"
        } else if self.key.window().is_empty() {
            "a window is empty"
        } else if matches!(self.key.window(), CounterWindow::Sliding { .. }) {
            "a rate cannot be leased"
        } else {
            return Ok(());
        };
        Err(StoreError::new(StoreErrorKind::InvalidClaims).with_detail(fault))
    }
}

/// What became of a block of units that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseOutcome {
    /// It is leased, now or since it was asked for before. The counter stands as told, this block
    /// included.
    Granted(CounterState),
    /// It does not fit. The counter stands as told, without it.
    Refused(Refusal, CounterState),
    /// It was leased, and is over.
    Over,
}

/// What extending a lease came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LeaseExtension {
    /// It is open, and lives on.
    Extended,
    /// Nobody extended it in time. What was kept of it stays counted, the rest has gone back.
    Expired,
    /// It was ended.
    Ended,
    /// The store does not know it, or not any more.
    Unknown,
}

/// What ending a lease came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LeaseEnd {
    /// It was open. What was used is counted, the rest has gone back.
    Ended,
    /// It had expired. What was used is counted now, in place of what was kept.
    Corrected,
    /// It was ended before. This call changed nothing.
    AlreadyEnded,
    /// The store does not know it, or not any more. This call changed nothing.
    Unknown,
}

#[cfg(test)]
mod tests {
    use tiergate_core::Subject;

    use super::*;

    #[test]
    fn what_cannot_be_leased_is_named() {
        let key = |window| CounterKey::new(Subject::user("a"), "f", window);
        let (level, second) = (key(CounterWindow::Level), Duration::from_secs(1));
        let rate = key(CounterWindow::Sliding { length: second });
        let lease = Lease {
            key: &level,
            id: LeaseId::from_u128(1),
            units: 5,
            kept: 5,
            limit: Limit::AtMost(5),
            ttl: second,
        };
        let fault = |lease: Lease<'_>| lease.validate().unwrap_err().to_string();
        assert!(lease.validate().is_ok());
        assert!(fault(Lease { units: 0, ..lease }).contains("needs units"));
        assert!(fault(Lease { kept: 6, ..lease }).contains("kept"));
        let ttl = Duration::ZERO;
        assert!(fault(Lease { ttl, ..lease }).contains("time to live"));
        assert!(
            fault(Lease {
                key: &rate,
                ..lease
            })
            .contains("rate")
        );
    }
}
