use std::fmt;

use tiergate_core::time::Timestamp;

use super::amount::CurrencyCode;
use super::fault::Expected;
use super::fields::{self, Fields};
use super::metadata::Metadata;
use super::period::Period;
use crate::id::{CustomerId, InvoiceId, InvoiceLineId, PaymentIntentId, PriceId, SubscriptionId};

/// An invoice as it was when an event about it was made. Amounts are in minor units of
/// [`currency`](Self::currency).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvoiceObject {
    /// Its id.
    pub id: InvoiceId,
    /// Who owes it.
    pub customer: Option<CustomerId>,
    /// The subscription that it is for, from wherever the version of the API puts it; none for an
    /// invoice that belongs to no subscription.
    pub subscription: Option<SubscriptionId>,
    /// Its status.
    pub status: InvoiceStatus,
    /// Stripe's number for it, on what the customer gets.
    pub number: Option<Box<str>>,
    /// Why it was made: `subscription_cycle`, `subscription_create`, `manual` and others.
    pub billing_reason: Option<Box<str>>,
    /// The currency of all its amounts.
    pub currency: CurrencyCode,
    /// The sums.
    pub totals: InvoiceTotals,
    /// What it is for. An event has the first ten lines or so.
    pub lines: Vec<InvoiceLine>,
    /// Whether there are lines that the event does not have.
    pub more_lines: bool,
    /// What it covers. For a subscription that is charged in advance that is the period before; the
    /// one that is paid for is on the lines.
    pub period: Option<Period>,
    /// How often its payment was tried, by Stripe's own schedule.
    pub attempt_count: u64,
    /// When payment is tried next.
    pub next_attempt_at: Option<Timestamp>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Until when it is to be paid, where it is sent instead of charged.
    pub due_at: Option<Timestamp>,
    /// When it became final.
    pub finalized_at: Option<Timestamp>,
    /// When it was paid.
    pub paid_at: Option<Timestamp>,
    /// The payment intents that pay it, as far as the event names them. Since 2025-03-31 they are
    /// there only if Stripe was told to expand them.
    pub payment_intents: Vec<PaymentIntentId>,
    /// What somebody attached to it.
    pub metadata: Metadata,
}

/// The sums of an invoice, in minor units of its currency. Any may be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvoiceTotals {
    /// Before discounts and tax.
    pub subtotal: i64,
    /// What discounts took off.
    pub discount: i64,
    /// The tax in it.
    pub tax: i64,
    /// After discounts and tax.
    pub total: i64,
    /// What is asked for, after the customer's balance.
    pub due: i64,
    /// What was paid.
    pub paid: i64,
    /// What is left to pay.
    pub remaining: i64,
}

/// One line of an invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvoiceLine {
    /// Its id.
    pub id: Option<InvoiceLineId>,
    /// What it says to people.
    pub description: Option<Box<str>>,
    /// The amount, in minor units of the invoice's currency; negative for a credit.
    pub amount: i64,
    /// How many.
    pub quantity: Option<u64>,
    /// What it pays for.
    pub period: Option<Period>,
    /// The price that it was made from.
    pub price: Option<PriceId>,
    /// Whether it settles a change in the middle of a period.
    pub proration: bool,
}

/// The status of an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvoiceStatus {
    /// Not final yet.
    Draft,
    /// Final, waiting to be paid.
    Open,
    /// Paid.
    Paid,
    /// Given up.
    Uncollectible,
    /// Declared never to have been.
    Void,
    /// A word that this version does not know.
    Other(Box<str>),
}

impl InvoiceStatus {
    /// The word for it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Draft => "draft",
            Self::Open => "open",
            Self::Paid => "paid",
            Self::Uncollectible => "uncollectible",
            Self::Void => "void",
            Self::Other(word) => word,
        }
    }

    /// Whether nothing is owed any more: paid, given up, or declared never to have been.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        matches!(self, Self::Paid | Self::Uncollectible | Self::Void)
    }
}

impl From<&str> for InvoiceStatus {
    fn from(word: &str) -> Self {
        match word {
            "draft" => Self::Draft,
            "open" => Self::Open,
            "paid" => Self::Paid,
            "uncollectible" => Self::Uncollectible,
            "void" => Self::Void,
            other => Self::Other(other.into()),
        }
    }
}

