//! Stripe's webhooks: an inbox, and what is done with what is in it.
//!
//! What comes is checked, stored and answered; nothing else happens while Stripe waits. A worker takes
//! events from the inbox. It never applies one event to what is stored. It works out from *all* events
//! that there are of a subscription or an invoice what that has become, and stores the result; so neither
//! order nor repetition can make a difference, and an event that was lost and comes again heals whatever
//! was missing.
//!
//! For the same reason the first event of a subscription that is worked on settles all others of it that
//! are there: a burst costs as much as one event.
//!
//! A database that is shared by several processes shares the work, too: an event is taken for a while,
//! and its owner is locked while its records are written.

mod history;
mod invoices;
mod notify;
mod owner;
mod payments;
mod prices;
mod project;
mod receive;
mod schedule;
mod subscriptions;
mod text;
mod worker;

use std::sync::Arc;

use tiergate_stripe::WebhookSecrets;

pub use prices::{PriceMap, PricePlan};
pub(crate) use receive::{Received, Refusal};
pub use worker::Worked;

use crate::Billing;

/// What is stored as the provider of an event, a customer and a payment.
pub(crate) const STRIPE: &str = "stripe";

/// Receives Stripe's webhooks and works through what was received. Clones share everything.
#[derive(Clone, Debug)]
pub struct StripeWebhooks {
    billing: Billing,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    secrets: WebhookSecrets,
    prices: PriceMap,
}

impl StripeWebhooks {
    /// Webhooks that are signed with one of `secrets` and tell of prices that `prices` knows.
    #[must_use]
    pub fn new(billing: Billing, secrets: WebhookSecrets, prices: PriceMap) -> Self {
        Self {
            billing,
            shared: Arc::new(Shared { secrets, prices }),
        }
    }

    pub(crate) fn billing(&self) -> &Billing {
        &self.billing
    }

    fn prices(&self) -> &PriceMap {
        &self.shared.prices
    }
}
