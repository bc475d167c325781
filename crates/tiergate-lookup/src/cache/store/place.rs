use std::sync::Arc;
use std::sync::atomic::Ordering;

use arc_swap::ArcSwapOption;

use super::Kept;
use super::atomics::StdAtomics;
use super::key::{Key, WORDS};
use super::versioned::Versioned;
use crate::cache::glance::Glance;

/// The numbers of a place: the key, its shape with the head of the glance, and until when that is
/// fresh.
const NUMBERS: usize = WORDS + 2;

/// One line of a processor's cache: who is here, and what can be told of them at a glance.
pub(super) type Line = Versioned<StdAtomics, NUMBERS>;

/// How often a place was used since the last look, as far as is counted.
const MOST_USES: u32 = 3;

/// A place of the table, borrowed.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) line: &'a Line,
    pub(super) kept: &'a ArcSwapOption<Kept>,
}

/// Who a reader found at a place.
pub(super) enum Who<R> {
    Nobody,
    SomebodyElse,
    /// The one who is looked for.
    Found(R),
}

/// Who a reader guesses is at a place.
pub(super) enum Guess {
    Nobody,
    SomebodyElse,
    /// The one who is looked for, or somebody whose id begins alike.
    Perhaps,
}

impl Place<'_> {
    /// A guess whether somebody else is here, at a fraction of the cost of looking. Where it is wrong,
    /// because somebody wrote meanwhile, who is looked for is missed.
    #[inline]
    pub(super) fn guess(line: &Line, key: &Key) -> Guess {
        line.guess(|numbers| {
            let [first, .., head, _] = numbers;
            let [sought, ..] = key.words;
            if first.load(Ordering::Relaxed) == sought {
                Guess::Perhaps
            } else if shape_in(head.load(Ordering::Relaxed)) == 0 {
                Guess::Nobody
            } else {
                Guess::SomebodyElse
            }
        })
    }

    /// Looks who is here, without a lock, and reads of the one who is looked for. `None` if somebody
    /// wrote meanwhile.
    #[inline]
    pub(super) fn look<R>(
        line: &Line,
        key: &Key,
        read: impl FnOnce(Glance) -> R,
    ) -> Option<Who<R>> {
        line.read(|numbers| {
            let [words @ .., head, until] = numbers;
            let head = head.load(Ordering::Relaxed);
            let shape = shape_in(head);
            if shape == 0 {
                return Who::Nobody;
            }
            let same = shape == key.shape.bits()
                && words
                    .iter()
                    .zip(key.words)
                    .all(|(word, sought)| word.load(Ordering::Relaxed) == sought);
            if !same {
                return Who::SomebodyElse;
            }
            Who::Found(read(Glance::from_numbers(
                head & GLANCE,
                until.load(Ordering::Relaxed),
            )))
        })
    }

    /// The key of who is here, for whoever holds the lock.
    pub(super) fn key(&self) -> Option<Key> {
        let [words @ .., head, _] = self.line.numbers();
        Key::from_parts(words, shape_in(head))
    }

    /// What can be told of who is here, for whoever holds the lock.
    pub(super) fn glance(&self) -> Glance {
        let [.., head, until] = self.line.numbers();
        Glance::from_numbers(head & GLANCE, until)
    }

    /// Puts somebody here. The caller holds the lock.
    pub(super) fn fill(&self, key: &Key, glance: Glance, kept: Arc<Kept>) {
        let (glance, until) = glance.into_numbers();
        let [a, b, c, d, e] = key.words;
        let head = glance | u64::from(key.shape.bits());
        self.write([a, b, c, d, e, head, until], Some(kept));
    }

    /// Puts here who is at `other`, where they stay for now. The caller holds the lock.
    pub(super) fn copy(&self, other: Self) {
        self.write(other.line.numbers(), other.kept.load_full());
        self.set_uses(other.uses());
    }

    /// Makes the place empty. The caller holds the lock.
    pub(super) fn clear(&self) -> Option<Arc<Kept>> {
        let before = self.write([0; NUMBERS], None);
        self.set_uses(0);
        before
    }

    fn write(&self, numbers: [u64; NUMBERS], kept: Option<Arc<Kept>>) -> Option<Arc<Kept>> {
        let mut before = None;
        self.line.write(numbers, || before = self.kept.swap(kept));
        before
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
