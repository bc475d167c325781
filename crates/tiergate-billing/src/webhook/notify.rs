//! What people have to be told of, by whoever follows the service's events and sends mail.

use serde_json::{Value, json};
use tiergate_core::{Subject, SubscriptionStatus};
use tiergate_stripe::event::{Event, EventKind, EventObject};

use super::text::storable;
use crate::record::Time;
use crate::table::outbox::Message;

/// What an event is a reason to tell its owner, if anything.
///
/// Told once for what happened, and not once for each delivery: the key is made from what happened to
/// what.
pub(super) fn message(event: &Event, owner: Option<&Subject>) -> Option<Message> {
    let (key, payload): (String, Value) = match (&event.kind, &event.object) {
        // Stripe also sends this when a trial is ended early, even by the payment itself.
        (EventKind::SubscriptionTrialWillEnd, EventObject::Subscription(subscription))
            if subscription.status == SubscriptionStatus::Trialing =>
        {
            let end = subscription.trial_end.map(Time::from);
            let id = subscription.id.as_str();
            (
                format!(
                    "stripe:{id}:trial_will_end:{}",
                    end.map_or(0, Time::as_micros)
                ),
                json!({ "notification": "trial_will_end", "stripeSubscriptionId": id, "trialEnd": end }),
            )
        }
        (EventKind::InvoicePaymentFailed, EventObject::Invoice(invoice)) => {
            let id = invoice.id.as_str();
            (
                format!("stripe:{id}:payment_failed:{}", invoice.attempt_count),
                json!({
                    "notification": "payment_failed",
                    "stripeInvoiceId": id,
                    "attempt": invoice.attempt_count,
                    "nextAttemptAt": invoice.next_attempt_at.map(Time::from),
                    "amountDue": {
                        "amount": invoice.totals.due,
                        "currency": invoice.currency.as_str().to_ascii_uppercase(),
                    },
                }),
            )
        }
        (EventKind::PaymentIntentPaymentFailed, EventObject::PaymentIntent(intent)) => {
            let id = intent.id.as_str();
            (
                format!("stripe:{id}:failed:{}", event.created.as_micros()),
                json!({
                    "notification": "payment_intent_failed",
                    "stripePaymentIntentId": id,
                    "code": intent.failure.as_ref().and_then(|failure| failure.code.as_deref()).map(storable),
                }),
            )
        }
        _ => return None,
    };
    Some(Message {
        kind: "notification",
        subject: owner.cloned(),
        version: None,
        payload,
        dedupe_key: Some(key),
    })
}
