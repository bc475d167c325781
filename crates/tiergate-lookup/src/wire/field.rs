//! How single fields are read: each says its own name when it is not what it should be.

use serde::de::{Deserialize, Deserializer, Error};
use tiergate_core::time::Timestamp;

use super::error::names_a_field;

/// Readers of one field each. The parser's own complaint is dropped, because it quotes the input.
macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $key:literal, $expectation:literal;)*) => {$(
        pub(super) fn $name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
            <$type>::deserialize(deserializer)
                .map_err(|_| D::Error::custom(concat!("field `", $key, "` ", $expectation)))
        }
    )*};
}

fields! {
    success: bool = "success", "must be true or false";
    id: Option<Box<str>> = "id", "must be text or null";
    user_id: Option<Box<str>> = "userId", "must be text or null";
    organization_id: Option<Box<str>> = "organizationId", "must be text or null";
    tier: Box<str> = "tier", "must be text";
    status: Box<str> = "status", "must be text";
    period_start: Option<Timestamp> = "currentPeriodStart", "must be a time in RFC 3339 or null";
    period_end: Option<Timestamp> = "currentPeriodEnd", "must be a time in RFC 3339 or null";
    cancel_at_period_end: Option<bool> = "cancelAtPeriodEnd", "must be true, false or null";
    trial_end: Option<Timestamp> = "trialEnd", "must be a time in RFC 3339 or null";
    seats: Option<u32> = "seats", "must be a whole number from 0 to 4294967295 or null";
    version: Option<u64> = "version", "must be a whole number from 0 on or null";
    feature_key: Box<str> = "overrides.featureKey", "must be text";
    expires_at: Option<Timestamp> = "overrides.expiresAt", "must be a time in RFC 3339 or null";
}

/// Reads a list. What an item of it says of its own fields is kept.
pub(super) fn overrides<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Vec<T>>, D::Error> {
    Option::<Vec<T>>::deserialize(deserializer).map_err(|error| {
        if names_a_field(&error.to_string()) {
            error
        } else {
            D::Error::custom("field `overrides` must be a list of objects or null")
        }
    })
}
