//! What an operation asks of a store.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;
use tiergate_core::Limit;

use crate::{CounterKey, Refusal, StoreError, StoreErrorKind};

/// How many claims one operation may make.
pub const MAX_CLAIMS: usize = 4;

/// So many units of one counter, if the limit leaves room for them.
///
/// A claim of zero units asks whether the limit is kept: it fits as long as no more than the limit
/// is used, even when nothing is left.
///
/// ```
/// use tiergate_core::{Limit, Subject};
/// use tiergate_usage::{Claim, CounterKey, CounterWindow};
///
/// let key = CounterKey::new(Subject::user("42"), "storage_limit_gb", CounterWindow::Level);
/// assert!(Claim::new(key.clone(), 5, Limit::AtMost(5)).can_fit());
/// assert!(!Claim::new(key, 6, Limit::AtMost(5)).can_fit());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    key: CounterKey,
    units: u64,
    limit: Limit,
}

impl Claim {
    /// Asks for `units` of the counter `key`, of which there are `limit`.
    #[inline]
    #[must_use]
    pub fn new(key: CounterKey, units: u64, limit: Limit) -> Self {
        Self { key, units, limit }
    }

    /// The counter.
    #[inline]
    #[must_use]
    pub fn key(&self) -> &CounterKey {
        &self.key
    }

    /// How many units are asked for.
    #[inline]
    #[must_use]
    pub fn units(&self) -> u64 {
        self.units
    }

    /// How many units there are. Known to this operation only: no store keeps it.
    #[inline]
    #[must_use]
    pub fn limit(&self) -> Limit {
        self.limit
    }

    /// Whether the claim would fit if nothing at all was used.
    #[inline]
    #[must_use]
    pub fn can_fit(&self) -> bool {
        self.limit.admits(0, self.units)
    }

    /// Why the claim is refused, if it is.
    pub(crate) fn refusal(&self) -> Refusal {
        if self.can_fit() {
            Refusal::Full
        } else {
            Refusal::NeverFits
        }
    }
}

/// What a caller names an operation by, so that a retry of it counts once.
///
/// 1 to [`MAX_BYTES`](Self::MAX_BYTES) visible ASCII characters, from `!` to `~`. Cloning is cheap.
///
/// ```
/// use tiergate_usage::IdempotencyKey;
///
/// let key = IdempotencyKey::new("018f6a2e-7b1c")?;
/// assert_eq!(key.as_str(), "018f6a2e-7b1c");
/// assert!(IdempotencyKey::new("with space").is_err());
/// # Ok::<(), tiergate_usage::InvalidIdempotencyKeyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(Arc<str>);

impl IdempotencyKey {
    /// The most bytes a key may have.
    pub const MAX_BYTES: usize = 255;

    /// A key of the given text.
    ///
    /// # Errors
    ///
    /// When the text is empty, too long, or has a character other than visible ASCII.
    pub fn new(text: impl Into<Arc<str>>) -> Result<Self, InvalidIdempotencyKeyError> {
        let text = text.into();
        let fits = (1..=Self::MAX_BYTES).contains(&text.len());
        if fits && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text))
        } else {
            Err(InvalidIdempotencyKeyError { _private: () })
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text can't be an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an idempotency key has 1 to 255 visible ASCII characters")]
pub struct InvalidIdempotencyKeyError {
    _private: (),
}

/// One operation: all of its claims, or none.
///
/// It borrows what it asks for. A store that answers later clones what it needs, which for keys is
/// cheap, before it boxes its future.
#[derive(Clone, Copy, Debug)]
pub struct Reserve<'a> {
    claims: &'a [Claim],
    idempotency_key: Option<&'a IdempotencyKey>,
    ttl: Duration,
}

impl<'a> Reserve<'a> {
    /// Asks for all of `claims`, to be settled within `ttl`. What is not settled by then is given
    /// back.
    #[must_use]
    pub fn new(claims: &'a [Claim], ttl: Duration) -> Self {
        Self {
            claims,
            idempotency_key: None,
            ttl,
        }
    }

    /// Counts the operation once, however often it is asked for under `key`.
    #[must_use]
    pub fn with_idempotency_key(mut self, key: &'a IdempotencyKey) -> Self {
        self.idempotency_key = Some(key);
        self
    }

