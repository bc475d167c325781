//! The names of local operations and of leases.

use std::hash::{BuildHasher, RandomState};

use crate::memory::slab::Handle;
use crate::{LeaseId, ReservationId};

use super::board::ShardIndex;

const SHARD_BITS: u32 = 6;
const TAG_BITS: u32 = 32 - SHARD_BITS;

/// The names of the operations of one shard.
///
/// From the low bits up a name is made of the shard, a tag, and in the high words place and
/// generation. The tag is random, and so is where generations begin: an id of the store behind does
/// not meet one of an open local operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names {
    tag: Tag,
    shard: ShardIndex,
}

/// What tells the ids of one process from those of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag(u32);

impl Tag {
    pub(super) fn random() -> Self {
        // The highest bit is set, so that no store whose ids leave it clear can meet it.
        let random = RandomState::new().hash_one("tag") >> (u64::BITS - TAG_BITS);
        let tag = u32::try_from(random).unwrap_or(0);
        Self(tag | 1 << (TAG_BITS - 1))
    }

    /// The shard of an operation of this process.
    #[inline]
    pub(super) fn shard(self, id: ReservationId) -> Option<ShardIndex> {
        let low = u32::try_from(id.as_u128() & u128::from(u32::MAX)).ok()?;
        (low >> SHARD_BITS == self.0).then(|| ShardIndex::new(u64::from(low)))
    }
}

impl Names {
    pub(super) fn new(tag: Tag, shard: ShardIndex) -> Self {
        Self { tag, shard }
    }

    #[inline]
    pub(super) fn name(self, handle: Handle) -> ReservationId {
        let low = u128::from(self.tag.0) << SHARD_BITS | u128::from(self.shard.get());
        let place = u128::from(handle.slot) << 32;
        let generation = u128::from(handle.generation) << 64;
        ReservationId::from_u128(generation | place | low)
    }

    #[inline]
    pub(super) fn handle(self, id: ReservationId) -> Option<Handle> {
        if self.tag.shard(id) != Some(self.shard) {
            return None;
        }
        let number = id.as_u128();
        Some(Handle {
            slot: u32::try_from((number >> 32) & u128::from(u32::MAX)).ok()?,
            generation: u64::try_from(number >> 64).ok()?,
        })
    }
}

/// Makes names of leases that nobody else makes.
#[derive(Debug, Default)]
pub(super) struct LeaseIds {
    // Keyed by what the operating system gives as random.
    high: RandomState,
    low: RandomState,
}

impl LeaseIds {
    /// The id of the lease with this number, of which each is taken once.
    pub(super) fn id(&self, number: u64) -> LeaseId {
        let (high, low) = (self.high.hash_one(number), self.low.hash_one(number));
        LeaseId::from_u128(u128::from(high) << 64 | u128::from(low))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_leads_back_to_its_operation(shard in 0_u64..64, slot: u32, generation: u64) {
            let shard = ShardIndex::new(shard);
            let names = Names::new(Tag::random(), shard);
            let handle = Handle { slot, generation };
            let name = names.name(handle);
            prop_assert_eq!(names.tag.shard(name), Some(shard));
            prop_assert_eq!(names.handle(name), Some(handle));
        }
    }

    #[test]
    fn names_of_another_process_mean_nothing() {
        let shard = ShardIndex::new(3);
        let names = |tag: u32| Names::new(Tag(1 << 25 | tag), shard);
        let handle = Handle {
            slot: 1,
            generation: 2,
        };
        assert_eq!(names(1).handle(names(2).name(handle)), None);
    }

    #[test]
    fn no_two_leases_have_one_id() {
        let (one, other) = (LeaseIds::default(), LeaseIds::default());
        let ids: HashSet<LeaseId> = (0..1_000)
            .flat_map(|number| [one.id(number), other.id(number)])
            .collect();
        assert_eq!(ids.len(), 2_000);
    }
}
