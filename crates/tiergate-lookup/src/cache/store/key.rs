use std::hash::{BuildHasher, Hasher};

use tiergate_core::{Subject, SubjectKind};

/// The longest id that is kept in the table itself. A UUID has 36 bytes.
const INLINE: usize = 40;
/// How many numbers that takes.
pub(super) const WORDS: usize = INLINE / 8;

/// A subject as the table compares it: the id in numbers, and what they mean.
///
/// What is longer than fits is stood for by its hash, and the subject is compared beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) words: [u64; WORDS],
    pub(super) shape: Shape,
}

/// How the numbers of a key are to be read, in sixteen bits. Never zero: that is a place where nobody
/// is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape(u16);

impl Shape {
    const USER: u16 = 1 << 8;
    const ORGANIZATION: u16 = 2 << 8;
    const LONG: u16 = 1 << 10;

    fn new(kind: SubjectKind, length: u16) -> Self {
        let kind = match kind {
            SubjectKind::User => Self::USER,
            SubjectKind::Organization => Self::ORGANIZATION,
        };
        Self(kind | length)
    }

    pub(super) fn bits(self) -> u16 {
        self.0
    }

    /// Whether the key only stands for the subject.
    pub(super) fn is_long(self) -> bool {
        self.0 & Self::LONG != 0
    }
}

impl Key {
    /// Whether a subject's id is longer than fits.
    pub(super) fn is_long(subject: &Subject) -> bool {
        subject.id().len() > INLINE
    }

    #[inline]
    pub(super) fn of(subject: &Subject, hasher: &impl BuildHasher) -> Self {
        let id = subject.id().as_bytes();
        if id.len() > INLINE {
            return Self::standing_for(subject, hasher);
        }
        // Spelled out by the number of whole words, because a copy by a loop becomes one through
        // memory, which makes the processor wait for it.
        let (whole, rest) = id.as_chunks();
        let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
        let last = last_word(id, rest);
        let words = match whole {
            [a, b, c, d] => [word(a), word(b), word(c), word(d), last],
            [] => [last, 0, 0, 0, 0],
            [a] => [word(a), last, 0, 0, 0],
            [a, b] => [word(a), word(b), last, 0, 0],
            [a, b, c] => [word(a), word(b), word(c), last, 0],
            [a, b, c, d, e, ..] => [a, b, c, d, e].map(word),
        };
        Self {
            words,
            shape: Shape::new(subject.kind(), u16::try_from(id.len()).unwrap_or(0)),
        }
    }

    #[cold]
    fn standing_for(subject: &Subject, hasher: &impl BuildHasher) -> Self {
        let mut words = [0; WORDS];
        if let Some(word) = words.first_mut() {
            *word = hasher.hash_one(subject.id());
        }
        let shape = Shape::new(subject.kind(), 0);
        Self {
            words,
            shape: Shape(shape.bits() | Shape::LONG),
        }
    }

    pub(super) fn from_parts(words: [u64; WORDS], shape: u16) -> Option<Self> {
        (shape != 0).then_some(Self {
            words,
            shape: Shape(shape),
        })
    }

    #[inline]
    pub(super) fn hash(&self, hasher: &impl BuildHasher) -> u64 {
        let mut hasher = hasher.build_hasher();
        for word in self.words {
            hasher.write_u64(word);
        }
        hasher.write_u16(self.shape.bits());
        hasher.finish()
    }
}

/// What is left of an id after its whole words, as a number.
#[inline]
fn last_word(id: &[u8], rest: &[u8]) -> u64 {
    match id.last_chunk() {
        // The last eight bytes, without those that belong to the word before: all of them if nothing
        // is left, which is one more than can be shifted out at once.
        Some(last) => {
            let left = (rest.len() % 8) * 8;
            (u64::from_le_bytes(*last) >> 1) >> (63 - left)
        }
        None => rest
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(subject: &Subject) -> Key {
        Key::of(subject, &foldhash::fast::FixedState::default())
    }

    #[test]
    fn two_subjects_have_two_keys() {
        let ids = [
            "",
            "a",
            "a\0",
            "b",
            &"x".repeat(40),
            &"x".repeat(41),
            &"y".repeat(41),
        ];
        let kinds = [SubjectKind::User, SubjectKind::Organization];
        let subjects: Vec<_> = ids
            .iter()
            .flat_map(|id| kinds.map(|kind| Subject::new(kind, *id)))
            .collect();
        for (index, one) in subjects.iter().enumerate() {
            for (other_index, other) in subjects.iter().enumerate() {
                assert_eq!(
                    key(one) == key(other),
                    index == other_index,
                    "{one} {other}"
                );
            }
        }
    }

    #[test]
    fn the_words_are_the_bytes_of_the_id() {
        let id: String = ('!'..'z').take(INLINE).collect();
        for length in 0..=INLINE {
            let subject = Subject::user(&id[..length]);
            let words = key(&subject).words.map(u64::to_le_bytes).concat();
            let (bytes, beyond) = words.split_at(length);
            assert_eq!(bytes, subject.id().as_bytes());
            assert!(beyond.iter().all(|byte| *byte == 0), "{beyond:?}");
        }
    }

    #[test]
    fn only_what_does_not_fit_is_stood_for() {
        assert!(!key(&Subject::user("x".repeat(40))).shape.is_long());
        assert!(key(&Subject::user("x".repeat(41))).shape.is_long());
    }
}
