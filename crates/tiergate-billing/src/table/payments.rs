//! The table of payments: money that moved or failed to.

use serde_json::Value;
use sqlx::types::Json;
use tiergate_core::time::Timestamp;

use crate::database::{DatabaseError, Write, on};
use crate::{InvoiceId, PaymentId, SubscriptionId};

/// A payment, a failed one, or a refund.
#[derive(Clone, Debug)]
pub(crate) struct Payment<'a> {
    /// Who took the money.
    pub(crate) provider: &'static str,
    /// What they call it.
    pub(crate) provider_ref: &'a str,
    /// `payment`, `failure` or `refund`.
    pub(crate) kind: &'static str,
    /// What the provider calls the invoice that it was for, where the payment says so itself.
    pub(crate) invoice_ref: Option<&'a str>,
    /// What it was for.
    pub(crate) invoice: Option<InvoiceId>,
    /// The subscription that was for.
    pub(crate) subscription: Option<SubscriptionId>,
    /// How much, in minor units.
    pub(crate) amount: i64,
    /// The code of the currency.
    pub(crate) currency: &'a str,
    /// What else is known.
    pub(crate) detail: Value,
    /// When it happened.
    pub(crate) occurred_at: Timestamp,
}

const PUT: &str = "INSERT INTO payments (id, provider, provider_ref, kind, invoice_id, \
     subscription_id, amount, currency, detail, occurred_at, recorded_at, invoice_ref) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
     ON CONFLICT (provider, provider_ref, kind) DO UPDATE SET amount = excluded.amount, \
     currency = excluded.currency, detail = excluded.detail, occurred_at = excluded.occurred_at, \
     invoice_ref = COALESCE(excluded.invoice_ref, payments.invoice_ref), \
     invoice_id = COALESCE(excluded.invoice_id, payments.invoice_id), \
     subscription_id = COALESCE(excluded.subscription_id, payments.subscription_id)";

const LINK: &str = "UPDATE payments SET invoice_id = $3, subscription_id = $4 \
     WHERE provider = $1 AND provider_ref = $2";

const LINK_TO: &str = "UPDATE payments SET invoice_id = $3, subscription_id = $4 \
     WHERE provider = $1 AND invoice_ref = $2";

/// Writes down a payment, or what is now known of one that was written down before.
pub(crate) async fn put(
    write: &mut Write,
    payment: &Payment<'_>,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    on!(write, connection => sqlx::query(PUT)
        .bind(PaymentId::new(now).uuid())
        .bind(payment.provider)
        .bind(payment.provider_ref)
        .bind(payment.kind)
        .bind(payment.invoice.map(InvoiceId::uuid))
        .bind(payment.subscription.map(SubscriptionId::uuid))
        .bind(payment.amount)
        .bind(payment.currency)
        .bind(Json(&payment.detail))
        .bind(payment.occurred_at.as_micros())
        .bind(now.as_micros())
        .bind(payment.invoice_ref)
        .execute(connection)
        .await?
        .rows_affected());
    Ok(())
}

/// Says what the payments of that name were for.
pub(crate) async fn link(
    write: &mut Write,
    provider: &str,
    provider_ref: &str,
    invoice: InvoiceId,
    subscription: SubscriptionId,
) -> Result<(), DatabaseError> {
    on!(write, connection => sqlx::query(LINK)
        .bind(provider)
        .bind(provider_ref)
        .bind(invoice.uuid())
        .bind(subscription.uuid())
        .execute(connection)
        .await?
        .rows_affected());
    Ok(())
}

/// Says what those payments were for that name an invoice of the provider's.
pub(crate) async fn link_to(
    write: &mut Write,
    provider: &str,
    invoice_ref: &str,
    invoice: InvoiceId,
    subscription: SubscriptionId,
) -> Result<(), DatabaseError> {
    on!(write, connection => sqlx::query(LINK_TO)
        .bind(provider)
        .bind(invoice_ref)
        .bind(invoice.uuid())
        .bind(subscription.uuid())
        .execute(connection)
        .await?
        .rows_affected());
    Ok(())
}

statements![PUT, LINK, LINK_TO];