impl fmt::Display for InvoiceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl InvoiceObject {
    pub(super) fn read(object: Fields<'_>) -> Option<Self> {
        let id = object.needed_id("id", InvoiceId::new);
        let status = object.need("status", Expected::Text, fields::text);
        let currency = object.currency("currency");
        let subscription = of_parent(object)
            .or_else(|| object.reference("subscription", SubscriptionId::new))
            .or_else(|| {
                object
                    .list("lines", subscription_of_line)
                    .into_iter()
                    .next()
            });
        let [finalized_at, paid_at] = ["finalized_at", "paid_at"]
            .map(|name| object.object("status_transitions", |times| times.moment(name)));
        let more_lines = object.object("lines", |lines| lines.flag("has_more"));
        Some(Self {
            customer: object.reference("customer", CustomerId::new),
            subscription,
            status: status.unwrap_or_default().into(),
            number: object.owned_text("number"),
            billing_reason: object.owned_text("billing_reason"),
            totals: InvoiceTotals::read(object),
            lines: object.list("lines", |line| Some(InvoiceLine::read(line))),
            more_lines: more_lines.unwrap_or_default(),
            period: Period::read(object, "period_start", "period_end"),
            attempt_count: object.count("attempt_count").unwrap_or_default(),
            next_attempt_at: object.moment("next_payment_attempt"),
            created: object.moment("created"),
            due_at: object.moment("due_date"),
            finalized_at,
            paid_at,
            payment_intents: payment_intents(object),
            metadata: Metadata::read(object),
            // Last, so that every other fault has been noted by now.
            id: id?,
            currency: currency?,
        })
    }
}

/// Since 2025-03-31: `parent.subscription_details.subscription`. The words in `parent.type` are not
/// looked at, because the details are there only for a subscription.
fn of_parent(object: Fields<'_>) -> Option<SubscriptionId> {
    object.object("parent", |parent| {
        parent.object("subscription_details", |details| {
            details.reference("subscription", SubscriptionId::new)
        })
    })
}

/// Invoices that somebody made by hand for a subscription name it on their lines only.
fn subscription_of_line(line: Fields<'_>) -> Option<SubscriptionId> {
    let of_parent = line.object("parent", |parent| {
        parent.object("subscription_item_details", |details| {
            details.reference("subscription", SubscriptionId::new)
        })
    });
    of_parent.or_else(|| line.reference("subscription", SubscriptionId::new))
}

/// Before 2025-03-31 in `payment_intent`, since then in `payments`, one for each partial payment.
fn payment_intents(object: Fields<'_>) -> Vec<PaymentIntentId> {
    let mut intents = object.list("payments", |payment| {
        payment.object("payment", |payment| {
            payment.reference("payment_intent", PaymentIntentId::new)
        })
    });
    if let Some(intent) = object.reference("payment_intent", PaymentIntentId::new)
        && !intents.contains(&intent)
    {
        intents.push(intent);
    }
    intents
}

impl InvoiceTotals {
    fn read(object: Fields<'_>) -> Self {
        let amount = |name| object.integer(name).unwrap_or_default();
        let sum = |name| {
            let amounts = object.elements(name, |element| element.integer("amount"));
            amounts.into_iter().fold(0, i64::saturating_add)
        };
        Self {
            subtotal: amount("subtotal"),
            discount: sum("total_discount_amounts"),
            // The second of them since 2025-03-31.
            tax: object.integer("tax").unwrap_or_else(|| sum("total_taxes")),
            total: amount("total"),
            due: amount("amount_due"),
            paid: amount("amount_paid"),
            remaining: amount("amount_remaining"),
        }
    }
}

impl InvoiceLine {
    fn read(line: Fields<'_>) -> Self {
        let of_price = |price: Fields<'_>| price.id("id", PriceId::new);
        // Since 2025-03-31, and before.
        let price = line
            .object("pricing", |pricing| {
                pricing.object("price_details", |details| {
                    details.reference("price", PriceId::new)
                })
            })
            .or_else(|| line.object("price", of_price))
            .or_else(|| line.object("plan", of_price));
        let proration = line.flag("proration").or_else(|| {
            line.object("parent", |parent| {
                ["subscription_item_details", "invoice_item_details"]
                    .into_iter()
                    .find_map(|name| parent.object(name, |details| details.flag("proration")))
            })
        });
        Self {
            id: line.id("id", InvoiceLineId::new),
            description: line.owned_text("description"),
            amount: line.integer("amount").unwrap_or_default(),
            quantity: line.count("quantity"),
            period: line.object("period", |period| Period::read(period, "start", "end")),
            price,
            proration: proration.unwrap_or_default(),
        }
    }
}
