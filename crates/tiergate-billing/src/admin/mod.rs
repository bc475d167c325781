//! What only the operator's people do: look for records of anybody, and have webhooks tried again.
//!
//! Who asks is checked before, for all of it at once, where requests come in.

mod search;
mod webhooks;

pub(crate) use search::{audit_log, subscriptions, webhook_events};
pub(crate) use webhooks::retry_webhook;
