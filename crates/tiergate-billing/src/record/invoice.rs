//! Invoices.

use serde_json::{Map, Value};

use super::{Amount, Time};
use crate::{InvoiceId, SubscriptionId};

/// The state of an invoice, in Stripe's words.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum InvoiceStatus {
    /// Still changing.
    Draft,
    /// To be paid.
    Open,
    /// Paid.
    Paid,
    /// Given up.
    Uncollectible,
    /// Taken back.
    Void,
}

impl InvoiceStatus {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Open => "open",
            Self::Paid => "paid",
            Self::Uncollectible => "uncollectible",
            Self::Void => "void",
        }
    }

    /// The status of that word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [
            Self::Draft,
            Self::Open,
            Self::Paid,
            Self::Uncollectible,
            Self::Void,
        ]
        .into_iter()
        .find(|status| status.as_str() == word)
    }
}

/// An invoice.
#[derive(Clone, Debug, PartialEq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Invoice)]
pub struct InvoiceRecord {
    /// Its id.
    pub id: InvoiceId,
    /// The subscription it is for.
    pub subscription_id: SubscriptionId,
    /// Its number, like INV-2026-01-000001: counted by calendar month, without a gap.
    pub number: String,
    /// Stripe's id of it.
    #[schema(required)]
    pub stripe_invoice_id: Option<String>,
    /// The tier that was sold.
    pub tier: String,
    /// Its state.
    pub status: InvoiceStatus,
    /// The sum of its lines.
    pub subtotal: Amount,
    /// What is taken off.
    pub discount: Amount,
    /// What is put on.
    pub tax: Amount,
    /// What is to be paid: subtotal less discount plus tax.
    pub total: Amount,
    /// What was paid back.
    pub refunded: Amount,
    /// Where the period starts that it is for.
    #[schema(required)]
    pub period_start: Option<Time>,
    /// Where that period ends.
    #[schema(required)]
    pub period_end: Option<Time>,
    /// Until when it is to be paid.
    #[schema(required)]
    pub due_at: Option<Time>,
    /// When it was paid.
    #[schema(required)]
    pub paid_at: Option<Time>,
    /// When payment was tried last.
    #[schema(required)]
    pub attempted_at: Option<Time>,
    /// When payment is tried next.
    #[schema(required)]
    pub next_attempt_at: Option<Time>,
    /// How often payment was tried and failed.
    pub attempts: i64,
    /// Its lines.
    pub lines: Vec<InvoiceLine>,
    /// Whatever else is kept with it.
    pub metadata: Map<String, Value>,
    /// Its revision, from 1 on.
    pub version: i64,
    /// When it was made.
    pub created_at: Time,
    /// When it was changed last.
    pub updated_at: Time,
}

/// A line of an invoice.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvoiceLine {
    /// What it is for.
    pub description: String,
    /// How many: seats, or 1.
    pub quantity: u32,
    /// The amount for all of them; below zero for what is credited.
    pub amount: Amount,
    /// Where the time starts that it is for.
    #[schema(required)]
    pub period_start: Option<Time>,
    /// Where that time ends.
    #[schema(required)]
    pub period_end: Option<Time>,
}
