//! What the number of a reservation says.

use crate::{ReservationId, StoreError, StoreErrorKind};

use super::name::Tag;

const HOLDER_BITS: u32 = 6;
const HOLDERS: u128 = 1 << HOLDER_BITS;
const NONCES: u64 = 1 << (u64::BITS - HOLDER_BITS);

/// The meaning of a [`ReservationId`], from the high bits down: the tag of its subject, a random name
/// that whoever asked for it made, and which of its holders this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) tag: Tag,
    pub(super) nonce: Nonce,
    pub(super) holder: Holder,
}

/// The name of one call, made before it is sent. So it can be sent again when its answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nonce(u64);

/// One of those who hold a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// Who asked for it, or joined it.
    Numbered(u8),
    /// Who asked again for what was committed before: there is nothing left to settle.
    Replayed,
}

impl Nonce {
    pub(super) fn random() -> Result<Self, StoreError> {
        match getrandom::u64() {
            Ok(random) => Ok(Self(random >> HOLDER_BITS)),
            Err(error) => Err(StoreError::new(StoreErrorKind::Internal)
                .with_detail("the system gives no random numbers")
                .with_source(error)),
        }
    }

    pub(super) fn as_text(self) -> String {
        format!("{:016x}", self.0)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let number = u64::from_str_radix(text, 16).ok()?;
        (number < NONCES).then_some(Self(number))
    }
}

impl Holder {
    /// The number that a script knows it by, or answered.
    pub(super) fn from_number(number: u64) -> Option<Self> {
        match u8::try_from(number).ok()? {
            number if u128::from(number) < HOLDERS - 1 => Some(Self::Numbered(number)),
            number if u128::from(number) == HOLDERS - 1 => Some(Self::Replayed),
            _ => None,
        }
    }
}

impl Token {
    pub(super) fn encode(self) -> ReservationId {
        let holder = match self.holder {
            Holder::Numbered(number) => u128::from(number),
            Holder::Replayed => HOLDERS - 1,
        };
        let nonce = u128::from(self.nonce.0) << HOLDER_BITS;
        ReservationId::from_u128(u128::from(self.tag.as_u64()) << 64 | nonce | holder)
    }

    /// None for the largest number, which is never made and would seem to be replayed.
    pub(super) fn decode(id: ReservationId) -> Option<Self> {
        let number = id.as_u128();
        if number == u128::MAX {
            return None;
        }
        let low = u64::try_from(number & u128::from(u64::MAX)).ok()?;
        Some(Self {
            tag: Tag::from_u64(u64::try_from(number >> 64).ok()?),
            nonce: Nonce(low >> HOLDER_BITS),
            holder: Holder::from_number(u64::try_from(number % HOLDERS).ok()?)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_says_what_it_was_made_of(tag: u64, nonce in 0..NONCES, holder in 0_u64..64) {
            let (tag, nonce) = (Tag::from_u64(tag), Nonce(nonce));
            let token = Token { tag, nonce, holder: Holder::from_number(holder).unwrap() };
            prop_assert_eq!(Token::decode(token.encode()), Some(token));
            prop_assert_eq!(Nonce::parse(&nonce.as_text()), Some(nonce));
        }

        #[test]
        fn every_number_means_the_same_again(number: u128) {
            let id = ReservationId::from_u128(number);
            prop_assert_eq!(Token::decode(id).map(Token::encode), Some(id));
        }
    }

    #[test]
    fn names_are_not_made_twice() {
        let nonces: Vec<Nonce> = (0..100).map(|_| Nonce::random().unwrap()).collect();
        for (index, nonce) in nonces.iter().enumerate() {
            assert!(!nonces[..index].contains(nonce));
        }
    }
}
