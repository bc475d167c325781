use tiergate_core::time::Timestamp;

use super::amount::CurrencyCode;
use super::fault::Expected;
use super::fields::{self, Fields};
use super::metadata::Metadata;
use crate::id::{CustomerId, InvoiceId, PaymentIntentId};

/// A payment as it was when an event about it was made. Amounts are in minor units of
/// [`currency`](Self::currency).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PaymentIntentObject {
    /// Its id.
    pub id: PaymentIntentId,
    /// Who pays.
    pub customer: Option<CustomerId>,
    /// The invoice that is paid. Only before 2025-03-31: since then the invoice names its payments,
    /// and a payment no invoice.
    pub invoice: Option<InvoiceId>,
    /// Its status.
    pub status: PaymentIntentStatus,
    /// What is to be paid.
    pub amount: i64,
    /// What came in.
    pub amount_received: i64,
    /// The currency of the amounts.
    pub currency: CurrencyCode,
    /// Why the last attempt failed.
    pub failure: Option<PaymentFailure>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// What somebody attached to it.
    pub metadata: Metadata,
}

/// Why an attempt to pay failed, in words for programs. What Stripe says about it to people is not
/// kept: it may name the card.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PaymentFailure {
    /// Stripe's word: `card_declined`, `expired_card`.
    pub code: Option<Box<str>>,
    /// The bank's reason for declining: `insufficient_funds`.
    pub decline_code: Option<Box<str>>,
}

/// The status of a payment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PaymentIntentStatus {
    /// A means of payment is missing, or the last one failed.
    RequiresPaymentMethod,
    /// It waits to be confirmed.
    RequiresConfirmation,
    /// The customer has to do something, such as to prove who they are.
    RequiresAction,
    /// It waits to be captured.
    RequiresCapture,
    /// Under way.
    Processing,
    /// Given up.
    Canceled,
    /// Done.
    Succeeded,
    /// A word that this version does not know.
    Other(Box<str>),
}

impl From<&str> for PaymentIntentStatus {
    fn from(word: &str) -> Self {
        match word {
            "requires_payment_method" => Self::RequiresPaymentMethod,
            "requires_confirmation" => Self::RequiresConfirmation,
            "requires_action" => Self::RequiresAction,
            "requires_capture" => Self::RequiresCapture,
            "processing" => Self::Processing,
            "canceled" => Self::Canceled,
            "succeeded" => Self::Succeeded,
            other => Self::Other(other.into()),
        }
    }
}

impl PaymentIntentObject {
    pub(super) fn read(object: Fields<'_>) -> Option<Self> {
        let id = object.needed_id("id", PaymentIntentId::new);
        let status = object.need("status", Expected::Text, fields::text);
        let amount = object.need("amount", Expected::Integer, serde_json::Value::as_i64);
        let currency = object.currency("currency");
        Some(Self {
            customer: object.reference("customer", CustomerId::new),
            invoice: object.reference("invoice", InvoiceId::new),
            status: status.unwrap_or_default().into(),
            amount: amount.unwrap_or_default(),
            amount_received: object.integer("amount_received").unwrap_or_default(),
            failure: object.object("last_payment_error", |error| {
                Some(PaymentFailure {
                    code: error.owned_text("code"),
                    decline_code: error.owned_text("decline_code"),
                })
            }),
            created: object.moment("created"),
            metadata: Metadata::read(object),
            // Last, so that every other fault has been noted by now.
            id: id?,
            currency: currency?,
        })
    }
}
