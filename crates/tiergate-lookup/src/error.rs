use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Why nothing could be learned about a subject.
///
/// Cheap to clone, because everybody who waited for one lookup gets the same error. It names the
/// [kind](Self::kind) of the failure and, where there is one, the status that the source answered
/// with. It holds no token, no body and no address.
///
/// ```
/// use std::time::Duration;
/// use tiergate_lookup::{LookupError, LookupErrorKind};
///
/// let error = LookupError::new(LookupErrorKind::Throttled)
///     .with_status(429)
///     .with_retry_after(Duration::from_secs(2));
/// assert_eq!(error.to_string(), "the subscription service is throttling lookups (status 429)");
/// assert_eq!(error.retry_after(), Some(Duration::from_secs(2)));
/// ```
#[derive(Clone)]
pub struct LookupError {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    kind: LookupErrorKind,
    status: Option<u16>,
    retry_after: Option<Duration>,
    source: Option<Arc<dyn Error + Send + Sync + 'static>>,
}

/// The kinds of [`LookupError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LookupErrorKind {
    /// No connection could be made, or it broke.
    Unreachable,
    /// The deadline passed first.
    TimedOut,
    /// The source refuses our own credential (401 or 403). It says nothing about the subject.
    Unauthorized,
    /// The source asks to be called less often (429).
    Throttled,
    /// The source answered with a failure of its own (5xx), or with a status that no answer has.
    Unavailable,
    /// The answer cannot be used: not JSON, of another shape, too large, or about another subject.
    InvalidAnswer,
    /// No call was made, because of late too many failed.
    CircuitOpen,
    /// The lookup ended without an answer: it panicked, or its runtime went away.
    Interrupted,
    /// The answer is older than one already known, or than the version that was demanded.
    NotFresh,
    /// The subject's id cannot name anybody, so nobody was asked.
    InvalidSubject,
    /// No call was made, because too many are under way already.
    Overloaded,
}

impl LookupErrorKind {
    /// Every kind, in the order of [`Statistics::failed`](crate::Statistics::failed).
    pub const ALL: [Self; 11] = [
        Self::Unreachable,
        Self::TimedOut,
        Self::Unauthorized,
        Self::Throttled,
        Self::Unavailable,
        Self::InvalidAnswer,
        Self::CircuitOpen,
        Self::Interrupted,
        Self::NotFresh,
        Self::InvalidSubject,
        Self::Overloaded,
    ];

    /// The word for it in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Unauthorized => "unauthorized",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::InvalidAnswer => "invalid_answer",
            Self::CircuitOpen => "circuit_open",
            Self::Interrupted => "interrupted",
            Self::NotFresh => "not_fresh",
            Self::InvalidSubject => "invalid_subject",
            Self::Overloaded => "overloaded",
        }
    }

    /// Whether the source was never asked, so that the failure says nothing about it.
    #[must_use]
    pub(crate) const fn is_local(self) -> bool {
        matches!(
            self,
            Self::CircuitOpen | Self::InvalidSubject | Self::Overloaded
        )
    }

    const fn message(self) -> &'static str {
        match self {
            Self::Unreachable => "the subscription service cannot be reached",
            Self::TimedOut => "the subscription service did not answer in time",
            Self::Unauthorized => "the subscription service refused the credential of this service",
            Self::Throttled => "the subscription service is throttling lookups",
            Self::Unavailable => "the subscription service cannot answer now",
            Self::InvalidAnswer => "the subscription service gave an answer that cannot be used",
            Self::CircuitOpen => {
                "the subscription service is not being asked, because too many lookups failed"
            }
            Self::Interrupted => "the lookup ended without an answer",
            Self::NotFresh => "the subscription service gave an answer that is too old",
            Self::InvalidSubject => "the subject's id is empty, too long or cannot be sent",
            Self::Overloaded => "too many lookups are under way",
        }
    }
}

impl fmt::Display for LookupErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl LookupError {
    /// An error of this kind.
    #[must_use]
    pub fn new(kind: LookupErrorKind) -> Self {
        Self {
            inner: Arc::new(Inner {
                kind,
                status: None,
                retry_after: None,
                source: None,
            }),
        }
    }

    /// Adds the HTTP status that the source answered with.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        self.changed(|inner| inner.status = Some(status))
    }

    /// Adds how long the source asks to be left alone.
    #[must_use]
    pub fn with_retry_after(self, wait: Duration) -> Self {
        self.changed(|inner| inner.retry_after = Some(wait))
    }

    /// Adds what lies behind it. The cause is printed in logs: it must not hold a secret.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn Error + Send + Sync + 'static>>) -> Self {
        let source = Arc::from(source.into());
        self.changed(|inner| inner.source = Some(source))
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> LookupErrorKind {
        self.inner.kind
    }

    /// The HTTP status that the source answered with, if it did.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.inner.status
    }

    /// How long to wait before asking again, if somebody said.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.inner.retry_after
    }

    /// Whether the failure says nothing about the health of the source: it was never asked, or it
    /// found fault with this very question (RFC 9110, section 15.5). Many of these are no reason to
    /// leave the source alone; otherwise whoever sends odd ids could cut everybody off.
    pub(crate) fn is_about_the_question(&self) -> bool {
        let refused = matches!(self.inner.status, Some(400..=499));
        self.inner.kind.is_local() || (self.inner.kind == LookupErrorKind::Unavailable && refused)
    }

    fn changed(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.inner));
        self
    }
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.inner.kind.message())?;
        match self.inner.status {
            Some(status) => write!(f, " (status {status})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("LookupError");
        fields.field("kind", &self.inner.kind);
        if let Some(status) = self.inner.status {
            fields.field("status", &status);
        }
        if let Some(wait) = self.inner.retry_after {
            fields.field("retry_after", &wait);
        }
        if let Some(source) = &self.inner.source {
            fields.field("source", &format_args!("{source}"));
        }
        fields.finish()
    }
}

impl Error for LookupError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.inner
            .source
            .as_ref()
            .map(|source| &**source as &(dyn Error + 'static))
    }
}

impl From<LookupErrorKind> for LookupError {
    fn from(kind: LookupErrorKind) -> Self {
        Self::new(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_distinct_words_and_messages() {
        let mut words: Vec<_> = LookupErrorKind::ALL.iter().map(|k| k.as_str()).collect();
        let mut messages: Vec<_> = LookupErrorKind::ALL.iter().map(|k| k.message()).collect();
        words.sort_unstable();
        words.dedup();
        messages.sort_unstable();
        messages.dedup();
        assert_eq!(words.len(), LookupErrorKind::ALL.len());
        assert_eq!(messages.len(), LookupErrorKind::ALL.len());
    }

    #[test]
    fn a_clone_changed_leaves_the_original_alone() {
        let error = LookupError::new(LookupErrorKind::Unavailable).with_source("first");
        let changed = error.clone().with_status(503);
        assert_eq!(error.status(), None);
        assert_eq!(changed.status(), Some(503));
        assert_eq!(changed.source().unwrap().to_string(), "first");
    }
}
