//! Events that payment providers told, as the inbox keeps them.

use super::Time;
use crate::InboxId;

/// How far the service is with an event.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum EventState {
    /// Stored, and nothing done yet.
    Received,
    /// Waiting for an event that has to come before.
    Waiting,
    /// Tried in vain; to be tried again.
    Failed,
    /// Done.
    Done,
    /// Of no concern to the service.
    Ignored,
    /// Given up: tried in vain too often.
    Dead,
}

impl EventState {
    /// Every state.
    pub const ALL: [Self; 6] = [
        Self::Received,
        Self::Waiting,
        Self::Failed,
        Self::Done,
        Self::Ignored,
        Self::Dead,
    ];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Waiting => "waiting",
            Self::Failed => "failed",
            Self::Done => "done",
            Self::Ignored => "ignored",
            Self::Dead => "dead",
        }
    }

    /// The state of that word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// An event that a payment provider told. What it holds is not shown: it is the customer's.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookEvent)]
pub struct WebhookEventRecord {
    /// Its id here.
    pub id: InboxId,
    /// Who told it.
    pub provider: String,
    /// What the provider calls it.
    pub event_id: String,
    /// What kind of event it is, in the provider's words.
    pub kind: String,
    /// What kind of object it is about.
    #[schema(required)]
    pub object_kind: Option<String>,
    /// What the provider calls the object.
    #[schema(required)]
    pub object_id: Option<String>,
    /// What the provider calls the subscription that it is about.
    #[schema(required)]
    pub subscription_ref: Option<String>,
    /// What the provider calls the customer that it is about.
    #[schema(required)]
    pub customer_ref: Option<String>,
    /// Whether it is about real money.
    pub livemode: bool,
    /// When the provider made it.
    pub created_at: Time,
    /// How far it is.
    pub state: EventState,
    /// How often it was tried.
    pub attempts: i64,
    /// When it is tried next; null if it is not.
    #[schema(required)]
    pub next_attempt_at: Option<Time>,
    /// What was wrong when it was tried last.
    #[schema(required)]
    pub fault: Option<String>,
    /// When it came.
    pub received_at: Time,
    /// When it was done with.
    #[schema(required)]
    pub finished_at: Option<Time>,
}
