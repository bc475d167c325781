use std::sync::atomic::{AtomicU64, Ordering};

/// How many places have their tags in one number.
pub(super) const GROUP: usize = 8;

/// A byte of somebody's hash, by which a reader passes by nearly everybody else without looking at them.
/// A hint: while somebody comes or goes, it may be of who was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag(u8);

impl Tag {
    /// Nobody is there.
    pub(super) const NOBODY: Self = Self(0);

    /// Of the lowest bits, which have the least part in where somebody is.
    #[inline]
    pub(super) fn of(hash: u64) -> Self {
        let [lowest, ..] = hash.to_le_bytes();
        Self(lowest.max(1))
    }
}

/// The tags of a group of places, in one number, so that all are compared at once and where among them
/// somebody is decides over no jump, which a processor could not foresee.
///
/// As in the tables of M. Kulukundis ("Designing a fast, efficient, cache-friendly hash table", 2017), a
/// reader waits for one line of memory, whoever is in the way: tags are so few bytes that they stay in
/// the processor's caches.
#[derive(Debug)]
pub(super) struct Tags(AtomicU64);

/// The tags of a group as they were read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen(u64);

/// Places of a group: the highest bit of the byte of each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lanes(u64);

/// A one in each byte.
const ONES: u64 = u64::from_le_bytes([1; GROUP]);
/// All but the highest bit of each byte.
const LOWER: u64 = u64::from_le_bytes([0x7f; GROUP]);

impl Tags {
    /// Nobody is anywhere.
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    #[inline]
    pub(super) fn load(&self) -> Seen {
        Seen(self.0.load(Ordering::Relaxed))
    }

    /// The tag of a place, for whoever holds the lock.
    pub(super) fn get(&self, lane: usize) -> Tag {
        let tags = self.load().0.to_le_bytes();
        tags.get(lane).map_or(Tag::NOBODY, |tag| Tag(*tag))
    }

    /// Changes the tag of a place. The caller holds the lock.
    pub(super) fn set(&self, lane: usize, Tag(tag): Tag) {
        let mut tags = self.load().0.to_le_bytes();
        if let Some(place) = tags.get_mut(lane) {
            *place = tag;
        }
        self.0.store(u64::from_le_bytes(tags), Ordering::Relaxed);
    }
}

impl Seen {
    /// The places with that tag.
    #[inline]
    pub(super) fn with(self, Tag(tag): Tag) -> Lanes {
        Lanes::without_bits(self.0 ^ ONES.wrapping_mul(u64::from(tag)))
    }

    /// Whether nobody is at one of the places, so that who is looked for is nowhere behind them.
    #[inline]
    pub(super) fn have_room(self) -> bool {
        Lanes::without_bits(self.0).0 != 0
    }
}

impl Lanes {
    /// Those whose byte is zero (H. S. Warren, "Hacker's Delight", 6-1).
    #[inline]
    fn without_bits(bytes: u64) -> Self {
        // No byte carries into the next.
        let low_bits = (bytes & LOWER).wrapping_add(LOWER);
        Self(!(low_bits | bytes | LOWER))
    }
}

impl Iterator for Lanes {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let lowest = self.0.trailing_zeros() / 8;
        let more = self.0 != 0;
        self.0 &= self.0.wrapping_sub(1);
        more.then_some(lowest as usize)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Few values, so that there are equal ones, and those that differ by one bit.
    fn bytes() -> impl Strategy<Value = [u8; GROUP]> {
        let byte = prop_oneof![
            prop::sample::select(&[0, 1, 2, 0x7f, 0x80, 0x81, 0xff][..]),
            any::<u8>()
        ];
        prop::array::uniform8(byte)
    }

    proptest! {
        #[test]
        fn all_with_a_tag_are_found_and_nobody_else(bytes in bytes(), other: u8) {
            let tags = Tags::new();
            for (lane, byte) in bytes.into_iter().enumerate() {
                tags.set(lane, Tag(byte));
            }
            let seen = tags.load();
            for tag in bytes.into_iter().chain([other]) {
                let found: Vec<_> = seen.with(Tag(tag)).collect();
                let there = |lane: &usize| tags.get(*lane) == Tag(tag) && bytes[*lane] == tag;
                let expected: Vec<_> = (0..GROUP).filter(there).collect();
                prop_assert_eq!(found, expected);
            }
            prop_assert_eq!(seen.have_room(), bytes.contains(&0));
        }
    }
}
