//! Money that is paid back.

use serde_json::json;

use super::alter::MOST_TRIES;
use super::facts::provider_of;
use super::operation;
use crate::change::{Begun, Change, Reply};
use crate::context::Context;
use crate::payment::Refund;
use crate::record::{InvoiceRecord, InvoiceStatus, SubscriptionRecord};
use crate::table::payments::{self, Payment};
use crate::table::{invoices, subscriptions};
use crate::{Billing, BillingError, FieldFault, InvoiceId};

/// Pays back all that is left of an invoice, or `amount` of it in minor units. For admins: whoever asks
/// has been found to be one.
///
/// # Errors
///
/// [`BillingError::InvalidState`] when nothing is left to pay back, [`BillingError::Invalid`] when less is
/// left than is asked for.
pub(crate) async fn refund(
    billing: &Billing,
    context: &Context,
    id: InvoiceId,
    amount: Option<i64>,
    reason: &str,
) -> Result<Reply, BillingError> {
    let mut read = billing.database().read().await?;
    let invoice = invoice_of(&mut read, id).await?;
    let subscription = subscriptions::by_id(&mut read, invoice.subscription_id)
        .await?
        .ok_or(BillingError::NotFound("subscription"))?;
    drop(read);
    // Only now: if what was read is what this very request did a moment ago, its answer is there.
    if let Some(reply) = Change::answered(billing, context).await? {
        return Ok(reply);
    }
    context.check_version(invoice.version)?;
    let amount = amount_of(&invoice, amount)?;
    // The name is made once: however often it is tried to store it, it is one refund.
    let refund = Refund {
        operation: operation::named(context, "refund", invoice.version),
        invoice: &invoice,
        amount,
        reason,
        now: context.now,
    };
    let refunded = provider_of(billing, &subscription)?.refund(&refund).await?;
    for _ in 0..MOST_TRIES {
        let stored = store(billing, context, &subscription, id, &refunded, reason).await;
        match stored {
            Err(BillingError::Contention) => {}
            stored => return stored,
        }
    }
    Err(BillingError::Contention)
}

async fn invoice_of(
    session: &mut impl crate::database::Session,
    id: InvoiceId,
) -> Result<InvoiceRecord, BillingError> {
    invoices::by_id(session, id)
        .await?
        .ok_or(BillingError::NotFound("invoice"))
}

fn amount_of(invoice: &InvoiceRecord, amount: Option<i64>) -> Result<i64, BillingError> {
    let left = invoice.total.amount - invoice.refunded.amount;
    if invoice.status != InvoiceStatus::Paid || left <= 0 {
        return Err(BillingError::InvalidState(
            "nothing of this invoice can be paid back: it is not paid, or all of it was".into(),
        ));
    }
    let amount = amount.unwrap_or(left);
    if (1..=left).contains(&amount) {
        return Ok(amount);
    }
    let detail = format!("expected 1 to {left}, which is what is left of it");
    Err(BillingError::Invalid(vec![FieldFault::new(
        "/amount", detail,
    )]))
}

/// Writes down what was paid back. The money has moved by now, so what is there is added to, whatever
/// version the invoice is at.
async fn store(
    billing: &Billing,
    context: &Context,
    subscription: &SubscriptionRecord,
    id: InvoiceId,
    refunded: &crate::payment::Refunded,
    reason: &str,
) -> Result<Reply, BillingError> {
    let mut change = match Change::begin(billing, context, &subscription.owner()).await? {
        Begun::Fresh(change) => change,
        Begun::Answered(reply) => return Ok(reply),
    };
    let before = invoice_of(change.write(), id).await?;
    // Two who ask at once for all of it: the second finds nothing left.
    amount_of(&before, Some(refunded.amount))?;
    let mut after = before.clone();
    after.refunded.amount += refunded.amount;
    let after = invoices::update(change.write(), after, context.now.into()).await?;
    let payment = Payment {
        provider: subscription.provider.as_str(),
        provider_ref: &refunded.reference,
        kind: "refund",
        invoice_ref: None,
        invoice: Some(id),
        subscription: Some(after.subscription_id),
        amount: refunded.amount,
        currency: &after.total.currency,
        detail: json!({ "reason": reason }),
        occurred_at: context.now,
    };
    payments::put(change.write(), &payment, context.now).await?;
    let object = ("invoice", id.to_string());
    change
        .audit(
            "invoice.refunded",
            object,
            Some(&before),
            Some(&after),
            Some(reason),
        )
        .await?;
    let reply = Reply::done(&after).with_version(after.version);
    change.finish(reply).await
}
