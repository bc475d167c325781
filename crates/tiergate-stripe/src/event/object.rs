use std::cell::RefCell;

use super::fault::{Expected, Faults};
use super::fields::{self, Fields};
use super::invoice::InvoiceObject;
use super::kind::{EventKind, ObjectKind};
use super::payment_intent::PaymentIntentObject;
use super::subscription::SubscriptionObject;
use crate::id::{CustomerId, ObjectId, SubscriptionId};

/// What an event is about, as it was when the event was made.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum EventObject {
    /// A subscription.
    Subscription(Box<SubscriptionObject>),
    /// An invoice.
    Invoice(Box<InvoiceObject>),
    /// A payment.
    PaymentIntent(Box<PaymentIntentObject>),
    /// Only the name of it: a thin event leaves it to the receiver to ask for the rest.
    Reference(ObjectReference),
    /// The account as a whole: a thin event may name no object.
    Account,
    /// Something that is not read further.
    Other(OtherObject),
}

/// The name of an object that a thin event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectReference {
    /// What it is.
    pub kind: ObjectKind,
    /// Its id.
    pub id: ObjectId,
}

/// An object that is not read further.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OtherObject {
    /// What it is.
    pub kind: ObjectKind,
    /// Its id, if it has one. The preview of an invoice, for one, has none.
    pub id: Option<ObjectId>,
    /// Why it was not read, if it is of a kind that is and the event is of a kind that isn't.
    pub faults: Faults,
}

impl EventObject {
    /// What it is.
    #[must_use]
    pub fn kind(&self) -> ObjectKind {
        match self {
            Self::Subscription(_) => ObjectKind::Subscription,
            Self::Invoice(_) => ObjectKind::Invoice,
            Self::PaymentIntent(_) => ObjectKind::PaymentIntent,
            Self::Reference(reference) => reference.kind.clone(),
            Self::Account => ObjectKind::Other("account".into()),
            Self::Other(other) => other.kind.clone(),
        }
    }

    /// Its id, whatever it is.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Subscription(subscription) => Some(subscription.id.as_str()),
            Self::Invoice(invoice) => Some(invoice.id.as_str()),
            Self::PaymentIntent(intent) => Some(intent.id.as_str()),
            Self::Reference(reference) => Some(reference.id.as_str()),
            Self::Account => None,
            Self::Other(other) => other.id.as_ref().map(ObjectId::as_str),
        }
    }

    /// The subscription that it is or belongs to, as far as it says.
    #[must_use]
    pub fn subscription_id(&self) -> Option<SubscriptionId> {
        match self {
            Self::Subscription(subscription) => Some(subscription.id.clone()),
            Self::Invoice(invoice) => invoice.subscription.clone(),
            Self::Reference(reference) if reference.kind == ObjectKind::Subscription => {
                SubscriptionId::new(reference.id.as_str()).ok()
            }
            _ => None,
        }
    }

    /// The customer that it belongs to, as far as it says.
    #[must_use]
    pub fn customer_id(&self) -> Option<&CustomerId> {
        match self {
            Self::Subscription(subscription) => subscription.customer.as_ref(),
            Self::Invoice(invoice) => invoice.customer.as_ref(),
            Self::PaymentIntent(intent) => intent.customer.as_ref(),
            Self::Reference(_) | Self::Account | Self::Other(_) => None,
        }
    }
}

impl EventObject {
    /// Reads the object of an event of that kind.
    pub(super) fn read(object: Fields<'_>, event: &EventKind) -> Option<Self> {
        let kind = object.need("object", Expected::Text, fields::text)?;
        match event.object() {
            Some(expected) if expected.as_str() != kind => {
                let word = match expected {
                    ObjectKind::Subscription => "subscription",
                    ObjectKind::Invoice => "invoice",
                    ObjectKind::PaymentIntent | ObjectKind::Other(_) => "payment_intent",
                };
                object.fault("object", Expected::Word(word));
                None
            }
            Some(expected) => Self::read_kind(object, &expected),
            None => Some(Self::read_if_possible(object, kind.into())),
        }
    }

    /// Nothing, and faults noted, if it cannot be read or is of a kind that isn't.
    fn read_kind(object: Fields<'_>, kind: &ObjectKind) -> Option<Self> {
        match kind {
            ObjectKind::Subscription => {
                SubscriptionObject::read(object).map(|it| Self::Subscription(Box::new(it)))
            }
            ObjectKind::Invoice => {
                InvoiceObject::read(object).map(|it| Self::Invoice(Box::new(it)))
            }
            ObjectKind::PaymentIntent => {
                PaymentIntentObject::read(object).map(|it| Self::PaymentIntent(Box::new(it)))
            }
            ObjectKind::Other(_) => None,
        }
    }

    fn read_if_possible(object: Fields<'_>, kind: ObjectKind) -> Self {
        let faults = RefCell::default();
        match Self::read_kind(object.noting(&faults), &kind) {
            Some(read) if faults.borrow().is_empty() => read,
            _ => Self::Other(OtherObject {
                kind,
                id: object
                    .get("id")
                    .and_then(|id| ObjectId::new(id.as_str()?).ok()),
                faults: faults.into_inner(),
            }),
        }
    }
}
