//! What an invoice is stored as when its events say how it stands.

use serde_json::{Map, Value, json};
use tiergate_core::time::Timestamp;
use tiergate_stripe::InvoiceStanding;
use tiergate_stripe::event::InvoiceObject;

use super::text::storable;
use crate::record::{Amount, InvoiceLine, InvoiceRecord, InvoiceStatus, Time};
use crate::{InvoiceId, SubscriptionId};

/// The most that is kept of what somebody attached to an invoice.
const MOST_METADATA: usize = 50;

/// An invoice that is not stored yet.
pub(super) fn new(subscription: SubscriptionId, standing: &InvoiceStanding<'_>) -> InvoiceRecord {
    let created = standing.invoice.created.unwrap_or(standing.event.created);
    let nothing = Amount::new(0, currency(standing.invoice));
    InvoiceRecord {
        id: InvoiceId::new(created),
        subscription_id: subscription,
        number: String::new(),
        stripe_invoice_id: Some(standing.invoice.id.as_str().to_owned()),
        tier: String::new(),
        status: InvoiceStatus::Draft,
        subtotal: nothing.clone(),
        discount: nothing.clone(),
        tax: nothing.clone(),
        total: nothing.clone(),
        refunded: nothing,
        period_start: None,
        period_end: None,
        due_at: None,
        paid_at: None,
        attempted_at: None,
        next_attempt_at: None,
        attempts: 0,
        lines: Vec::new(),
        metadata: Map::new(),
        version: 1,
        created_at: created.into(),
        updated_at: created.into(),
    }
}

/// What `record` becomes by how its invoice stands. Its number, and what was paid back by this service,
/// stay.
pub(super) fn stored_as(
    mut record: InvoiceRecord,
    standing: &InvoiceStanding<'_>,
    tier: &str,
) -> InvoiceRecord {
    let invoice = standing.invoice;
    let amount = |amount| Amount::new(amount, currency(invoice));
    let time = |at: Option<Timestamp>| at.map(Time::from);
    let period = period(invoice);
    record.tier = tier.to_owned();
    // A word that is not known is that of something final and not settled yet.
    record.status =
        InvoiceStatus::from_word(standing.status.as_str()).unwrap_or(InvoiceStatus::Open);
    record.subtotal = amount(invoice.totals.subtotal);
    record.discount = amount(invoice.totals.discount);
    record.tax = amount(invoice.totals.tax);
    record.total = amount(invoice.totals.total);
    record.period_start = time(period.map(|(start, _)| start));
    record.period_end = time(period.map(|(_, end)| end));
    record.due_at = time(invoice.due_at);
    record.paid_at = time(standing.paid_at);
    record.attempted_at = time(standing.last_failed_at.max(standing.paid_at));
    record.next_attempt_at = if invoice.status.is_settled() {
        None
    } else {
        time(invoice.next_attempt_at)
    };
    record.attempts = i64::try_from(standing.attempt_count).unwrap_or(i64::MAX);
    record.lines = invoice
        .lines
        .iter()
        .map(|line| InvoiceLine {
            description: storable(line.description.as_deref().unwrap_or_default()),
            quantity: u32::try_from(line.quantity.unwrap_or(1)).unwrap_or(u32::MAX),
            amount: amount(line.amount),
            period_start: time(line.period.map(|period| period.start)),
            period_end: time(line.period.map(|period| period.end)),
        })
        .collect();
    record.metadata = metadata(invoice);
    record
}

/// The time that is paid for: what the lines say. The invoice's own period is, for a subscription that is
/// charged in advance, the one before.
fn period(invoice: &InvoiceObject) -> Option<(Timestamp, Timestamp)> {
    let lines = || invoice.lines.iter().filter_map(|line| line.period);
    let start = lines().map(|period| period.start).min();
    let end = lines().map(|period| period.end).max();
    start
        .zip(end)
        .or_else(|| invoice.period.map(|period| (period.start, period.end)))
        .filter(|(start, end)| start < end)
}

fn metadata(invoice: &InvoiceObject) -> Map<String, Value> {
    let kept = invoice.metadata.iter().take(MOST_METADATA);
    let mut metadata: Map<_, _> = kept
        .map(|(key, value)| (storable(key), Value::from(storable(value))))
        .collect();
    if let Some(number) = &invoice.number {
        metadata.insert("stripeNumber".to_owned(), json!(storable(number)));
    }
    if invoice.more_lines {
        // An event has the first lines only.
        metadata.insert("moreLines".to_owned(), json!(true));
    }
    metadata
}

/// Stripe writes currencies in small letters, ISO 4217 in capitals.
fn currency(invoice: &InvoiceObject) -> String {
    invoice.currency.as_str().to_ascii_uppercase()
}
