//! What a preview shows.

use serde_json::Value;

use crate::payment::Effective;
use crate::record::{Amount, BillingCycle, InvoiceLine, Time};

/// What a change would do.
#[derive(Clone, Debug, PartialEq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChangePreview {
    /// What it is now.
    pub(crate) current: PlanView,
    /// What it would be.
    pub(crate) proposed: PlanView,
    /// Whether it would hold at once or from the end of the period.
    pub(crate) effective: Effective,
    /// When it would hold.
    pub(crate) effective_at: Time,
    /// Until when it would cost nothing, if it began with a trial.
    #[schema(required)]
    pub(crate) trial_end: Option<Time>,
    /// What would be invoiced at once; credits are below zero.
    pub(crate) lines: Vec<InvoiceLine>,
    /// What would be due at once; below zero for what would be credited.
    pub(crate) due_now: Amount,
    /// What each period would cost from then on.
    pub(crate) recurring: Amount,
    /// What there would be more of.
    pub(crate) features_gained: Vec<FeatureDifference>,
    /// What there would be less of.
    pub(crate) features_lost: Vec<FeatureDifference>,
    /// What is used beyond what there would be.
    pub(crate) limits_exceeded: Vec<ExceededLimit>,
}

/// A plan, and what it costs for each period.
#[derive(Clone, Debug, PartialEq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlanView {
    /// The key of the tier.
    pub(crate) tier: String,
    /// How often it is paid; null where nothing is.
    #[schema(required)]
    pub(crate) billing_cycle: Option<BillingCycle>,
    /// For how many seats; null where it is not sold by seats.
    #[schema(required)]
    pub(crate) seats: Option<u32>,
    /// What a period costs, before discounts.
    pub(crate) price: Amount,
}

/// A feature of which there would be more or less.
#[derive(Clone, Debug, PartialEq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FeatureDifference {
    /// The key of the feature.
    pub(crate) feature_key: String,
    /// Its name.
    pub(crate) feature_name: String,
    /// What there is: true, false, a whole number, "unlimited", or the word of a level.
    pub(crate) from: Value,
    /// What there would be.
    pub(crate) to: Value,
}

/// A limit that would be exceeded from the start.
#[derive(Clone, Debug, PartialEq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExceededLimit {
    /// The key of the feature.
    pub(crate) feature_key: String,
    /// The key of the metric.
    pub(crate) metric: String,
    /// How much is used.
    pub(crate) used: i64,
    /// How much there would be.
    pub(crate) limit: u64,
}
