//! What is sent with the actions of the operator's people.

use serde_json::{Map, Value};
use tiergate_core::Subject;
use utoipa::ToSchema;

use crate::FieldFault;
use crate::api::fields::{Fields, FromBody, boolean, positive, text};
use crate::invoices::Mark;
use crate::record::{Amount, Time};
use crate::subscriptions::Grant;

/// The longest reason, in bytes.
const REASON_BYTES: usize = 1000;
/// What is expected of a reason.
const REASON: &str = "text of 1 to 1000 bytes that is not blank";
/// The longest key of a tier, in bytes.
const TIER_BYTES: usize = 64;
/// What is expected of a time.
const TIME: &str = "a time like 2026-01-31T12:00:00Z";

/// Why something is done, in the words of who does it.
fn reason(fields: &mut Fields) -> Option<String> {
    fields.required("reason", REASON, |value| {
        text(REASON_BYTES)(value).filter(|reason| !reason.trim().is_empty())
    })
}

fn moment(value: Value) -> Option<Time> {
    serde_json::from_value(value).ok()
}

/// An end of a subscription.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = AdminCancel)]
pub(super) struct Cancel {
    /// Whether it ends now; else, and if nothing is said, with its current period.
    pub(super) immediately: Option<bool>,
    /// Why, for the audit log.
    #[schema(min_length = 1, max_length = 1000)]
    pub(super) reason: String,
}

impl FromBody for Cancel {
    fn read(fields: &mut Fields) -> Option<Self> {
        let immediately = fields.optional("immediately", "true or false", boolean);
        let reason = reason(fields);
        Some(Self {
            immediately,
            reason: reason?,
        })
    }
}

/// Another end of a trial.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ExtendTrial {
    /// When the trial ends from now on; in the future.
    pub(super) until: Time,
    /// Why, for the audit log.
    #[schema(min_length = 1, max_length = 1000)]
    pub(super) reason: String,
}

impl FromBody for ExtendTrial {
    fn read(fields: &mut Fields) -> Option<Self> {
        let until = fields.required("until", TIME, moment);
        let reason = reason(fields);
        Some(Self {
            until: until?,
            reason: reason?,
        })
    }
}

/// A tier that is given without payment.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GrantTier {
    /// The key of the tier, any of the catalog.
    #[schema(min_length = 1, max_length = 64)]
    pub(super) tier: String,
    /// For how many seats, where that matters.
    #[schema(minimum = 1)]
    pub(super) seats: Option<u32>,
    /// Until when, in the future; if nothing is said, for as long as nobody takes it.
    pub(super) until: Option<Time>,
    /// Why, for the audit log.
    #[schema(min_length = 1, max_length = 1000)]
    pub(super) reason: String,
}

impl FromBody for GrantTier {
    fn read(fields: &mut Fields) -> Option<Self> {
        let tier = fields.required("tier", "the key of a tier", text(TIER_BYTES));
        fields.check_tier("tier", tier.as_ref());
        let seats = fields.optional("seats", "a whole number from 1 on", positive);
        let until = fields.optional("until", TIME, moment);
        let reason = reason(fields);
        Some(Self {
            tier: tier?,
            seats,
            until,
            reason: reason?,
        })
    }
}

impl From<GrantTier> for Grant {
    fn from(body: GrantTier) -> Self {
        Self {
            tier: body.tier,
            seats: body.seats,
            until: body.until,
            reason: body.reason,
        }
    }
}

/// A tier that is given without payment, and to whom: a user or an organization, with or without a
/// subscription.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "it says in the OpenAPI document what is read as an `OwnerGrant`"
)]
pub(super) struct GrantToOwner {
    /// The user; nothing if it is an organization.
    #[schema(min_length = 1, max_length = 256)]
    pub(super) user_id: Option<String>,
    /// The organization; nothing if it is a user.
    #[schema(min_length = 1, max_length = 256)]
    pub(super) organization_id: Option<String>,
    /// The key of the tier, any of the catalog.
    #[schema(min_length = 1, max_length = 64)]
    pub(super) tier: String,
    /// For how many seats, where that matters.
    #[schema(minimum = 1)]
    pub(super) seats: Option<u32>,
    /// Until when, in the future; if nothing is said, for as long as nobody takes it.
    pub(super) until: Option<Time>,
    /// Why, for the audit log.
    #[schema(min_length = 1, max_length = 1000)]
    pub(super) reason: String,
}

/// The body of [`GrantToOwner`], with the one owner that it names.
#[derive(Debug)]
pub(super) struct OwnerGrant {
    pub(super) owner: Subject,
    pub(super) grant: GrantTier,
}

