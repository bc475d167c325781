//! What the number of a reservation says.

use crate::ReservationId;
use crate::holders::{Holder, Holders};

use super::shards::ShardIndex;
use super::slab::Handle;

const SHARD_BITS: u32 = 6;
const HOLDER_BITS: u32 = Holders::MOST.ilog2();
const REPLAYED: u128 = 1 << (SHARD_BITS + HOLDER_BITS);
const PLAIN: u128 = REPLAYED << 1;
const QUICK: u128 = PLAIN << 1;

/// The meaning of a [`ReservationId`], from the low bits up: shard, holder, whether it was settled
/// when it was given out, which kind of one claim without a key it is, and in the high words place and
/// generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) shard: ShardIndex,
    pub(super) handle: Handle,
    pub(super) kind: TokenKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// One of those who hold an open reservation.
    Holder(Holder),
    /// The only one who holds an open reservation of counters of one shard.
    Plain,
    /// The same of one counter, where a commit takes no lock.
    Quick,
    /// A retry of what was committed before: there is nothing left to settle.
    Replayed,
}

impl Token {
    #[inline]
    pub(super) fn encode(self) -> ReservationId {
        let rest = match self.kind {
            TokenKind::Holder(holder) => u128::from(holder.0) << SHARD_BITS,
            TokenKind::Plain => PLAIN,
            TokenKind::Quick => QUICK,
            TokenKind::Replayed => REPLAYED,
        };
        let place = u128::from(self.handle.slot) << 32;
        let generation = u128::from(self.handle.generation) << 64;
        ReservationId::from_u128(generation | place | rest | u128::from(self.shard.get()))
    }

    /// Where a reservation lies whose commit takes no lock. None if it is not one.
    #[inline]
    pub(super) fn decode_quick(id: ReservationId) -> Option<(ShardIndex, Handle)> {
        let number = id.as_u128();
        let low = number & u128::from(u32::MAX);
        let shard = u64::try_from(low.checked_sub(QUICK)?).ok()?;
        let handle = Handle {
            slot: u32::try_from((number >> 32) & u128::from(u32::MAX)).ok()?,
            generation: u64::try_from(number >> 64).ok()?,
        };
        (shard < 1 << SHARD_BITS).then(|| (ShardIndex::new(shard), handle))
    }

    /// None when the number was not made here.
    #[inline]
    pub(super) fn decode(id: ReservationId) -> Option<Self> {
        let number = id.as_u128();
        let low = u32::try_from(number & u128::from(u32::MAX)).ok()?;
        let holder = (low >> SHARD_BITS) & (Holders::MOST - 1);
        let token = Self {
            shard: ShardIndex::new(u64::from(low)),
            handle: Handle {
                slot: u32::try_from((number >> 32) & u128::from(u32::MAX)).ok()?,
                generation: u64::try_from(number >> 64).ok()?,
            },
            kind: match number & (REPLAYED | PLAIN | QUICK) {
                0 => TokenKind::Holder(Holder(u8::try_from(holder).ok()?)),
                PLAIN => TokenKind::Plain,
                QUICK => TokenKind::Quick,
                _ => TokenKind::Replayed,
            },
        };
        (token.encode() == id).then_some(token)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_says_what_it_was_made_of(
            shard in 0_u64..64, slot: u32, generation: u64, holder in 0_u8..64, kind in 0..4,
        ) {
            let kind = match kind {
                0 => TokenKind::Holder(Holder(holder)),
                1 => TokenKind::Plain,
                2 => TokenKind::Quick,
                _ => TokenKind::Replayed,
            };
            let handle = Handle { slot, generation };
            let token = Token { shard: ShardIndex::new(shard), handle, kind };
            prop_assert_eq!(Token::decode(token.encode()), Some(token));
            let quick = (kind == TokenKind::Quick).then_some((token.shard, handle));
            prop_assert_eq!(Token::decode_quick(token.encode()), quick);
        }

        #[test]
        fn a_foreign_id_means_nothing_or_is_the_same_again(number: u128) {
            let id = ReservationId::from_u128(number);
            if let Some(token) = Token::decode(id) {
                prop_assert_eq!(token.encode(), id);
            }
        }
    }
}
