use tiergate_core::SubscriptionStatus;

use crate::event::{EventKind, EventObject, InvoiceStatus, PaymentIntentStatus};

/// How far an object is in its life, in stages that it never goes back in.
///
/// The order is the order of the stages. Only those of one object may be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// A subscription whose first payment is open, the draft of an invoice.
    Beginning,
    /// Everything between, and what isn't known.
    Living,
    /// An invoice that was given up. It may still be paid.
    GivenUp,
    /// It is over for ever.
    Ended,
}

impl Phase {
    pub(super) fn of(object: &EventObject) -> Self {
        match object {
            EventObject::Subscription(subscription) => match subscription.status {
                SubscriptionStatus::Incomplete => Self::Beginning,
                SubscriptionStatus::Canceled | SubscriptionStatus::IncompleteExpired => Self::Ended,
                _ => Self::Living,
            },
            EventObject::Invoice(invoice) => match invoice.status {
                InvoiceStatus::Draft => Self::Beginning,
                InvoiceStatus::Open | InvoiceStatus::Other(_) => Self::Living,
                InvoiceStatus::Uncollectible => Self::GivenUp,
                InvoiceStatus::Paid | InvoiceStatus::Void => Self::Ended,
            },
            EventObject::PaymentIntent(intent) => match intent.status {
                PaymentIntentStatus::Succeeded | PaymentIntentStatus::Canceled => Self::Ended,
                _ => Self::Living,
            },
            EventObject::Reference(_) | EventObject::Account | EventObject::Other(_) => {
                Self::Living
            }
        }
    }
}

/// In which order Stripe tells what happened in one second, where nothing else says it.
pub(super) fn rank(kind: &EventKind) -> u8 {
    match kind {
        EventKind::SubscriptionCreated | EventKind::InvoiceCreated => 0,
        EventKind::SubscriptionTrialWillEnd => 1,
        EventKind::SubscriptionUpdated | EventKind::InvoiceFinalized | EventKind::Other(_) => 2,
        EventKind::InvoicePaymentFailed | EventKind::PaymentIntentPaymentFailed => 3,
        EventKind::InvoicePaid
        | EventKind::PaymentIntentSucceeded
        | EventKind::SubscriptionDeleted => 4,
    }
}
