use std::fmt;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident $text:literal,)*) => {
        /// What an event tells.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum EventKind {
            $($(#[$doc])* $name,)*
            /// Anything else, by Stripe's name for it.
            Other(Box<str>),
        }

        impl EventKind {
            /// Stripe's name: `customer.subscription.updated`.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Other(text) => text,
                }
            }
        }

        impl From<&str> for EventKind {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$name,)*
                    other => Self::Other(other.into()),
                }
            }
        }
    };
}

kinds! {
    /// A subscription was made.
    SubscriptionCreated "customer.subscription.created",
    /// Something of a subscription changed.
    SubscriptionUpdated "customer.subscription.updated",
    /// A subscription ended. It never comes back: who returns gets another one.
    SubscriptionDeleted "customer.subscription.deleted",
    /// A trial ends in three days, or was ended early just now.
    SubscriptionTrialWillEnd "customer.subscription.trial_will_end",
    /// A draft of an invoice was made.
    InvoiceCreated "invoice.created",
    /// An invoice is final and open to be paid.
    InvoiceFinalized "invoice.finalized",
    /// An invoice was paid, or marked so.
    InvoicePaid "invoice.paid",
    /// An attempt to pay an invoice failed.
    InvoicePaymentFailed "invoice.payment_failed",
    /// A payment succeeded.
    PaymentIntentSucceeded "payment_intent.succeeded",
    /// An attempt to make a payment failed.
    PaymentIntentPaymentFailed "payment_intent.payment_failed",
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ObjectKind {
    /// A subscription.
    Subscription,
    /// An invoice.
    Invoice,
    /// A payment intent.
    PaymentIntent,
    /// Anything else, by Stripe's name for it: `customer`, `checkout.session`.
    Other(Box<str>),
}

impl ObjectKind {
    /// Stripe's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Subscription => "subscription",
            Self::Invoice => "invoice",
            Self::PaymentIntent => "payment_intent",
            Self::Other(text) => text,
        }
    }
}

impl From<&str> for ObjectKind {
    fn from(text: &str) -> Self {
        match text {
            "subscription" => Self::Subscription,
            "invoice" => Self::Invoice,
            "payment_intent" => Self::PaymentIntent,
            other => Self::Other(other.into()),
        }
    }
}

impl EventKind {
    /// What an event of this kind has to be about; none if that isn't known.
    pub(super) fn object(&self) -> Option<ObjectKind> {
        match self {
            Self::SubscriptionCreated
            | Self::SubscriptionUpdated
            | Self::SubscriptionDeleted
            | Self::SubscriptionTrialWillEnd => Some(ObjectKind::Subscription),
            Self::InvoiceCreated
            | Self::InvoiceFinalized
            | Self::InvoicePaid
            | Self::InvoicePaymentFailed => Some(ObjectKind::Invoice),
            Self::PaymentIntentSucceeded | Self::PaymentIntentPaymentFailed => {
                Some(ObjectKind::PaymentIntent)
            }
            Self::Other(_) => None,
        }
    }
}
