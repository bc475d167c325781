//! Takes events in.

use serde::Deserialize;
use tiergate_core::time::Timestamp;
use tiergate_stripe::SignatureError;
use tiergate_stripe::event::{Event, Mode, ParseEventError};
use tiergate_stripe::id::EventId;

use super::{STRIPE, StripeWebhooks};
use crate::BillingError;
use crate::table::inbox::{self, NewEntry};

/// Why an event was not taken in.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It is not shown that it comes from Stripe.
    Signature(SignatureError),
    /// It does come from Stripe, and is no event.
    NotAnEvent(ParseEventError),
    /// It could not be stored.
    Billing(BillingError),
}

/// What became of an event that was taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// It is in the inbox.
    Stored,
    /// It had been there.
    Duplicate,
}

/// As much of an event as storing it needs, for those whose object cannot be read: they are kept for
/// somebody to look at, instead of being refused until Stripe gives up.
#[derive(Deserialize)]
struct Envelope {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    created: u32,
    #[serde(default)]
    livemode: bool,
}

impl Envelope {
    /// None if it is none, or could not be stored.
    fn read(body: &[u8]) -> Option<Self> {
        let envelope: Self = serde_json::from_slice(body).ok()?;
        // A kind is written like an id.
        let is_good = |text: &str| EventId::new(text).is_ok();
        (is_good(&envelope.id) && is_good(&envelope.kind)).then_some(envelope)
    }
}

impl StripeWebhooks {
    /// Checks an event and stores it. Once this returns without an error, it is not lost.
    pub(crate) async fn receive(&self, signature: &[u8], body: &[u8]) -> Result<Received, Refusal> {
        let now = self.billing.now();
        // Before anything is read from it: nobody but Stripe gets as far as a parser.
        self.shared
            .secrets
            .verify(signature, body, now)
            .map_err(Refusal::Signature)?;
        let (event, envelope);
        let entry = match Event::parse(body) {
            Ok(parsed) => {
                event = parsed;
                entry_of(&event, body)
            }
            Err(error) => {
                let Some(read) = Envelope::read(body) else {
                    return Err(Refusal::NotAnEvent(error));
                };
                envelope = read;
                NewEntry {
                    provider: STRIPE,
                    event_id: &envelope.id,
                    kind: &envelope.kind,
                    object_kind: None,
                    object_id: None,
                    subscription_ref: None,
                    customer_ref: None,
                    livemode: envelope.livemode,
                    created: Timestamp::from_seconds(envelope.created.into()),
                    payload: body,
                }
            }
        };
        let stored = self.keep(&entry, now).await.map_err(Refusal::Billing)?;
        Ok(if stored {
            self.billing.inbox_grew().notify_one();
            Received::Stored
        } else {
            Received::Duplicate
        })
    }

    async fn keep(&self, entry: &NewEntry<'_>, now: Timestamp) -> Result<bool, BillingError> {
        let mut write = self.billing.database().write().await?;
        let stored = inbox::insert(&mut write, entry, now).await?;
        write.commit().await?;
        Ok(stored)
    }
}

/// An event as it is stored: with the names of its object beside it, so that all events of one object
/// can be found.
pub(super) fn entry_of<'a>(event: &'a Event, body: &'a [u8]) -> NewEntry<'a> {
    let object = &event.object;
    NewEntry {
        provider: STRIPE,
        event_id: event.id.as_str(),
        kind: event.kind.as_str(),
        object_kind: Some(object.kind().as_str().to_owned()),
        object_id: object.id().map(str::to_owned),
        subscription_ref: object.subscription_id().map(|id| id.as_str().to_owned()),
        customer_ref: object.customer_id().map(|id| id.as_str().to_owned()),
        livemode: event.mode == Mode::Live,
        created: event.created,
        payload: body,
    }
}
