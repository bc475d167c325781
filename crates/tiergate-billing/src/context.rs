//! Who does something, when, and on whose request: what the audit log says of every change.

use tiergate_core::time::Timestamp;

use crate::change::IdempotencyKey;

/// What kind of actor it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActorKind {
    /// A user, for themselves or for an organization.
    User,
    /// One of the operator's services.
    Service,
    /// A person of the operator's.
    Admin,
    /// The billing service itself, when something is due.
    System,
    /// The payment provider, by a webhook.
    Provider,
}

impl ActorKind {
    /// The word for it in the audit log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Service => "service",
            Self::Admin => "admin",
            Self::System => "system",
            Self::Provider => "provider",
        }
    }
}

/// Who does something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// What kind of actor it is.
    pub kind: ActorKind,
    /// Which one: a user's id, or the name of a job or a provider.
    pub id: String,
}

/// The circumstances of a change.
#[derive(Clone, Debug)]
pub struct Context {
    /// Who makes it.
    pub actor: Actor,
    /// When.
    pub now: Timestamp,
    /// The id of the request it comes from.
    pub request_id: Option<String>,
    /// The version that the caller has seen, if the change is only for that one.
    pub expected_version: Option<ExpectedVersion>,
    /// Under which key the answer is kept.
    pub idempotency: Option<IdempotencyKey>,
}

/// What `If-Match` asks for (RFC 9110, section 13.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpectedVersion {
    /// Any, as long as there is one: `*`.
    Any,
    /// One of these.
    OneOf(Vec<i64>),
}

impl ExpectedVersion {
    /// Whether a record of that version will do.
    #[must_use]
    pub fn admits(&self, version: i64) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(versions) => versions.contains(&version),
        }
    }
}

impl Context {
    /// The circumstances of something the service does by itself.
    #[must_use]
    pub fn system(job: &str, now: Timestamp) -> Self {
        Self::own(ActorKind::System, job, now)
    }

    /// The circumstances of something a payment provider tells.
    #[must_use]
    pub fn provider(name: &str, now: Timestamp) -> Self {
        Self::own(ActorKind::Provider, name, now)
    }

    fn own(kind: ActorKind, id: &str, now: Timestamp) -> Self {
        Self {
            actor: Actor {
                kind,
                id: id.to_owned(),
            },
            now,
            request_id: None,
            expected_version: None,
            idempotency: None,
        }
    }

    /// Refuses a record that is not of the version the caller expects.
    pub(crate) fn check_version(&self, current: i64) -> Result<(), crate::BillingError> {
        match &self.expected_version {
            Some(expected) if !expected.admits(current) => {
                Err(crate::BillingError::VersionMismatch { current })
            }
            _ => Ok(()),
        }
    }
}
