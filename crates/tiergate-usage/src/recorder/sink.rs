//! Where records are delivered to.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::{self, Debug};
use std::time::Duration;

use async_trait::async_trait;

use super::Record;

/// Takes records for good, such as a billing service.
///
/// A batch may come again, whole or in other parts, when it is not known what became of it: after a
/// time-out, a crash, a restart. Records that are known by their [id](Record::id) must not count again.
///
/// # Cancellation
///
/// The future is dropped when the recorder is, and after 60 seconds.
#[async_trait]
pub trait UsageSink: Debug + Send + Sync + 'static {
    /// Takes a batch of 1 to 1,000 records, and says what became of each, in their order.
    ///
    /// # Errors
    ///
    /// When nothing is known of any of them. [`SinkError`] says what to do about it.
    async fn deliver(&self, batch: &[Record]) -> Result<Vec<Outcome>, SinkError>;
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It counts now.
    Accepted,
    /// It was known already. It is as good as accepted.
    Duplicate,
    /// It will never count. The recorder writes it to `rejected.jsonl` and goes on.
    Rejected {
        /// Why, in words for the operator.
        reason: String,
    },
}

/// A sink did not take a batch.
#[derive(Debug)]
pub struct SinkError {
    kind: SinkErrorKind,
    detail: Option<Cow<'static, str>>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What follows from a [`SinkError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SinkErrorKind {
    /// The sink is away, or too busy. The batch is sent again after a pause.
    Unavailable,
    /// The sink refuses our credential. The batch is sent again after a long pause, with an alarm.
    Unauthorized,
    /// The sink takes no such batch, and never will. It is sent again in halves, until the record is
    /// found that it is about.
    BadBatch,
}

impl SinkErrorKind {
    /// The word for it in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Unauthorized => "unauthorized",
            Self::BadBatch => "bad_batch",
        }
    }
}

impl SinkError {
    /// An error of this kind.
    #[must_use]
    pub fn new(kind: SinkErrorKind) -> Self {
        Self {
            kind,
            detail: None,
            retry_after: None,
            source: None,
        }
    }

    /// Says more about it. It is printed in logs, and must not hold a secret.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Keeps how long the sink asks to be left alone. At most five minutes of it are granted.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Keeps what brought it about. It is printed in logs, and must not hold a secret.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What follows from it.
    #[must_use]
    pub fn kind(&self) -> SinkErrorKind {
        self.kind
    }

    /// How long the sink asks to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            SinkErrorKind::Unavailable => "usage records cannot be delivered now",
            SinkErrorKind::Unauthorized => {
                "usage records are refused together with the credential they came with"
            }
            SinkErrorKind::BadBatch => "a batch of usage records is refused as such",
        })?;
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        if let Some(source) = &self.source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

impl Error for SinkError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.source.as_deref()?;
        Some(source)
    }
}
