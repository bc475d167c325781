//! How Stripe writes things, in its API before 2025-03-31 and since.

use serde_json::{Value, json};

use super::{Account, Invoice, Link, Owner, Payment, Subscription};

/// A version of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Old,
    New,
}

impl Account {
    pub(super) fn render_event(
        &self,
        id: &str,
        kind: &str,
        object: &Value,
        previous: Option<Value>,
    ) -> Value {
        let version = match self.shape() {
            Shape::Old => "2024-06-20",
            Shape::New => "2025-03-31.basil",
        };
        let mut event = json!({
            "id": id, "object": "event", "api_version": version, "type": kind,
            "created": self.now, "livemode": false, "pending_webhooks": 1,
            "data": { "object": object },
        });
        if let Some(previous) = previous {
            event["data"]["previous_attributes"] = previous;
        }
        event
    }

    pub(super) fn render_subscription(&self, it: &Subscription, shape: Shape) -> Value {
        let (tier, cycle) = self.plan(it.price);
        let interval = if cycle == "monthly" { "month" } else { "year" };
        let mut item = json!({
            "id": format!("si_{}", it.id), "object": "subscription_item", "quantity": it.quantity,
            "price": {
                "id": format!("price_{tier}_{cycle}"), "object": "price",
                "lookup_key": format!("{tier}_{cycle}"), "unit_amount": 700, "currency": "usd",
                "recurring": { "interval": interval, "interval_count": 1, "usage_type": "licensed" },
            },
        });
        let (start, end) = it.period;
        let mut whole = json!({
            "id": it.id, "object": "subscription", "customer": self.customer(), "status": it.status,
            "created": it.created, "cancel_at_period_end": it.ends_with_period,
            "cancel_at": it.ends_with_period.then_some(end), "canceled_at": it.canceled_at,
            "ended_at": it.ended_at, "trial_start": it.trial.map(|trial| trial.0),
            "trial_end": it.trial.map(|trial| trial.1), "latest_invoice": it.latest_invoice,
            "metadata": self.metadata(it.note),
        });
        let discount = it.discount.map(|percent| {
            json!({"id": "di_1", "object": "discount",
                "coupon": {"id": "half", "object": "coupon", "percent_off": percent}})
        });
        match shape {
            Shape::Old => {
                whole["current_period_start"] = json!(start);
                whole["current_period_end"] = json!(end);
                whole["discount"] = json!(discount);
            }
            Shape::New => {
                item["current_period_start"] = json!(start);
                item["current_period_end"] = json!(end);
                whole["discounts"] = json!(discount.into_iter().collect::<Vec<_>>());
                // The portal sets only this one.
                whole["cancel_at_period_end"] = json!(false);
            }
        }
        whole["items"] = json!({"object": "list", "data": [item], "has_more": false});
        whole
    }

    fn metadata(&self, note: Option<u8>) -> Value {
        let mut metadata = json!({});
        if self.story.owner != Owner::Organization {
            metadata["userId"] = json!(self.user());
        }
        if self.story.owner != Owner::User {
            metadata["organization_id"] = json!(self.organization());
        }
        if let Some(note) = note {
            metadata["note"] = json!(note.to_string());
        }
        metadata
    }

    pub(crate) fn user(&self) -> String {
        format!("user_{}", self.name)
    }

    pub(crate) fn organization(&self) -> String {
        format!("org_{}", self.name)
    }

    pub(super) fn render_invoice(&self, it: &Invoice, shape: Shape) -> Value {
        let is_paid = it.status == "paid";
        let paid = if is_paid { it.amount } else { 0 };
        let mut whole = json!({
            "id": it.id, "object": "invoice", "customer": self.customer(), "status": it.status,
            "created": it.created, "currency": "usd", "subtotal": it.amount, "total": it.amount,
            "amount_due": it.amount, "amount_paid": paid, "amount_remaining": it.amount - paid,
            "attempt_count": it.attempts, "next_payment_attempt": it.next_attempt,
            "number": it.finalized_at.map(|_| format!("A-{}", it.id)),
            "period_start": it.created, "period_end": it.created, "metadata": {},
            "status_transitions": { "finalized_at": it.finalized_at, "paid_at": it.paid_at },
            "lines": {"object": "list", "has_more": false, "data": [{
                "id": format!("il_{}", it.id), "object": "line_item", "amount": it.amount,
                "description": "Seats", "quantity": it.quantity,
                "period": { "start": it.period.0, "end": it.period.1 },
            }]},
        });
        let named = [Link::Both, Link::ByInvoice].contains(&self.story.link);
        let intent = Some(&it.intent).filter(|_| named && it.finalized_at.is_some());
        match shape {
            Shape::Old => {
                whole["subscription"] = json!(it.subscription);
                whole["payment_intent"] = json!(intent);
            }
            Shape::New => {
                whole["parent"] = json!({
                    "type": "subscription_details",
                    "subscription_details": { "subscription": it.subscription },
                });
                let payment = |intent| {
                    json!({"object": "invoice_payment",
                        "payment": {"type": "payment_intent", "payment_intent": intent}})
                };
                let payments: Vec<Value> = intent.into_iter().map(payment).collect();
                whole["payments"] = json!({"object": "list", "data": payments});
            }
        }
        whole
    }

    pub(super) fn render_payment(&self, it: &Payment, shape: Shape) -> Value {
        let succeeded = it.status == "succeeded";
        let mut whole = json!({
            "id": it.id, "object": "payment_intent", "customer": self.customer(),
            "status": it.status, "amount": it.amount, "currency": "usd", "created": it.created,
            "amount_received": if succeeded { it.amount } else { 0 }, "metadata": {},
            "last_payment_error": it.failed.then(|| {
                json!({"code": "card_declined", "decline_code": "insufficient_funds"})
            }),
        });
        if shape == Shape::Old && [Link::Both, Link::ByPayment].contains(&self.story.link) {
            whole["invoice"] = json!(it.invoice);
        }
        whole
    }
}
