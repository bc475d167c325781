use std::sync::atomic::Ordering;

use super::atomics::StdAtomics;
use super::key::{Key, WORDS};
use super::slab::{Slab, SlotNumber};
use super::tags::{Tag, Tags};
use super::versioned::Versioned;
use crate::cache::glance::{Glance, SPARE};

/// The numbers of a place: the key, its shape with the head of the glance, and until when that is
/// fresh, with the berth.
const NUMBERS: usize = WORDS + 2;

/// One line of a processor's cache: who is here, what can be told of them at a glance, and where the
/// rest is.
pub(super) type Line = Versioned<StdAtomics, NUMBERS>;

/// How often a place was used since the last look, as far as is counted.
const MOST_USES: u32 = 3;

/// A place of the table, borrowed.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) line: &'a Line,
    /// Of its group.
    pub(super) tags: &'a Tags,
    /// Its place in the group.
    pub(super) lane: usize,
}

/// Where the record of somebody is, and on what terms they stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Berth {
    pub(super) slot: SlotNumber,
    pub(super) tenure: Tenure,
}

/// Whether somebody has to come again to stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tenure {
    OnTrial,
    Regular,
}

impl Berth {
    const BITS: u64 = (1 << SPARE) - 1;
    const REGULAR: u64 = 1 << (SPARE - 1);

    fn into_bits(self) -> u64 {
        let SlotNumber(slot) = self.slot;
        let tenure = match self.tenure {
            Tenure::OnTrial => 0,
            Tenure::Regular => Self::REGULAR,
        };
        u64::from(slot) | tenure
    }

    #[inline]
    fn in_number(number: u64) -> Self {
        let [a, b, c, ..] = (number & (Self::REGULAR - 1)).to_le_bytes();
        Self {
            slot: SlotNumber(u32::from_le_bytes([a, b, c, 0])),
            tenure: if number & Self::REGULAR == 0 {
                Tenure::OnTrial
            } else {
                Tenure::Regular
            },
        }
    }
}

// There are bits enough for each number of a slot.
const _: () = assert!(Slab::MOST as u64 <= Berth::REGULAR);

impl Place<'_> {
    /// Reads of who is here, without a lock, if it is the one who is looked for. `None` if not, or if
    /// somebody wrote meanwhile.
    #[inline]
    pub(super) fn look<R>(
        line: &Line,
        key: &Key,
        read: impl FnOnce(Glance, Berth) -> R,
    ) -> Option<R> {
        let looked = line.read(|numbers| {
            let [words @ .., head, until] = numbers;
            let head = head.load(Ordering::Relaxed);
            let words = words.each_ref().map(|word| word.load(Ordering::Relaxed));
            if !key.is(words, shape_in(head)) {
                return None;
            }
            let until = until.load(Ordering::Relaxed);
            let glance = Glance::from_numbers(head & GLANCE, until);
            Some(read(glance, Berth::in_number(until)))
        });
        looked?
    }

    /// The key of who is here, for whoever holds the lock.
    pub(super) fn key(&self) -> Option<Key> {
        let [words @ .., head, _] = self.line.numbers();
        Key::from_parts(words, shape_in(head))
    }

    /// Whether anybody is here, for whoever holds the lock.
    pub(super) fn is_taken(&self) -> bool {
        self.tag() != Tag::NOBODY
    }

    fn tag(&self) -> Tag {
        self.tags.get(self.lane)
    }

    /// Says whose hash is here. The caller holds the lock.
    pub(super) fn set_tag(&self, tag: Tag) {
        self.tags.set(self.lane, tag);
    }

    /// The berth of who is here, for whoever holds the lock.
    pub(super) fn berth(&self) -> Berth {
        let [.., until] = self.line.numbers();
        Berth::in_number(until)
    }

    /// What can be told of who is here, for whoever holds the lock.
    pub(super) fn glance(&self) -> Glance {
        let [.., head, until] = self.line.numbers();
        Glance::from_numbers(head & GLANCE, until & !Berth::BITS)
    }

    /// Puts somebody here, with what `meanwhile` changes of their record. The caller holds the lock.
    pub(super) fn fill(&self, key: &Key, glance: Glance, berth: Berth, meanwhile: impl FnOnce()) {
        let (glance, until) = glance.into_numbers();
        let [a, b, c, d, e] = key.words;
        let head = glance | u64::from(key.shape.bits());
        let until = until | berth.into_bits();
        self.line.write([a, b, c, d, e, head, until], meanwhile);
    }

    /// Puts here who is at `other`, where they stay for now. The caller holds the lock.
    pub(super) fn copy(&self, other: Self) {
        self.line.write(other.line.numbers(), || {});
        self.set_uses(other.uses());
        self.set_tag(other.tag());
    }

    /// Makes the place empty. The caller holds the lock.
    pub(super) fn clear(&self) {
        self.set_tag(Tag::NOBODY);
        self.line.write([0; NUMBERS], || {});
        self.set_uses(0);
    }

    /// Lets who is here stay. The caller holds the lock.
    pub(super) fn make_regular(&self) {
        let mut numbers = self.line.numbers();
        let [.., until] = &mut numbers;
        *until |= Berth::REGULAR;
        self.line.write(numbers, || {});
    }

    #[inline]
    pub(super) fn uses(&self) -> u32 {
        self.line.mark.load(Ordering::Relaxed)
    }

    #[inline]
    pub(super) fn set_uses(&self, uses: u32) {
        self.line.mark.store(uses, Ordering::Relaxed);
    }
}

/// Notes a use. Two who do so at once may count as one, and where somebody is used all the time nothing
/// is written.
#[inline]
pub(super) fn note_use(line: &Line) {
    let uses = line.mark.load(Ordering::Relaxed);
    if uses < MOST_USES {
        line.mark.store(uses.saturating_add(1), Ordering::Relaxed);
    }
}

/// What of the head belongs to the glance.
const GLANCE: u64 = !0xffff;

#[inline]
fn shape_in(head: u64) -> u16 {
    let [low, high, ..] = head.to_le_bytes();
    u16::from_le_bytes([low, high])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_berth_is_read_as_it_was_written_beside_any_moment() {
        for slot in [0, 1, 0x00ab_cdef & 0x007f_ffff, 0x007f_ffff] {
            for tenure in [Tenure::OnTrial, Tenure::Regular] {
                let slot = SlotNumber(slot);
                let berth = Berth { slot, tenure };
                assert_eq!(berth.into_bits() & !Berth::BITS, 0);
                let number = u64::MAX << SPARE | berth.into_bits();
                assert_eq!(Berth::in_number(number), berth);
            }
        }
    }
}
