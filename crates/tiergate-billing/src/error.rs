//! What can keep the service from doing what it is asked.

use std::borrow::Cow;
use std::time::Duration;

use crate::database::{DatabaseError, FaultKind};
use crate::payment::PaymentError;

/// Why something was not done. Nothing was changed then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BillingError {
    /// What was sent is not what was asked for. Names every fault.
    #[error("{}", tell(.0))]
    Invalid(Vec<FieldFault>),
    /// Nobody has shown who is asking, or not in a way that holds.
    #[error("{0}")]
    Unauthorized(&'static str),
    /// Who is asking may see it, and may not do this.
    #[error("{0}")]
    Forbidden(Cow<'static, str>),
    /// There is none, or it is another's.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The owner has a paid subscription already.
    #[error("there is a paid subscription already; change it instead of making another")]
    SubscriptionExists,
    /// What is there does not allow it now.
    #[error("{0}")]
    InvalidState(Cow<'static, str>),
    /// It was changed since the caller saw it.
    #[error("it was changed since: it is at version {current} now")]
    VersionMismatch {
        /// The version that it has.
        current: i64,
    },
    /// The idempotency key came with another request before.
    #[error("this Idempotency-Key came with another request before; take a new one")]
    KeyReused,
    /// The same thing was being changed by others at the same time, again and again.
    #[error("others were changing it at the same time; try again")]
    Contention,
    /// The payment provider refused, or could not be reached.
    #[error(transparent)]
    Payment(#[from] PaymentError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<sqlx::Error> for BillingError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

impl BillingError {
    /// After how long the same may work, if waiting helps.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Database(error) if error.kind() == FaultKind::Unavailable => {
                Some(Duration::from_secs(2))
            }
            Self::Payment(error) => error.retry_after(),
            Self::Contention => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}

/// One fault of what was sent.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct FieldFault {
    /// Where it is: a JSON Pointer (RFC 6901) into the body, or the name of a parameter or header.
    #[schema(value_type = String, example = "/seats")]
    pub pointer: Cow<'static, str>,
    /// What is wrong with it, and what would do.
    pub detail: String,
}

impl FieldFault {
    /// A fault at `pointer`.
    pub fn new(pointer: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            detail: detail.into(),
        }
    }
}

fn tell(faults: &[FieldFault]) -> String {
    let told: Vec<_> = faults
        .iter()
        .map(|fault| format!("{}: {}", fault.pointer, fault.detail))
        .collect();
    told.join("; ")
}
