//! The subscription object as it goes over the wire, in JSON.
//!
//! ```json
//! {
//!   "id": "sub_1", "userId": "ada", "organizationId": null,
//!   "tier": "pro", "status": "active", "billingCycle": "monthly",
//!   "currentPeriodStart": "2026-01-01T00:00:00Z", "currentPeriodEnd": "2026-02-01T00:00:00Z",
//!   "cancelAtPeriodEnd": false, "canceledAt": null, "trialStart": null, "trialEnd": null,
//!   "seats": null, "metadata": {}, "version": 7,
//!   "overrides": [
//!     {"featureKey": "sms_messages", "value": 500, "expiresAt": "2026-03-01T00:00:00Z"}
//!   ],
//!   "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z"
//! }
//! ```
//!
//! Exactly one of `userId` and `organizationId`, `tier` and `status` must be there; the rest may be
//! absent or null. Fields of other names are ignored, so that a service may add some. The value of
//! an override is `true` or `false`, a whole number from zero on, `"unlimited"`, or the word of a
//! level. Times are RFC 3339.
//!
//! The billing service wraps the object in an envelope, `{"success": true, "data": {…}}`.
//!
//! ```
//! use tiergate_core::{Subject, Subscription, SubscriptionStatus};
//! use tiergate_lookup::wire;
//!
//! let subscription = Subscription::new(Subject::user("ada"), "pro", SubscriptionStatus::Active);
//! let json = wire::to_json(&subscription);
//! assert_eq!(json["userId"], "ada");
//! assert_eq!(wire::from_json(json.to_string().as_bytes())?, subscription);
//! # Ok::<(), tiergate_lookup::wire::WireError>(())
//! ```

mod error;
mod field;
mod record;

use serde::Deserialize;
use serde_json::{Value, json};
use tiergate_core::Subscription;

pub use error::WireError;
use record::Record;

/// Reads one subscription object.
///
/// # Errors
///
/// When the bytes are not JSON, or not a subscription. The error names the field, and repeats
/// nothing of what was read.
pub fn from_json(json: &[u8]) -> Result<Subscription, WireError> {
    serde_json::from_slice::<Record>(json)?.try_into()
}

/// Writes one subscription object.
#[must_use]
pub fn to_json(subscription: &Subscription) -> Value {
    Record::from(subscription).to_value()
}

/// Writes one subscription object in the envelope that the billing service answers with.
#[must_use]
pub fn to_envelope(subscription: &Subscription) -> Value {
    json!({ "success": true, "data": to_json(subscription) })
}

/// Reads the envelope that the billing service answers with. Its data may be null: then there is
/// no subscription.
///
/// # Errors
///
/// When the bytes are not JSON, not an envelope, not a success, or the data is not a subscription.
pub fn from_envelope(json: &[u8]) -> Result<Option<Subscription>, WireError> {
    let envelope: Envelope = serde_json::from_slice(json)?;
    if !envelope.success {
        return Err(WireError::new("field `success` is false"));
    }
    envelope.data.map(TryInto::try_into).transpose()
}

pub(crate) fn from_value(value: Value) -> Result<Subscription, WireError> {
    serde_json::from_value::<Record>(value)?.try_into()
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(deserialize_with = "field::success")]
    success: bool,
    // Absent data is a fault; null says that there is no subscription.
    #[serde(deserialize_with = "Option::deserialize")]
    data: Option<Record>,
}

#[cfg(test)]
mod tests;
