//! Payments that succeeded or failed, as Stripe tells of them.

use serde_json::json;
use tiergate_stripe::event::{
    Event, EventKind, EventObject, PaymentIntentObject, PaymentIntentStatus,
};
use tiergate_stripe::history;
use tiergate_stripe::id::{InvoiceId as StripeInvoiceId, ObjectId};

use super::project::Processed;
use super::text::storable;
use super::{STRIPE, StripeWebhooks, notify};
use crate::BillingError;
use crate::change::{Begun, Change, Reply};
use crate::context::Context;
use crate::database::Write;
use crate::record::InvoiceRecord;
use crate::table::inbox::{self, Entry, Outcome};
use crate::table::payments::Payment;
use crate::table::{customers, invoices, payments};

impl StripeWebhooks {
    /// Writes a payment into the ledger, by all events there are of it, and settles the event.
    pub(super) async fn record_payment(
        &self,
        entry: &Entry,
        event: &Event,
        intent: &PaymentIntentObject,
        context: &Context,
    ) -> Result<Processed, BillingError> {
        let Begun::Fresh(mut change) = Change::begin_for_all(self.billing(), context).await? else {
            return Ok(Processed::Done);
        };
        let name = match &intent.customer {
            Some(customer) => format!("stripe:customer:{customer}"),
            None => format!("stripe:payment:{}", intent.id),
        };
        change.write().lock(&name).await?;
        let invoice = paid_invoice(change.write(), intent).await?;
        let payloads =
            inbox::of_object(change.write(), STRIPE, "payment_intent", intent.id.as_str()).await?;
        let events: Vec<_> = payloads
            .iter()
            .filter_map(|payload| Event::parse(payload).ok())
            .collect();
        for payment in ledger(&events, intent, invoice.as_ref()) {
            payments::put(change.write(), &payment, context.now).await?;
        }
        let owner = match &intent.customer {
            Some(customer) => {
                customers::owner_of(change.write(), STRIPE, customer.as_str()).await?
            }
            None => None,
        };
        if let Some(message) = notify::message(event, owner.as_ref()) {
            change.tell(message);
        }
        inbox::settle(change.write(), entry, Outcome::Done, context.now).await?;
        change.finish(Reply::done(&())).await?;
        Ok(Processed::Done)
    }
}

/// The rows of the ledger that the events of a payment make: that it succeeded, and that it last failed.
fn ledger<'a>(
    events: &'a [Event],
    intent: &'a PaymentIntentObject,
    invoice: Option<&InvoiceRecord>,
) -> Vec<Payment<'a>> {
    let Ok(id) = ObjectId::new(intent.id.as_str()) else {
        return Vec::new();
    };
    let of_kind = |kind: &EventKind| {
        let matching = events.iter().filter(|event| event.kind == *kind);
        history::newest(&id, matching).and_then(|event| match &event.object {
            EventObject::PaymentIntent(intent) => Some((event, intent)),
            _ => None,
        })
    };
    let row = |kind, event: &Event, intent: &'a PaymentIntentObject, amount, detail| Payment {
        provider: STRIPE,
        provider_ref: intent.id.as_str(),
        kind,
        invoice_ref: intent.invoice.as_ref().map(StripeInvoiceId::as_str),
        invoice: invoice.map(|invoice| invoice.id),
        subscription: invoice.map(|invoice| invoice.subscription_id),
        amount,
        currency: intent.currency.as_str(),
        detail,
        occurred_at: event.created,
    };
    let succeeded = of_kind(&EventKind::PaymentIntentSucceeded)
        .filter(|(_, intent)| intent.status == PaymentIntentStatus::Succeeded)
        .map(|(event, intent)| row("payment", event, intent, intent.amount_received, json!({})));
    let failed = of_kind(&EventKind::PaymentIntentPaymentFailed).map(|(event, intent)| {
        let failure = intent.failure.as_ref();
        let detail = json!({
            "code": failure.and_then(|failure| failure.code.as_deref()).map(storable),
            "declineCode": failure.and_then(|failure| failure.decline_code.as_deref()).map(storable),
        });
        row("failure", event, intent, intent.amount, detail)
    });
    [succeeded, failed].into_iter().flatten().collect()
}

/// The stored invoice that a payment is for, whichever of the two names the other.
async fn paid_invoice(
    write: &mut Write,
    intent: &PaymentIntentObject,
) -> Result<Option<InvoiceRecord>, BillingError> {
    if let Some(invoice) = &intent.invoice {
        return Ok(invoices::by_stripe_id(write, invoice.as_str()).await?);
    }
    let Some(customer) = &intent.customer else {
        return Ok(None);
    };
    let payloads = inbox::of_customer(write, STRIPE, "invoice", customer.as_str()).await?;
    let names_it = |event: Event| match event.object {
        EventObject::Invoice(invoice) if invoice.payment_intents.contains(&intent.id) => {
            Some(invoice.id)
        }
        _ => None,
    };
    let named = payloads
        .iter()
        // To look is much less than to read.
        .filter(|payload| mentions(payload, intent.id.as_str()))
        .filter_map(|payload| Event::parse(payload).ok())
        .find_map(names_it);
    match named {
        // If it is not stored yet, it is linked when it is.
        Some(id) => Ok(invoices::by_stripe_id(write, id.as_str()).await?),
        None => Ok(None),
    }
}

fn mentions(payload: &[u8], id: &str) -> bool {
    std::str::from_utf8(payload).is_ok_and(|text| text.contains(id))
}
