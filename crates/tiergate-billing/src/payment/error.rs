use std::fmt;
use std::time::Duration;

/// What a refusal of a payment provider calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PaymentErrorKind {
    /// The means of payment was declined.
    Declined,
    /// What was asked for does not fit what the provider has.
    Refused,
    /// The provider cannot do that at all.
    Unsupported,
    /// It cannot be reached, or asks to come back later. Whether it was done is open.
    Unavailable,
}

/// Why a payment provider did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentError {
    kind: PaymentErrorKind,
    message: String,
    retry_after: Option<Duration>,
}

impl PaymentError {
    /// An error with a message for the caller: no credentials, nothing of other customers.
    pub fn new(kind: PaymentErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            retry_after: None,
        }
    }

    /// Says after how long to try again.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// What it calls for.
    #[must_use]
    pub fn kind(&self) -> PaymentErrorKind {
        self.kind
    }

    /// After how long to try again, if that helps.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after.or(match self.kind {
            PaymentErrorKind::Unavailable => Some(Duration::from_secs(5)),
            PaymentErrorKind::Declined
            | PaymentErrorKind::Refused
            | PaymentErrorKind::Unsupported => None,
        })
    }
}

impl fmt::Display for PaymentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for PaymentError {}
