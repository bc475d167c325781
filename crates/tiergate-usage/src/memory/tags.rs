//! A byte of the hash of what lies in each place of a table, to pass by nearly all others unseen.

/// How many places have their tags in one number.
pub(super) const GROUP: usize = 8;

/// A one in each byte.
const ONES: u64 = u64::from_le_bytes([1; GROUP]);
/// All but the highest bit of each byte.
const LOWER: u64 = u64::from_le_bytes([0x7f; GROUP]);

/// A byte of a hash, or that a place is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag(u8);

impl Tag {
    pub(super) const FREE: Self = Self(0);

    /// Of the lowest bits, which have the least part in where something lies.
    #[inline]
    pub(super) fn of(hash: u32) -> Self {
        let [lowest, ..] = hash.to_le_bytes();
        Self(lowest.max(1))
    }
}

/// The tags of a group of places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tags([u8; GROUP]);

impl Tags {
    pub(super) const ALL_FREE: Self = Self([Tag::FREE.0; GROUP]);

    /// The places with that tag, from the first on.
    #[inline]
    pub(super) fn with(self, Tag(tag): Tag) -> Lanes {
        Lanes::of_zeros(self.number() ^ ONES.wrapping_mul(u64::from(tag)))
    }

    /// The places where nothing lies.
    #[inline]
    pub(super) fn free(self) -> Lanes {
        self.with(Tag::FREE)
    }

    pub(super) fn set(&mut self, lane: usize, Tag(tag): Tag) {
        if let Some(place) = self.0.get_mut(lane) {
            *place = tag;
        }
    }

    #[inline]
    fn number(self) -> u64 {
        u64::from_le_bytes(self.0)
    }
}

/// Places of a group: the highest bit of the byte of each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lanes(u64);

impl Lanes {
    /// Those whose byte is zero (H. S. Warren, "Hacker's Delight", 6-1).
    #[inline]
    fn of_zeros(bytes: u64) -> Self {
        // No byte carries into the next.
        let lower = (bytes & LOWER).wrapping_add(LOWER);
        Self(!(lower | bytes | LOWER))
    }

    #[inline]
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl Iterator for Lanes {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.is_empty() {
            return None;
        }
        let lane = self.0.trailing_zeros() / u8::BITS;
        self.0 &= self.0.wrapping_sub(1);
        usize::try_from(lane).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn exactly_the_places_with_a_tag_are_told_in_order(
            bytes in prop::array::uniform8(0..4_u8),
            others in prop::array::uniform8(any::<u8>()),
            sought in 0..4_u8,
        ) {
            for bytes in [bytes, others] {
                let mut tags = Tags::ALL_FREE;
                for (lane, byte) in bytes.into_iter().enumerate() {
                    tags.set(lane, Tag(byte));
                }
                let right = |sought: u8| (0..GROUP).filter(move |lane| bytes[*lane] == sought);
                prop_assert!(tags.with(Tag(sought)).eq(right(sought)));
                prop_assert!(tags.free().eq(right(0)));
                prop_assert_eq!(tags.free().is_empty(), right(0).next().is_none());
            }
        }
    }

    #[test]
    fn no_hash_is_taken_for_a_free_place() {
        for hash in [0, 1, 0x100, u32::MAX] {
            assert_ne!(Tag::of(hash), Tag::FREE);
        }
    }
}
