use serde_json::{Map, Number, Value};

use crate::SubscriptionId;
use crate::record::{Amount, Time};

/// A usage record as it is sent. Exactly one of `subscriptionId`, `organizationId` and `userId` says
/// whose usage it is; beside one of the first two, `userId` says who used it.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = UsageSubmission)]
pub struct Submission {
    /// A key that the sender gives once, 1 to 255 bytes. For one subscription, a record with a known
    /// key is not counted again.
    #[schema(example = "job-4711")]
    pub idempotency_key: String,
    /// The subscription it counts for.
    pub subscription_id: Option<SubscriptionId>,
    /// The organization whose subscription it counts for.
    pub organization_id: Option<String>,
    /// The user who used it; alone, the one whose subscription it counts for.
    pub user_id: Option<String>,
    /// The key of a metric of the catalog.
    #[schema(example = "sms_messages")]
    pub metric: String,
    /// How much, a whole number of the metric's units. Below zero only for what is a level, such as
    /// storage: it went down by so much.
    #[schema(value_type = f64, example = 3)]
    pub quantity: Number,
    /// The unit, for the sender's own safety: another than the metric's is refused.
    pub unit: Option<String>,
    /// What it cost, in the currency of the catalog.
    pub cost: Option<Amount>,
    /// When it happened: at most 35 days ago. Without it, now.
    pub occurred_at: Option<Time>,
    /// Whatever else is to be kept with it, up to 4 KiB as JSON.
    #[serde(default)]
    #[schema(required = false)]
    pub metadata: Map<String, Value>,
}

impl Submission {
    /// The most records in one batch.
    pub const MOST: usize = 1_000;
}
