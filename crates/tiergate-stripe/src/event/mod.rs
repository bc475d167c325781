//! Events, and the objects in them, of every version of Stripe's API.
//!
//! An event is read tolerantly, because a service must not lose one over a field that it doesn't
//! need: fields that aren't read are ignored, words that aren't known are kept as `Other`, kinds of
//! events that aren't known are [`EventKind::Other`]. What is read has to be what it should be; a
//! [`ParseEventError`] names every field that isn't, and shows none.
//!
//! ```
//! use tiergate_stripe::event::{Event, EventKind, EventObject};
//!
//! let event = Event::parse(br#"{
//!     "id": "evt_1", "object": "event", "type": "customer.subscription.updated",
//!     "created": 1790000000, "livemode": false, "api_version": "2026-09-30.endive",
//!     "data": {"object": {
//!         "id": "sub_1", "object": "subscription", "status": "active", "customer": "cus_1",
//!         "items": {"data": [{
//!             "id": "si_1", "quantity": 5,
//!             "price": {"id": "price_1", "lookup_key": "team_small_monthly"}
//!         }]}
//!     }}
//! }"#)?;
//!
//! assert_eq!(event.kind, EventKind::SubscriptionUpdated);
//! let EventObject::Subscription(subscription) = &event.object else { unreachable!() };
//! assert_eq!(subscription.seats(), Some(5));
//! assert_eq!(
//!     subscription.price().and_then(|price| price.lookup_key.as_deref()),
//!     Some("team_small_monthly")
//! );
//! # Ok::<(), tiergate_stripe::event::ParseEventError>(())
//! ```
//!
//! # Versions
//!
//! Two shapes are read, without asking which version it is:
//!
//! | | before 2025-03-31 | since |
//! |---|---|---|
//! | period | on the subscription | on each of its items |
//! | subscription of an invoice | `subscription` | `parent.subscription_details.subscription` |
//! | payments of an invoice | `payment_intent` | `payments` |
//! | invoice of a payment | `invoice` | not said |
//! | tax of an invoice | `tax` | `total_taxes` |
//! | coupon of a discount | `coupon` | `source.coupon` (since 2025-09-30) |
//!
//! Thin events (`v2.core.event`) say what happened to which object, and nothing else of it. They
//! have the same [`kind`](Event::kind) as others, without the `v1.` in front, and
//! [`EventObject::Reference`].

mod amount;
mod discount;
mod fault;
mod fields;
mod invoice;
mod kind;
mod metadata;
mod object;
mod payment_intent;
mod period;
mod price;
mod snapshot;
mod subscription;

#[cfg(test)]
mod tests;

use std::cell::RefCell;

use serde_json::Value;
use tiergate_core::time::Timestamp;

pub use amount::CurrencyCode;
pub use discount::Percent;
pub use fault::{Expected, Fault, Faults, ParseEventError};
pub use invoice::{InvoiceLine, InvoiceObject, InvoiceStatus, InvoiceTotals};
pub use kind::{EventKind, ObjectKind};
pub use metadata::Metadata;
pub use object::{EventObject, ObjectReference, OtherObject};
pub use payment_intent::{PaymentFailure, PaymentIntentObject, PaymentIntentStatus};
pub use period::Period;
pub use price::{Interval, IntervalUnit, PriceObject, PriceUsage};
pub(crate) use snapshot::Snapshot;
pub use subscription::{Cancellation, SubscriptionItem, SubscriptionObject};

use crate::id::{EventId, ObjectId};
use fields::Fields;

/// The longest body that is read, in bytes.
pub const MAX_EVENT_BYTES: usize = 2 * 1024 * 1024;

/// Something that happened in Stripe.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// What happened.
    pub kind: EventKind,
    /// When it happened. To the second for what isn't thin, and Stripe often tells several things in
    /// one second: see [`history`](crate::history).
    pub created: Timestamp,
    /// Whether it is about real money.
    pub mode: Mode,
    /// The version of the API that the object was written in. Thin events have none.
    pub api_version: Option<Box<str>>,
    /// What it is about.
    pub object: EventObject,
    snapshot: Snapshot,
}

