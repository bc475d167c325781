//! What is sent to change subscriptions.

use serde_json::Value;
use tiergate_core::Subject;
use tiergate_core::time::Timestamp;

use crate::api::fields::{Fields, FromBody, boolean, positive, text};
use crate::payment::Effective;
use crate::record::{BillingCycle, Time};
use crate::subscriptions::{NewOverride, NewSubscription, PlanChange};

/// The longest key of a tier, in characters.
const MOST_KEY: usize = 64;
/// The longest reason, in characters.
pub(super) const MOST_REASON: usize = 500;
/// The longest name of a means of payment, in characters.
const MOST_REFERENCE: usize = 255;

const CYCLE: &str = "\"monthly\" or \"annual\"";
const EFFECTIVE: &str = "\"now\" or \"period_end\"";
const SEATS: &str = "a whole number from 1 on";
const TIER: &str = "the key of a tier, of 1 to 64 characters";
const REASON: &str = "text of 1 to 500 characters";

/// What to subscribe to.
#[derive(Debug, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewSubscription)]
pub(super) struct NewSubscriptionBody {
    /// The key of the tier.
    #[schema(example = "pro")]
    tier: String,
    /// How often to pay.
    billing_cycle: BillingCycle,
    /// The organization it is for; it is for the caller if there is none.
    organization_id: Option<String>,
    /// For how many seats; as few as the tier is sold for if this is left out.
    #[schema(minimum = 1)]
    seats: Option<u32>,
    /// What the payment service calls the means of payment.
    payment_method_id: Option<String>,
}

impl FromBody for NewSubscriptionBody {
    fn read(fields: &mut Fields) -> Option<Self> {
        let tier = fields.required("tier", TIER, text(MOST_KEY));
        fields.check_tier("tier", tier.as_ref());
        let billing_cycle = fields.required("billingCycle", CYCLE, cycle);
        let organization_id = fields.optional(
            "organizationId",
            "the id of an organization",
            |value| match value {
                Value::String(id) => Subject::organization(id.as_str()).is_valid().then_some(id),
                _ => None,
            },
        );
        let seats = fields.optional("seats", SEATS, positive);
        let payment_method_id = fields.optional(
            "paymentMethodId",
            "the payment service's id of a means of payment",
            text(MOST_REFERENCE),
        );
        Some(Self {
            tier: tier?,
            billing_cycle: billing_cycle?,
            organization_id,
            seats,
            payment_method_id,
        })
    }
}

impl From<NewSubscriptionBody> for NewSubscription {
    fn from(body: NewSubscriptionBody) -> Self {
        Self {
            tier: body.tier,
            billing_cycle: body.billing_cycle,
            organization_id: body.organization_id,
            seats: body.seats,
            payment_method_id: body.payment_method_id,
        }
    }
}

/// What to change. What is left out stays.
#[derive(Debug, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = PlanChange)]
pub(super) struct PlanChangeBody {
    /// The key of the tier.
    #[schema(example = "max")]
    tier: Option<String>,
    /// How often to pay.
    billing_cycle: Option<BillingCycle>,
    /// For how many seats.
    #[schema(minimum = 1)]
    seats: Option<u32>,
    /// From when on. If this is left out, more holds at once and less from the end of the period.
    effective: Option<Effective>,
}

impl FromBody for PlanChangeBody {
    fn read(fields: &mut Fields) -> Option<Self> {
        let tier = fields.optional("tier", TIER, text(MOST_KEY));
        fields.check_tier("tier", tier.as_ref());
        Some(Self {
            tier,
            billing_cycle: fields.optional("billingCycle", CYCLE, cycle),
            seats: fields.optional("seats", SEATS, positive),
            effective: fields.optional("effective", EFFECTIVE, |value| {
                value.as_str().and_then(effective_of)
            }),
        })
    }
}

impl From<PlanChangeBody> for PlanChange {
    fn from(body: PlanChangeBody) -> Self {
        Self {
            tier: body.tier,
            billing_cycle: body.billing_cycle,
            seats: body.seats,
            effective: body.effective,
        }
    }
}

/// When to end.
#[derive(Debug, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = Cancellation)]
pub(super) struct CancellationBody {
    /// True to end at once; else it ends with the current period.
    #[schema(default = false)]
    immediately: Option<bool>,
    /// Why.
    #[schema(max_length = 500)]
    pub(super) reason: Option<String>,
}

impl FromBody for CancellationBody {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self {
            immediately: fields.optional("immediately", "true or false", boolean),
            reason: fields.optional("reason", REASON, text(MOST_REASON)),
        })
    }
}

impl CancellationBody {
    /// When it is to end.
    pub(super) fn effective(&self) -> Effective {
        if self.immediately == Some(true) {
            Effective::Now
        } else {
            Effective::PeriodEnd
        }
    }
}

/// A value of its own for a feature.
#[derive(Debug, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewOverride)]
pub(super) struct OverrideBody {
    /// True or false for a feature that is on or off; a whole number from 0 on or "unlimited" for a
    /// limit; the word of a level.
    value: Value,
    /// When it stops to hold; never if this is left out.
    expires_at: Option<Time>,
    /// Why it is given.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

impl FromBody for OverrideBody {
    fn read(fields: &mut Fields) -> Option<Self> {
        let value = fields.required(
            "value",
            "true, false, a whole number, \"unlimited\" or the word of a level",
            |value| match value {
                Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(value),
                Value::Null | Value::Array(_) | Value::Object(_) => None,
            },
        );
        let expires_at = fields.optional(
            "expiresAt",
            "a time in RFC 3339, like 2026-01-31T12:00:00Z",
            |value| value.as_str()?.parse::<Timestamp>().ok().map(Time),
        );
        let reason = fields.required("reason", REASON, text(MOST_REASON));
        Some(Self {
            value: value?,
            expires_at,
            reason: reason?,
        })
    }
}

impl From<OverrideBody> for NewOverride {
    fn from(body: OverrideBody) -> Self {
        Self {
            value: body.value,
            expires_at: body.expires_at,
            reason: body.reason,
        }
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "readers of fields take the value, and most of them keep a part of it"
)]
fn cycle(value: Value) -> Option<BillingCycle> {
    BillingCycle::from_word(value.as_str()?)
}

/// From when on, by its word.
pub(super) fn effective_of(word: &str) -> Option<Effective> {
    match word {
        "now" => Some(Effective::Now),
        "period_end" => Some(Effective::PeriodEnd),
        _ => None,
    }
}
