//! When a store gives no answer.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

/// A store gave no answer. This is a fault, and never a refusal: nobody has used up anything.
///
/// ```
/// use tiergate_usage::{StoreError, StoreErrorKind};
///
/// let error = StoreError::new(StoreErrorKind::Unavailable).with_detail("connection refused");
/// assert_eq!(error.to_string(), "the usage store is unavailable: connection refused");
/// ```
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    more: Option<Box<More>>,
}

#[derive(Debug, Default)]
struct More {
    detail: Option<Cow<'static, str>>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What kept a store from answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store can't be reached, or is not able to answer. A retry may help.
    Unavailable,
    /// The store did not answer in time. What was asked may have happened or not.
    TimedOut,
    /// The idempotency key names an operation with other claims. A retry never helps.
    IdempotencyConflict,
    /// What was asked makes no sense to a store, whatever is used. A retry never helps.
    InvalidClaims,
    /// A bound of the store was reached, so that it can't count more. A retry may help later.
    Full,
    /// The store contradicts itself, or an answer could not be understood.
    Internal,
}

impl StoreErrorKind {
    /// Whether the same call may succeed when it is made again.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        match self {
            Self::Unavailable | Self::TimedOut | Self::Full => true,
            Self::IdempotencyConflict | Self::InvalidClaims | Self::Internal => false,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "the usage store is unavailable",
            Self::TimedOut => "the usage store did not answer in time",
            Self::IdempotencyConflict => "the idempotency key was used for another operation",
            Self::InvalidClaims => "the claims are invalid",
            Self::Full => "the usage store is full",
            Self::Internal => "the usage store failed",
        }
    }
}

impl StoreError {
    /// A fault of the given kind.
    #[must_use]
    pub fn new(kind: StoreErrorKind) -> Self {
        Self { kind, more: None }
    }

    /// Says more about it, to whoever reads the logs.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.more.get_or_insert_default().detail = Some(detail.into());
        self
    }

    /// Keeps what brought it about.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.more.get_or_insert_default().source = Some(source.into());
        self
    }

    /// What kept the store from answering.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// What is known beyond the kind. Not for the eyes of end users.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.more.as_ref()?.detail.as_deref()
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.as_str())?;
        match self.detail() {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.more.as_ref()?.source.as_deref()?;
        Some(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detail_and_source_are_both_kept() {
        let error = StoreError::new(StoreErrorKind::TimedOut)
            .with_source("slow")
            .with_detail("after 1 s");
        assert_eq!(error.detail(), Some("after 1 s"));
        assert_eq!(error.source().unwrap().to_string(), "slow");
    }
}