impl FromBody for OwnerGrant {
    fn read(fields: &mut Fields) -> Option<Self> {
        let expectation = "text of 1 to 256 bytes";
        let user = fields.optional("userId", expectation, text(Subject::MAX_ID_BYTES));
        let organization =
            fields.optional("organizationId", expectation, text(Subject::MAX_ID_BYTES));
        let grant = GrantTier::read(fields);
        let owner = match (user, organization) {
            (Some(user), None) => Some(Subject::user(user)),
            (None, Some(organization)) => Some(Subject::organization(organization)),
            (None, None) => {
                fields.fault("userId", "say either `userId` or `organizationId`");
                None
            }
            (Some(_), Some(_)) => {
                let detail = "say either `userId` or `organizationId`, not both";
                fields.fault("organizationId", detail);
                None
            }
        };
        Some(Self {
            owner: owner?,
            grant: grant?,
        })
    }
}

/// A correction of a subscription. What is not said stays.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Adjust {
    /// The status: active, past_due, suspended, unpaid, paused or canceled.
    #[schema(min_length = 1, max_length = 64)]
    pub(super) status: Option<String>,
    /// The discount, in hundredths of a percent: 5000 is half.
    #[schema(minimum = 0, maximum = 10000)]
    pub(super) discount_basis_points: Option<u32>,
    /// The seats.
    #[schema(minimum = 1)]
    pub(super) seats: Option<u32>,
    /// The metadata, as a whole.
    pub(super) metadata: Option<Map<String, Value>>,
    /// Where the current period ends; those after it are counted from there.
    pub(super) current_period_end: Option<Time>,
    /// Why, for the audit log.
    #[schema(min_length = 1, max_length = 1000)]
    pub(super) reason: String,
}

impl FromBody for Adjust {
    fn read(fields: &mut Fields) -> Option<Self> {
        let status = fields.optional("status", "the word of a status", text(64));
        let discount_basis_points = fields.optional(
            "discountBasisPoints",
            "a whole number from 0 to 10000",
            |value| {
                let points = u32::try_from(value.as_u64()?).ok()?;
                (points <= 10_000).then_some(points)
            },
        );
        let seats = fields.optional("seats", "a whole number from 1 on", positive);
        let metadata = fields.optional("metadata", "an object", |value| match value {
            Value::Object(metadata) => Some(metadata),
            _ => None,
        });
        let current_period_end = fields.optional("currentPeriodEnd", TIME, moment);
        // What was said and cannot be read was said.
        let says_nothing = !fields.has_faults()
            && status.is_none()
            && discount_basis_points.is_none()
            && seats.is_none()
            && metadata.is_none()
            && current_period_end.is_none();
        if says_nothing {
            let detail = "say what to correct: `status`, `discountBasisPoints`, `seats`, \
                          `metadata` or `currentPeriodEnd`";
            fields.adopt(vec![FieldFault::new("", detail)]);
        }
        let reason = reason(fields);
        Some(Self {
            status,
            discount_basis_points,
            seats,
            metadata,
            current_period_end,
            reason: reason?,
        })
    }
}

/// What became of an invoice that no payment provider keeps.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct MarkInvoice {
    /// What became of it.
    pub(super) status: Mark,
    /// Why, for the audit log.
    #[schema(min_length = 1, max_length = 1000)]
    pub(super) reason: String,
}

impl FromBody for MarkInvoice {
    fn read(fields: &mut Fields) -> Option<Self> {
        let status = fields.required("status", "paid, uncollectible or void", |value| {
            value.as_str().and_then(Mark::from_word)
        });
        let reason = reason(fields);
        Some(Self {
            status: status?,
            reason: reason?,
        })
    }
}

/// Another try of an event.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RetryWebhook {
    /// Why, for the audit log.
    #[schema(min_length = 1, max_length = 1000)]
    pub(super) reason: Option<String>,
}

impl FromBody for RetryWebhook {
    fn read(fields: &mut Fields) -> Option<Self> {
        let reason = fields.optional("reason", REASON, text(REASON_BYTES));
        Some(Self { reason })
    }
}

/// Money to be paid back.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = AdminRefund)]
pub(super) struct Refund {
    /// How much, in the invoice's currency; all that is left if nothing is said.
    pub(super) amount: Option<Amount>,
    /// Why, for the audit log.
    #[schema(min_length = 1, max_length = 1000)]
    pub(super) reason: String,
}

impl FromBody for Refund {
    fn read(fields: &mut Fields) -> Option<Self> {
        let expectation = "an amount above zero like {\"amount\": 1200, \"currency\": \"USD\"}";
        let amount = fields.optional("amount", expectation, |value| {
            let amount: Option<Amount> = serde_json::from_value(value).ok();
            amount.filter(|amount| amount.amount > 0)
        });
        let reason = reason(fields);
        Some(Self {
            amount,
            reason: reason?,
        })
    }
}
