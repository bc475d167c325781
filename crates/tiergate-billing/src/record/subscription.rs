//! Subscriptions.

use serde_json::{Map, Value};
use tiergate_core::subscription::{Override, OverrideValue, Renewal};
use tiergate_core::{Limit, Subject, Subscription, SubscriptionStatus};

use super::Time;
use crate::SubscriptionId;

/// How often a subscription is paid.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum BillingCycle {
    /// Every month.
    Monthly,
    /// Every year.
    Annual,
}

impl BillingCycle {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Monthly => "monthly",
            Self::Annual => "annual",
        }
    }

    /// The cycle of that word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "monthly" => Some(Self::Monthly),
            "annual" => Some(Self::Annual),
            _ => None,
        }
    }
}

/// Who takes the money of a subscription.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Nobody, or the operator by other means.
    Manual,
    /// Stripe.
    Stripe,
}

impl Provider {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Stripe => "stripe",
        }
    }
}

/// A subscription.
#[derive(Clone, Debug, PartialEq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Subscription)]
pub struct SubscriptionRecord {
    /// Its id; null for the free tier of an owner who has no subscription.
    #[schema(required)]
    pub id: Option<SubscriptionId>,
    /// The user it belongs to; null if it is an organization's.
    #[schema(required)]
    pub user_id: Option<String>,
    /// The organization it belongs to; null if it is a user's.
    #[schema(required)]
    pub organization_id: Option<String>,
    /// The key of its tier.
    pub tier: String,
    /// Its status: active, trialing, past_due, canceled, suspended, incomplete, incomplete_expired,
    /// unpaid or paused; a word that is none of these is the provider's.
    pub status: String,
    /// How often it is paid; null where nothing is.
    #[schema(required)]
    pub billing_cycle: Option<BillingCycle>,
    /// Who takes the money.
    pub provider: Provider,
    /// Stripe's id of the customer.
    #[schema(required)]
    pub stripe_customer_id: Option<String>,
    /// Stripe's id of the subscription.
    #[schema(required)]
    pub stripe_subscription_id: Option<String>,
    /// Where the current period starts.
    #[schema(required)]
    pub current_period_start: Option<Time>,
    /// Where the current period ends, and the next one starts.
    #[schema(required)]
    pub current_period_end: Option<Time>,
    /// Where the first of its periods started: they start on that day of the month, or on the last of a
    /// month that is too short. Null where nothing is paid, or the provider counts the periods.
    #[schema(required)]
    pub billing_anchor: Option<Time>,
    /// Whether it ends with the current period.
    pub cancel_at_period_end: bool,
    /// When it was canceled, even if it has not ended yet.
    #[schema(required)]
    pub canceled_at: Option<Time>,
    /// When its trial started.
    #[schema(required)]
    pub trial_start: Option<Time>,
    /// When its trial ends or ended.
    #[schema(required)]
    pub trial_end: Option<Time>,
    /// For how many seats it is paid; null where the tier is not sold by seats.
    #[schema(required)]
    pub seats: Option<u32>,
    /// The discount, in hundredths of a percent: 5000 is half.
    pub discount_basis_points: u32,
    /// What its next renewal changes.
    #[schema(required)]
    pub pending: Option<PendingChange>,
    /// Whatever else is kept with it.
    pub metadata: Map<String, Value>,
    /// What it has other than its tier.
    pub overrides: Vec<OverrideRecord>,
    /// Its revision: 0 for what is not stored, else from 1 on.
    #[schema(minimum = 0)]
    pub version: i64,
    /// When it was made.
    pub created_at: Time,
    /// When it was changed last.
    pub updated_at: Time,
}

/// What the next renewal of a subscription changes. What is null stays.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "camelCase")]
pub struct PendingChange {
    /// The tier from then on.
    #[schema(required)]
    pub tier: Option<String>,
    /// The cycle from then on.
    #[schema(required)]
    pub billing_cycle: Option<BillingCycle>,
    /// The seats from then on.
    #[schema(required)]
    pub seats: Option<u32>,
}

impl PendingChange {
    /// Itself, or nothing if it changes nothing.
    #[must_use]
    pub fn some(self) -> Option<Self> {
        (self != Self::default()).then_some(self)
    }
}

