use std::collections::HashSet;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::glance::TierWord;

/// How many tiers get a number. A service that makes up tiers as it goes gets the rest answered the
/// longer way.
const MOST_WORDS: usize = 1_024;
/// How long the key of one may be that does, in bytes.
const LONGEST_KEY: usize = 64;
/// How many keys all caches of a process may have between them.
const MOST_KEYS: usize = 16 * MOST_WORDS;
/// How many keys are made room for at once.
const CHUNK: usize = 32;

/// The keys of tiers, and their numbers. Reading takes no lock and counts no reference, which readers
/// of all subjects of a tier would fight over.
#[derive(Debug)]
pub(super) struct TierWords {
    chunks: [OnceLock<Box<Chunk>>; MOST_WORDS / CHUNK],
    /// How many there are. Held by who adds one.
    count: Mutex<usize>,
}

type Chunk = [OnceLock<&'static str>; CHUNK];

impl Default for TierWords {
    fn default() -> Self {
        Self {
            chunks: [const { OnceLock::new() }; MOST_WORDS / CHUNK],
            count: Mutex::default(),
        }
    }
}

impl TierWords {
    /// The number of `key`. `None` if there are too many, or it is too long.
    pub(super) fn number(&self, key: &str) -> Option<TierWord> {
        if let Some(word) = self.find(key) {
            return Some(word);
        }
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(word) = self.find(key) {
            return Some(word);
        }
        let chunk = self.chunks.get(*count / CHUNK)?;
        let chunk = chunk.get_or_init(|| Box::new([const { OnceLock::new() }; CHUNK]));
        chunk.get(*count % CHUNK)?.set(lasting(key)?).ok()?;
        *count = count.saturating_add(1);
        word_at(*count)
    }

    /// The key of a number that was given out.
    #[inline]
    pub(super) fn key(&self, word: TierWord) -> Option<&'static str> {
        let index = usize::from(word.number()).checked_sub(1)?;
        let chunk = self.chunks.get(index / CHUNK)?.get()?;
        chunk.get(index % CHUNK)?.get().copied()
    }

    fn find(&self, key: &str) -> Option<TierWord> {
        let keys = self
            .chunks
            .iter()
            .map_while(OnceLock::get)
            .flat_map(|chunk| &**chunk);
        let index = keys
            .map_while(OnceLock::get)
            .position(|known| **known == *key)?;
        word_at(index.checked_add(1)?)
    }
}

fn word_at(number: usize) -> Option<TierWord> {
    u16::try_from(number).ok().map(TierWord::from_number)
}

/// A copy of `key` that stays until the process ends, one for all caches. `None` if there are too many,
/// or it is too long: a mebibyte at most stays.
fn lasting(key: &str) -> Option<&'static str> {
    static KEYS: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
    let mut keys = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
    let keys = keys.get_or_insert_default();
    if let Some(known) = keys.get(key) {
        return Some(known);
    }
    if keys.len() >= MOST_KEYS || key.len() > LONGEST_KEY {
        return None;
    }
    let key: &'static str = Box::leak(key.into());
    keys.insert(key);
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_keeps_its_number_and_there_are_only_so_many() {
        let words = TierWords::default();
        let pro = words.number("pro").unwrap();
        assert_ne!(pro, TierWord::NONE);
        for number in 1..MOST_WORDS {
            assert!(words.number(&number.to_string()).is_some());
        }
        assert_eq!(words.number("one too many"), None);
        assert_eq!(words.number("pro"), Some(pro));
        assert_eq!(words.key(pro), Some("pro"));
        assert_eq!(words.key(TierWord::NONE), None);
    }

    #[test]
    fn each_key_stands_for_itself() {
        let words = TierWords::default();
        let keys = (0..100).map(|number| format!("tier {number}"));
        for key in keys {
            let word = words.number(&key).unwrap();
            assert_eq!(words.key(word), Some(&*key));
        }
        assert_eq!(words.number(&"x".repeat(65)), None);
        assert!(words.number(&"x".repeat(64)).is_some());
    }
}
