//! What the number of a reservation says.

use crate::ReservationId;

use super::shards::ShardIndex;
use super::slab::Handle;

const SHARD_BITS: u32 = 6;
const HOLDER_BITS: u32 = 6;
const REPLAYED: u128 = 1 << (SHARD_BITS + HOLDER_BITS);

/// The meaning of a [`ReservationId`], from the low bits up: shard, holder, whether it was settled
/// when it was given out, and in the high words place and generation.
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
    /// A retry of what was committed before: there is nothing left to settle.
    Replayed,
}

impl Token {
    pub(super) fn encode(self) -> ReservationId {
        let rest = match self.kind {
            TokenKind::Holder(holder) => u128::from(holder.0) << SHARD_BITS,
            TokenKind::Replayed => REPLAYED,
        };
        let place = u128::from(self.handle.slot) << 32;
        let generation = u128::from(self.handle.generation) << 64;
        ReservationId::from_u128(generation | place | rest | u128::from(self.shard.get()))
    }

    /// None when the number was not made here.
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
            kind: if number & REPLAYED == 0 {
                TokenKind::Holder(Holder(u8::try_from(holder).ok()?))
            } else {
                TokenKind::Replayed
            },
        };
        (token.encode() == id).then_some(token)
    }
}

/// One of those who hold the same reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Holder(u8);

/// Those who hold one reservation: who asked for it, and who joined with the same idempotency key.
///
/// Numbers are not given out twice, so that leaving twice is leaving once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Holders {
    present: u64,
    numbered: u8,
}

impl Holders {
    /// How many may ever hold one reservation.
    pub(super) const MOST: u32 = 1 << HOLDER_BITS;

    pub(super) fn first() -> (Self, Holder) {
        let only = Self {
            present: 1,
            numbered: 1,
        };
        (only, Holder(0))
    }

    /// One more, or none when there were too many.
    pub(super) fn join(&mut self) -> Option<Holder> {
        if u32::from(self.numbered) >= Self::MOST {
            return None;
        }
        let holder = Holder(self.numbered);
        self.numbered += 1;
        self.present |= holder.bit();
        Some(holder)
    }

    /// Whether the holder was still there to leave.
    pub(super) fn leave(&mut self, holder: Holder) -> bool {
        let was_present = self.present & holder.bit() != 0;
        self.present &= !holder.bit();
        was_present
    }

    pub(super) fn contains(self, holder: Holder) -> bool {
        self.present & holder.bit() != 0
    }

    pub(super) fn is_empty(self) -> bool {
        self.present == 0
    }
}

impl Holder {
    fn bit(self) -> u64 {
        1_u64.checked_shl(u32::from(self.0)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_says_what_it_was_made_of(
            shard in 0_u64..64, slot: u32, generation: u64, holder in 0_u8..64, replayed: bool,
        ) {
            let kind = if replayed { TokenKind::Replayed } else { TokenKind::Holder(Holder(holder)) };
            let handle = Handle { slot, generation };
            let token = Token { shard: ShardIndex::new(shard), handle, kind };
            prop_assert_eq!(Token::decode(token.encode()), Some(token));
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
    fn leaving_twice_is_leaving_once() {
        let (mut holders, first) = Holders::first();
        let second = holders.join().unwrap();
        assert!(holders.leave(first));
        assert!(!holders.leave(first));
        assert!(!holders.is_empty());
        assert!(holders.leave(second));
        assert!(holders.is_empty());
    }

    #[test]
    fn joining_ends_at_the_stated_bound() {
        let (mut holders, _) = Holders::first();
        for _ in 1..Holders::MOST {
            assert!(holders.join().is_some());
        }
        assert_eq!(holders.join(), None);
    }
}
