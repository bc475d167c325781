//! Usage.

use serde_json::{Map, Value};

use super::{Amount, Time};
use crate::{SubscriptionId, UsageId};

/// What was used, once.
#[derive(Clone, Debug, PartialEq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageRecord {
    /// Its id.
    pub id: UsageId,
    /// The key under which it was told; once for a subscription.
    pub idempotency_key: String,
    /// The subscription it counts for.
    pub subscription_id: SubscriptionId,
    /// The user who used it, where that is known.
    #[schema(required)]
    pub user_id: Option<String>,
    /// The key of the metric.
    pub metric: String,
    /// How much, in whole units of the metric. Below zero only where a level went down.
    pub quantity: i64,
    /// The unit; null for a plain count.
    #[schema(required)]
    pub unit: Option<String>,
    /// What it cost.
    #[schema(required)]
    pub cost: Option<Amount>,
    /// Where the period starts in which it counts.
    pub period_start: Time,
    /// Where that period ends.
    pub period_end: Time,
    /// The calendar month in which it is billed, like 2026-01.
    pub billing_month: String,
    /// Whatever else is kept with it.
    pub metadata: Map<String, Value>,
    /// When it happened.
    pub occurred_at: Time,
    /// When it was recorded.
    pub recorded_at: Time,
}
