//! The ids that Stripe gives to its objects, each a type of its own.

use std::fmt;

/// The longest id, in bytes. Stripe's documentation promises 255 characters at most.
const MAX_ID_BYTES: usize = 255;

/// The text is no id of Stripe's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id: expected 1 to {MAX_ID_BYTES} visible ASCII characters")]
pub struct InvalidId {
    _private: (),
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub struct $name(Box<str>);

            impl $name {
                /// Takes the id. What it starts with is not looked at: Stripe may change that.
                ///
                /// # Errors
                ///
                /// [`InvalidId`] if it is empty, longer than 255 bytes, or has other than visible
                /// ASCII characters.
                pub fn new(id: impl Into<Box<str>>) -> Result<Self, InvalidId> {
                    let id = id.into();
                    if is_id(&id) {
                        Ok(Self(id))
                    } else {
                        Err(InvalidId { _private: () })
                    }
                }

                /// The id as Stripe writes it.
                #[must_use]
                pub fn as_str(&self) -> &str {
                    &self.0
                }
            }

            impl From<&$name> for ObjectId {
                fn from(id: &$name) -> Self {
                    Self(id.0.clone())
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(&self.0)
                }
            }

            impl fmt::Debug for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.debug_tuple(stringify!($name)).field(&self.0).finish()
                }
            }

            impl std::str::FromStr for $name {
                type Err = InvalidId;

                fn from_str(id: &str) -> Result<Self, Self::Err> {
                    Self::new(id)
                }
            }
        )*
    };
}

ids! {
    /// The id of an event, `evt_…`. Unique; a delivery that is repeated repeats it.
    EventId,
    /// The id of any object, whatever its kind.
    ObjectId,
    /// The id of a subscription, `sub_…`.
    SubscriptionId,
    /// The id of an item of a subscription, `si_…`.
    SubscriptionItemId,
    /// The id of an invoice, `in_…`.
    InvoiceId,
    /// The id of a line of an invoice, `il_…`.
    InvoiceLineId,
    /// The id of a payment intent, `pi_…`.
    PaymentIntentId,
    /// The id of a customer, `cus_…`.
    CustomerId,
    /// The id of a price, `price_…`, or of a plan from before there were prices.
    PriceId,
}

fn is_id(text: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_an_id_is_refused() {
        for text in ["", " ", "sub 1", "sub_1\n", "sub_\u{e9}", &"x".repeat(256)] {
            assert!(SubscriptionId::new(text).is_err(), "{text:?}");
        }
        for text in ["sub_1Pgc6rB7WZ01zgkWNy0Cn5nw", "gold", &"x".repeat(255)] {
            assert_eq!(text.parse::<SubscriptionId>().unwrap().as_str(), text);
        }
    }
}
