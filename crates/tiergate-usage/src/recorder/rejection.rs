//! A record that will never be delivered, as a line of `rejected.jsonl`.

use serde_json::{Map, Value, json};
use tiergate_core::SubjectKind;
use tiergate_core::time::Timestamp;

use super::Record;

/// The most that is kept of a reason, in characters.
const LONGEST_REASON: usize = 1_000;

/// The line, with its end. The record has the fields of the billing service, so that it can be put right
/// and sent by hand.
pub(super) fn line(record: &Record, reason: &str, now: Timestamp) -> Vec<u8> {
    let reason: String = reason.chars().take(LONGEST_REASON).collect();
    let (subject, user) = match record.subject().kind() {
        SubjectKind::Organization => (Some(record.subject().id()), record.user()),
        SubjectKind::User => (None, Some(record.subject().id())),
    };
    let metadata = record.metadata().map(|json| {
        // It was JSON when it was recorded.
        serde_json::from_str(json).unwrap_or(Value::Object(Map::new()))
    });
    let mut line = json!({
        "rejectedAt": now,
        "reason": reason,
        "record": {
            "idempotencyKey": record.id().to_string(),
            "organizationId": subject,
            "userId": user,
            "metric": record.metric(),
            "quantity": record.quantity(),
            "occurredAt": record.occurred_at(),
            "metadata": metadata,
        },
    })
    .to_string();
    line.push('\n');
    line.into_bytes()
}