/// A value that one subscription has in place of its tier's.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Override)]
pub struct OverrideRecord {
    /// The key of the feature.
    pub feature_key: String,
    /// The value: true, false, a whole number, "unlimited", or the word of a level.
    pub value: Value,
    /// When it stops to hold; null for never.
    #[schema(required)]
    pub expires_at: Option<Time>,
    /// Why it was given.
    pub reason: String,
    /// Who gave it.
    pub created_by: String,
    /// When it was given.
    pub created_at: Time,
}

impl OverrideRecord {
    fn view(&self) -> Option<Override> {
        let value = match &self.value {
            Value::Bool(on) => OverrideValue::Boolean(*on),
            Value::Number(units) => OverrideValue::Limit(Limit::AtMost(units.as_u64()?)),
            Value::String(word) if word == "unlimited" => OverrideValue::Limit(Limit::Unlimited),
            Value::String(word) => OverrideValue::Level(word.as_str().into()),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        Some(Override {
            feature: self.feature_key.as_str().into(),
            value,
            expires_at: self.expires_at.map(|time| time.0),
        })
    }
}

/// Whether a subscription of that status lives: whether its owner can have no other beside it.
#[must_use]
pub fn is_live(status: &str) -> bool {
    !matches!(status, "canceled" | "incomplete_expired")
}

impl SubscriptionRecord {
    /// What an owner has who has no subscription: the default tier, active, without an id.
    #[must_use]
    pub fn none(owner: &Subject, default_tier: &str, now: Time) -> Self {
        Self {
            id: None,
            user_id: user_id(owner),
            organization_id: organization_id(owner),
            tier: default_tier.to_owned(),
            status: SubscriptionStatus::Active.as_str().to_owned(),
            billing_cycle: None,
            provider: Provider::Manual,
            stripe_customer_id: None,
            stripe_subscription_id: None,
            current_period_start: None,
            current_period_end: None,
            billing_anchor: None,
            cancel_at_period_end: false,
            canceled_at: None,
            trial_start: None,
            trial_end: None,
            seats: None,
            discount_basis_points: 0,
            pending: None,
            metadata: Map::new(),
            overrides: Vec::new(),
            version: 0,
            created_at: now,
            updated_at: now,
        }
    }

    /// Who it belongs to.
    #[must_use]
    pub fn owner(&self) -> Subject {
        match (&self.organization_id, &self.user_id) {
            (Some(organization), _) => Subject::organization(organization.as_str()),
            (None, user) => Subject::user(user.as_deref().unwrap_or_default()),
        }
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> SubscriptionStatus {
        self.status.as_str().into()
    }

    /// Whether its owner can have no other beside it.
    #[must_use]
    pub fn is_live(&self) -> bool {
        is_live(&self.status)
    }

    /// What decisions need of it.
    #[must_use]
    pub fn view(&self) -> Subscription {
        let mut view = Subscription::new(self.owner(), self.tier.as_str(), self.status());
        view.id = self.id.map(|id| id.to_string().into());
        view.period_start = self.current_period_start.map(|time| time.0);
        view.period_end = self.current_period_end.map(|time| time.0);
        view.renewal = if self.cancel_at_period_end {
            Renewal::EndsWithPeriod
        } else {
            Renewal::Renews
        };
        view.trial_end = self.trial_end.map(|time| time.0);
        view.seats = self.seats;
        view.overrides = self
            .overrides
            .iter()
            .filter_map(OverrideRecord::view)
            .collect();
        // What is not stored has no version: any record is newer.
        view.version = u64::try_from(self.version)
            .ok()
            .filter(|version| *version > 0);
        view
    }
}

/// The id of a subject, if it is a user.
pub(crate) fn user_id(subject: &Subject) -> Option<String> {
    (subject.kind() == tiergate_core::SubjectKind::User).then(|| subject.id().to_owned())
}

/// The id of a subject, if it is an organization.
pub(crate) fn organization_id(subject: &Subject) -> Option<String> {
    (subject.kind() == tiergate_core::SubjectKind::Organization).then(|| subject.id().to_owned())
}