/// Whether an event is about real money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// It is.
    Live,
    /// It comes from a test or a sandbox. A service for real customers must not act on it.
    Test,
}

impl Event {
    /// Reads the body of a webhook. Its signature should have been
    /// [verified](crate::WebhookSecrets::verify) before.
    ///
    /// # Errors
    ///
    /// A [`ParseEventError`] if it is longer than [`MAX_EVENT_BYTES`], is no JSON, or is no event:
    /// for the ten known [kinds](EventKind) that includes their object. An object that comes with
    /// another kind of event and cannot be read is [`EventObject::Other`] instead, so that what
    /// nobody needs can't stop anything.
    pub fn parse(body: &[u8]) -> Result<Self, ParseEventError> {
        if body.len() > MAX_EVENT_BYTES {
            return Err(ParseEventError::TooLong);
        }
        let value: Value =
            serde_json::from_slice(body).map_err(|error| ParseEventError::NotJson {
                line: error.line(),
                column: error.column(),
            })?;
        let faults = RefCell::default();
        let event = match &value {
            Value::Object(map) => Self::read(Fields::top(map, &faults)),
            _ => {
                let whole = String::from("the body");
                faults.borrow_mut().push(whole, Expected::Object);
                None
            }
        };
        let faults = faults.into_inner();
        match event {
            Some(event) if faults.is_empty() => Ok(event),
            _ => Err(ParseEventError::NotAnEvent(faults)),
        }
    }

    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    fn read(event: Fields<'_>) -> Option<Self> {
        match event.need("object", Expected::Word("event"), Value::as_str)? {
            "event" => Self::read_whole(event),
            "v2.core.event" => Self::read_thin(event),
            _ => {
                event.fault("object", Expected::Word("event"));
                None
            }
        }
    }

    fn read_whole(event: Fields<'_>) -> Option<Self> {
        let id = event.needed_id("id", EventId::new);
        let kind = event.need("type", Expected::Text, fields::text);
        let kind = kind.map(EventKind::from);
        let created = event.need("created", Expected::Moment, fields::moment);
        let mode = mode(event);
        let api_version = event.owned_text("api_version");
        let data = event.needed_object("data", |data| {
            let previous = data.read("previous_attributes", Expected::Object, Value::as_object);
            data.needed_object("object", |object| {
                let snapshot = Snapshot::new(object.map(), previous);
                Some((EventObject::read(object, kind.as_ref()?)?, snapshot))
            })
        });
        let (object, snapshot) = data?;
        Some(Self {
            id: id?,
            kind: kind?,
            created: created?,
            mode: mode?,
            api_version,
            object,
            snapshot,
        })
    }

    fn read_thin(event: Fields<'_>) -> Option<Self> {
        let id = event.needed_id("id", EventId::new);
        let kind = event.need("type", Expected::Text, fields::text);
        let created = event.need("created", Expected::Time, |time| {
            time.as_str()?.parse::<Timestamp>().ok()
        });
        let mode = mode(event);
        let related = event.object("related_object", |object| {
            let kind = object.need("type", Expected::Text, fields::text);
            let id = object.needed_id("id", ObjectId::new);
            Some(EventObject::Reference(ObjectReference {
                kind: kind?.into(),
                id: id?,
            }))
        });
        let kind = kind?;
        Some(Self {
            id: id?,
            kind: kind.strip_prefix("v1.").unwrap_or(kind).into(),
            created: created?,
            mode: mode?,
            api_version: None,
            object: related.unwrap_or(EventObject::Account),
            snapshot: Snapshot::default(),
        })
    }
}

fn mode(event: Fields<'_>) -> Option<Mode> {
    let live = event.need("livemode", Expected::Flag, Value::as_bool)?;
    Some(if live { Mode::Live } else { Mode::Test })
}
