use std::hash::BuildHasher;

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
    pub(super) fn of(subject: &Subject, hasher: &KeyHasher) -> Self {
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
            [] => [last, 0, 0, 0, 0],
            [a] => [word(a), last, 0, 0, 0],
            [a, b] => [word(a), word(b), last, 0, 0],
            [a, b, c] => [word(a), word(b), word(c), last, 0],
            [a, b, c, d, rest @ ..] => {
                let fifth = rest.first().map_or(last, word);
                [word(a), word(b), word(c), word(d), fifth]
            }
        };
        Self {
            words,
            shape: Shape::new(subject.kind(), u16::try_from(id.len()).unwrap_or(0)),
        }
    }

    #[cold]
    fn standing_for(subject: &Subject, hasher: &KeyHasher) -> Self {
        let words = [hasher.long_ids.hash_one(subject.id()), 0, 0, 0, 0];
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

    /// Whether it is the key of these words and this shape. All of them are looked at, because that takes
    /// less than to jump at the first that differs.
    #[inline]
    pub(super) fn is(&self, words: [u64; WORDS], shape: u16) -> bool {
        let [a, b, c, d, e] = words;
        let [own_a, own_b, own_c, own_d, own_e] = self.words;
        let differing = (a ^ own_a) | (b ^ own_b) | (c ^ own_c) | (d ^ own_d) | (e ^ own_e);
        differing | u64::from(shape ^ self.shape.bits()) == 0
    }
}

/// How keys are hashed: in another way in each store, so that nobody can choose ids that get in each
/// other's way.
///
/// Two numbers at a time are multiplied and the halves of the product put together, as foldhash does (O.
/// Peters, after wyhash by Wang Yi). Each word passes through two such steps: after one alone, ids that
/// are numbers get in each other's way by a tenth more than by chance.
pub(super) struct KeyHasher {
    seeds: [u64; 4],
    long_ids: foldhash::fast::RandomState,
}

impl KeyHasher {
    pub(super) fn new() -> Self {
        let random = foldhash::quality::RandomState::default();
        Self {
            seeds: std::array::from_fn(|index| random.hash_one(index)),
            long_ids: foldhash::fast::RandomState::default(),
        }
    }

    #[inline]
    pub(super) fn hash(&self, key: &Key) -> u64 {
        let [a, b, c, d, e] = key.words;
        let [seed_a, seed_b, seed_c, seed_d] = self.seeds;
        let (one, other) = (
            fold(a ^ seed_a, b ^ seed_b),
            fold(c ^ seed_c, d ^ e ^ seed_d),
        );
        fold(one ^ e, other ^ u64::from(key.shape.bits()))
    }
}

/// The halves of the product, put together.
#[inline]
fn fold(one: u64, other: u64) -> u64 {
    let product = u128::from(one).wrapping_mul(u128::from(other));
    let [lower, upper] = [product, product >> 64].map(|half| half & u128::from(u64::MAX));
    u64::try_from(lower ^ upper).unwrap_or(0)
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
    use std::collections::HashSet;
    use std::sync::LazyLock;

    use super::*;

    fn key(subject: &Subject) -> Key {
        static HASHER: LazyLock<KeyHasher> = LazyLock::new(KeyHasher::new);
        Key::of(subject, &HASHER)
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
                let (one_key, other_key) = (key(one), key(other));
                assert_eq!(one_key == other_key, index == other_index, "{one} {other}");
                let Key { words, shape } = other_key;
                assert_eq!(one_key.is(words, shape.bits()), index == other_index);
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

    /// Of so many keys, how many share a place with one that came before, by each sixteen bits of the
    /// hash.
    fn crowded(ids: impl Iterator<Item = String>) -> [usize; 4] {
        let hasher = KeyHasher::new();
        let mut seen = [(); 4].map(|()| HashSet::new());
        let mut crowded = [0; 4];
        for id in ids {
            let hash = hasher.hash(&key(&Subject::user(id)));
            let parts = hash.to_le_bytes();
            let (parts, _) = parts.as_chunks::<2>();
            for (index, part) in parts.iter().enumerate() {
                crowded[index] += usize::from(!seen[index].insert(*part));
            }
        }
        crowded
    }

    #[test]
    fn ids_that_differ_by_little_are_spread_as_by_chance() {
        const COUNT: usize = 1 << 16;
        // Of as many as there are places, so many come to one that is taken: one in e.
        let by_chance = COUNT * 368 / 1_000;
        let kinds: [fn(usize) -> String; 7] = [
            |n| n.to_string(),
            |n| format!("{n:08}"),
            |n| format!("{n:040}"),
            |n| format!("{n:x}-0000-4000-8000-000000000000"),
            |n| format!("00000000-0000-4000-8000-{n:012x}"),
            |n| format!("{n:08x}-0000-4000-8000-{n:012x}"),
            |n| format!("user_{n}@example.com"),
        ];
        for (kind, id) in kinds.iter().enumerate() {
            for crowded in crowded((0..COUNT).map(id)) {
                assert!(
                    crowded.abs_diff(by_chance) < by_chance / 20,
                    "{kind} {crowded}"
                );
            }
        }
    }

    #[test]
    fn two_stores_hash_in_two_ways() {
        let ada = key(&Subject::user("ada"));
        let hashes: HashSet<_> = (0..8).map(|_| KeyHasher::new().hash(&ada)).collect();
        assert_eq!(hashes.len(), 8);
    }
}
