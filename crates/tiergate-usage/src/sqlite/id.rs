//! What the number of a reservation says.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ReservationId;
use crate::holders::{Holder, Holders};

/// The low byte tells who holds it; the rest is the operation.
const LOW_BITS: u32 = 8;
const REPLAYED: u128 = 1 << 6;

/// Names operations, each once: a number of this store, which the operating system drew, and how many
/// it had named before.
#[derive(Debug)]
pub(super) struct Names {
    store: u64,
    named: AtomicU64,
}

impl Names {
    pub(super) fn new() -> Self {
        Self {
            store: RandomState::new().build_hasher().finish(),
            named: AtomicU64::new(0),
        }
    }

    /// The number of this store.
    pub(super) fn store(&self) -> u64 {
        self.store
    }

    pub(super) fn next(&self) -> OperationId {
        let number = self.named.fetch_add(1, Ordering::Relaxed);
        let high = u128::from(self.store) << 64;
        OperationId(high | (u128::from(number) << LOW_BITS & u128::from(u64::MAX)))
    }
}

/// One operation that reserves, by a number whose low byte is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct OperationId(u128);

impl OperationId {
    pub(super) fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// None when the number was not made here.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let number = u128::from_be_bytes(bytes.try_into().ok()?);
        (number.trailing_zeros() >= LOW_BITS).then_some(Self(number))
    }
}

/// The meaning of a [`ReservationId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) operation: OperationId,
    pub(super) kind: TokenKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// One of those who hold an open reservation.
    Holder(Holder),
    /// A retry of what was committed before: there is nothing left to settle.
    Replayed,
}

impl Token {
    pub(super) fn encode(self) -> ReservationId {
        let low = match self.kind {
            TokenKind::Holder(holder) => u128::from(holder.0),
            TokenKind::Replayed => REPLAYED,
        };
        ReservationId::from_u128(self.operation.0 | low)
    }

    /// None when the number was not made here.
    pub(super) fn decode(id: ReservationId) -> Option<Self> {
        let number = id.as_u128();
        let operation = OperationId(number >> LOW_BITS << LOW_BITS);
        let kind = match number & u128::from(u8::MAX) {
            REPLAYED => TokenKind::Replayed,
            holder if holder < u128::from(Holders::MOST) => {
                TokenKind::Holder(Holder(u8::try_from(holder).ok()?))
            }
            _ => return None,
        };
        Some(Self { operation, kind })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_says_what_it_was_made_of(number: u128, holder in 0_u8..64, replayed: bool) {
            let operation = OperationId(number >> LOW_BITS << LOW_BITS);
            let kind = if replayed { TokenKind::Replayed } else { TokenKind::Holder(Holder(holder)) };
            let token = Token { operation, kind };
            prop_assert_eq!(Token::decode(token.encode()), Some(token));
            prop_assert_eq!(OperationId::from_bytes(&operation.to_bytes()), Some(operation));
        }

        #[test]
        fn a_foreign_id_means_nothing_or_is_the_same_again(number: u128) {
            let id = ReservationId::from_u128(number);
            if let Some(token) = Token::decode(id) {
                prop_assert_eq!(token.encode(), id);
            }
        }
    }

    #[test]
    fn no_two_operations_have_one_name() {
        let (one, other) = (Names::new(), Names::new());
        let names = [one.next(), one.next(), other.next(), other.next()];
        for (place, name) in names.iter().enumerate() {
            assert!(!names[..place].contains(name));
        }
    }
}
