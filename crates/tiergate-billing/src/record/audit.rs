//! The audit log.

use serde_json::Value;

use super::Time;
use crate::AuditId;

/// An entry of the audit log: who did what to what, when, and why.
#[derive(Clone, Debug, PartialEq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditEntry)]
pub struct AuditRecord {
    /// Its id.
    pub id: AuditId,
    /// When it was done.
    pub at: Time,
    /// What kind of actor did it: user, service, admin, system or provider.
    pub actor_kind: String,
    /// Which one.
    pub actor_id: String,
    /// What was done, like `subscription.changed`.
    pub action: String,
    /// What kind of thing it was done to, like `subscription`.
    pub object_kind: String,
    /// Which one.
    pub object_id: String,
    /// What it was; null where it was not there.
    #[schema(required, value_type = Option<Object>)]
    pub before: Option<Value>,
    /// What it became; null where it is no more.
    #[schema(required, value_type = Option<Object>)]
    pub after: Option<Value>,
    /// Why, in the words of who did it.
    #[schema(required)]
    pub reason: Option<String>,
    /// The id of the request that it came with.
    #[schema(required)]
    pub request_id: Option<String>,
}
