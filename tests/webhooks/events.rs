//! Single events, put together by hand.

use serde_json::{Value, json};

/// A second some time before the office opens.
pub(crate) const THEN: i64 = 1_780_000_000;
const MONTH: i64 = 30 * 24 * 60 * 60;

pub(crate) fn event(id: &str, kind: &str, created: i64, object: &Value) -> String {
    json!({
        "id": id, "object": "event", "api_version": "2025-03-31.basil", "type": kind,
        "created": created, "livemode": false, "data": { "object": object },
    })
    .to_string()
}

/// A subscription to `pro` of a customer, who is what the metadata says.
pub(crate) fn subscription(id: &str, customer: &str, status: &str, metadata: &Value) -> Value {
    json!({
        "id": id, "object": "subscription", "customer": customer, "status": status,
        "created": THEN, "metadata": metadata, "cancel_at_period_end": false,
        "items": {"object": "list", "data": [{
            "id": "si_1", "object": "subscription_item", "quantity": 1,
            "current_period_start": THEN, "current_period_end": THEN + MONTH,
            "price": {"id": "price_1", "object": "price", "lookup_key": "pro_monthly",
                "recurring": {"interval": "month", "usage_type": "licensed"}},
        }]},
    })
}

/// An invoice over 12 dollars for a subscription.
pub(crate) fn invoice(id: &str, customer: &str, subscription: &str, status: &str) -> Value {
    json!({
        "id": id, "object": "invoice", "customer": customer, "status": status, "currency": "usd",
        "created": THEN, "subtotal": 1200, "total": 1200, "amount_due": 1200, "attempt_count": 0,
        "metadata": {},
        "parent": {"subscription_details": {"subscription": subscription}},
        "status_transitions": {"paid_at": (status == "paid").then_some(THEN)},
        "lines": {"object": "list", "has_more": false, "data": [{
            "id": "il_1", "object": "line_item", "amount": 1200, "quantity": 1,
            "description": "Pro", "period": {"start": THEN, "end": THEN + MONTH},
        }]},
    })
}

/// A payment of 12 dollars.
pub(crate) fn payment(id: &str, customer: &str, status: &str) -> Value {
    json!({
        "id": id, "object": "payment_intent", "customer": customer, "status": status,
        "amount": 1200, "amount_received": if status == "succeeded" { 1200 } else { 0 },
        "currency": "usd", "created": THEN, "metadata": {},
    })
}

pub(crate) const CREATED: &str = "customer.subscription.created";
pub(crate) const UPDATED: &str = "customer.subscription.updated";
pub(crate) const DELETED: &str = "customer.subscription.deleted";