    /// The claims, in the order in which they are checked.
    #[inline]
    #[must_use]
    pub fn claims(&self) -> &'a [Claim] {
        self.claims
    }

    /// The name of the operation, if it has one.
    #[inline]
    #[must_use]
    pub fn idempotency_key(&self) -> Option<&'a IdempotencyKey> {
        self.idempotency_key
    }

    /// How long the reservation may stay open.
    #[inline]
    #[must_use]
    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// The units of each claim.
    #[must_use]
    pub fn units(&self) -> SmallVec<[u64; MAX_CLAIMS]> {
        let mut units = SmallVec::new();
        // For so few, collecting costs more than what is collected.
        for claim in self.claims {
            units.push(claim.units);
        }
        units
    }

    /// Whether this can be asked of a store. Every store calls it first, so that all refuse the
    /// same.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::InvalidClaims`] when there are no claims or more than [`MAX_CLAIMS`], when
    /// two name the same counter, when a window is empty, or when the time to live is zero.
    #[inline]
    pub fn validate(&self) -> Result<(), StoreError> {
        match self.claims {
            // What nearly every operation is.
            [claim] if !self.ttl.is_zero() && !claim.key.window().is_empty() => Ok(()),
            _ => self.validate_all(),
        }
    }

    fn validate_all(&self) -> Result<(), StoreError> {
        let fault = if self.claims.is_empty() {
            "an operation needs a claim"
        } else if self.claims.len() > MAX_CLAIMS {
            "an operation has too many claims"
        } else if self.ttl.is_zero() {
            "a reservation needs time to live"
        } else if self
            .claims
            .iter()
            .any(|claim| claim.key.window().is_empty())
        {
            "a window is empty"
        } else if self.has_twins() {
            "two claims name the same counter"
        } else {
            return Ok(());
        };
        Err(StoreError::new(StoreErrorKind::InvalidClaims).with_detail(fault))
    }

    #[inline]
    fn has_twins(&self) -> bool {
        let mut rest = self.claims;
        while let [first, others @ ..] = rest {
            if others.iter().any(|other| other.key == first.key) {
                return true;
            }
            rest = others;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use tiergate_core::Subject;
    use tiergate_core::time::Timestamp;

    use super::*;
    use crate::CounterWindow;

    fn claim(feature: &str, window: CounterWindow) -> Claim {
        let key = CounterKey::new(Subject::user("a"), feature, window);
        Claim::new(key, 1, Limit::AtMost(1))
    }

    fn fault(claims: &[Claim], ttl: Duration) -> String {
        let error = Reserve::new(claims, ttl).validate().unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::InvalidClaims);
        error.to_string()
    }

    #[test]
    fn what_cannot_be_asked_is_named() {
        let ttl = Duration::from_secs(1);
        let level = claim("a", CounterWindow::Level);
        let sliding = claim(
            "a",
            CounterWindow::Sliding {
                length: Duration::ZERO,
            },
        );
        let moment = Timestamp::from_seconds(0);
        let fixed = claim(
            "a",
            CounterWindow::Fixed {
                start: moment,
                end: moment,
            },
        );

        assert!(fault(&[], ttl).contains("needs a claim"));
        assert!(fault(&vec![level.clone(); 5], ttl).contains("too many"));
        assert!(fault(std::slice::from_ref(&level), Duration::ZERO).contains("time to live"));
        assert!(fault(&[sliding], ttl).contains("window"));
        assert!(fault(&[fixed], ttl).contains("window"));
        let other = claim("b", CounterWindow::Level);
        assert!(fault(&[level.clone(), other.clone(), level.clone()], ttl).contains("same"));
        assert!(Reserve::new(&[level, other], ttl).validate().is_ok());
    }

    #[test]
    fn an_idempotency_key_is_visible_ascii_of_bounded_length() {
        assert!(IdempotencyKey::new("!~").is_ok());
        assert!(IdempotencyKey::new("x".repeat(255)).is_ok());
        for bad in ["", " ", "a b", "a\n", "\u{7f}", "é", &"x".repeat(256)] {
            assert!(IdempotencyKey::new(bad).is_err(), "{bad:?}");
        }
    }
}
