//! Events as Stripe would send them, signed by hand after its documentation, so that they share no code
//! with what reads them.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tiergate_clock::{Clock, SystemClock};
use tiergate_core::time::Timestamp;

use crate::Ask;

const DAY: i64 = 24 * 60 * 60;

/// A sender of Stripe's events: what it sends later is of a later second, so that their order is never
/// in doubt.
pub struct Stripe {
    secret: String,
    second: AtomicI64,
}

/// One of Stripe's subscriptions, as it stands.
#[derive(Clone, Debug)]
pub struct StripeSubscription {
    /// Its id, which its events, its customer and its item are named after.
    pub id: String,
    /// The user that its metadata names.
    pub user: String,
    /// The tier that the lookup key of its price names.
    pub tier: String,
    /// Its status, in Stripe's words.
    pub status: String,
}

/// What is told of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// There is one now.
    Created,
    /// It has become another.
    Updated,
    /// It has ended.
    Deleted,
}

/// An event that can be sent any number of times.
#[derive(Clone, Debug)]
pub struct StripeEvent {
    /// Its id.
    pub id: String,
    body: String,
}

impl Stripe {
    /// One whose signatures the service believes that has this secret.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self {
            secret: secret.to_owned(),
            // Each event takes a second, so the first is old enough for all that follow.
            second: AtomicI64::new(now() - DAY),
        }
    }

    /// The event of what happened to a subscription.
    #[must_use]
    pub fn event(&self, happening: Happening, subscription: &StripeSubscription) -> StripeEvent {
        let created = self.second.fetch_add(1, Ordering::Relaxed);
        let StripeSubscription { id, .. } = subscription;
        let word = match happening {
            Happening::Created => "created",
            Happening::Updated => "updated",
            Happening::Deleted => "deleted",
        };
        let event = format!("evt_{id}_{created}");
        let body = json!({
            "id": event,
            "object": "event",
            "api_version": "2025-03-31.basil",
            "created": created,
            "livemode": false,
            "type": format!("customer.subscription.{word}"),
            "data": {"object": subscription.object(created)},
        });
        StripeEvent {
            id: event,
            body: body.to_string(),
        }
    }

    /// Puts the event and its signature, made now, into a request.
    pub fn sign(&self, request: Ask, event: &StripeEvent) -> Ask {
        let at = now();
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes())
            .expect("a key can have any length");
        mac.update(format!("{at}.{}", event.body).as_bytes());
        let signature: String = mac
            .finalize()
            .into_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        request
            .header("stripe-signature", &format!("t={at},v1={signature}"))
            .header("content-type", "application/json")
            .body(event.body.clone())
    }
}

impl fmt::Debug for Stripe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Stripe").finish_non_exhaustive()
    }
}

impl StripeSubscription {
    /// One that is active.
    #[must_use]
    pub fn active(id: &str, user: &str, tier: &str) -> Self {
        Self {
            id: id.to_owned(),
            user: user.to_owned(),
            tier: tier.to_owned(),
            status: "active".to_owned(),
        }
    }

    /// The same with another tier.
    #[must_use]
    pub fn with_tier(mut self, tier: &str) -> Self {
        tier.clone_into(&mut self.tier);
        self
    }

    /// The same with another status.
    #[must_use]
    pub fn with_status(mut self, status: &str) -> Self {
        status.clone_into(&mut self.status);
        self
    }

    fn object(&self, told_at: i64) -> Value {
        let Self {
            id,
            user,
            tier,
            status,
        } = self;
        let ended_at = (status == "canceled").then_some(told_at);
        json!({
            "id": format!("sub_{id}"),
            "object": "subscription",
            "customer": format!("cus_{id}"),
            "status": status,
            "created": told_at,
            "cancel_at_period_end": false,
            "canceled_at": ended_at,
            "ended_at": ended_at,
            "metadata": {"userId": user},
            "items": {"object": "list", "data": [{
                "id": format!("si_{id}"),
                "object": "subscription_item",
                "quantity": 1,
                "current_period_start": now() - DAY,
                "current_period_end": now() + 29 * DAY,
                "price": {
                    "id": format!("price_{tier}"),
                    "object": "price",
                    "lookup_key": format!("{tier}_monthly"),
                    "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"},
                },
            }]},
        })
    }
}

fn now() -> i64 {
    let since = SystemClock::new()
        .now()
        .duration_since(Timestamp::from_seconds(0));
    i64::try_from(since.as_secs()).expect("it is not that late")
}
