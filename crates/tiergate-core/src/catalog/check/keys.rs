//! Keys: their form, and that none is there twice.

use std::collections::HashMap;

use crate::catalog::collect::Faults;
use crate::catalog::fault::FaultKind;
use crate::catalog::fields::MAX_KEY;
use crate::catalog::source::{Located, Span};
use crate::catalog::words::echo;

/// Where each key of its sort was first seen, and its index.
#[derive(Debug, Default)]
pub(super) struct Keys {
    seen: HashMap<Box<str>, (usize, Option<Span>), foldhash::quality::RandomState>,
}

impl Keys {
    pub(super) fn index(&self, key: &str) -> Option<usize> {
        self.seen.get(key).map(|(index, _)| *index)
    }

    /// Notes a key and gives its index. One that was there already is told, and has none.
    pub(super) fn note(
        &mut self,
        sort: &str,
        key: &Located<Box<str>>,
        faults: &mut Faults,
    ) -> Option<usize> {
        if let Some((_, first)) = self.seen.get(&key.value) {
            faults.add_second(
                FaultKind::Duplicate,
                key.span,
                *first,
                format!("the {sort} `{}` is there twice", echo(&key.value)),
                "rename one of the two, or remove it",
            );
            return None;
        }
        check_form(sort, key, faults);
        let index = self.seen.len();
        self.seen.insert(key.value.clone(), (index, key.span));
        Some(index)
    }
}

fn check_form(sort: &str, key: &Located<Box<str>>, faults: &mut Faults) {
    if is_key(&key.value) {
        return;
    }
    let written = echo(&key.value);
    let help = match repaired(&key.value) {
        Some(better) => format!("write `{better}`: small letters, digits and underscores"),
        None => format!(
            "write a small letter, then small letters, digits and underscores, at most {MAX_KEY}"
        ),
    };
    let message = format!("the {sort} key `{written}` cannot be used");
    faults.add(FaultKind::BadKey, key.span, message, help);
}

/// Whether a key has the form `[a-z][a-z0-9_]{0,63}`.
fn is_key(key: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    key.len() <= MAX_KEY
        && key.starts_with(|c: char| c.is_ascii_lowercase())
        && key.bytes().all(inner)
}

/// The key that was probably meant.
fn repaired(key: &str) -> Option<String> {
    let better = key.trim().to_lowercase().replace(['-', ' ', '.'], "_");
    is_key(&better).then_some(better)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_one_form() {
        for key in ["a", "a1", "a_b", &"a".repeat(64)] {
            assert!(is_key(key), "{key}");
        }
        for key in ["", "1a", "_a", "A", "a-b", "a b", "ä", &"a".repeat(65)] {
            assert!(!is_key(key), "{key}");
        }
        assert_eq!(repaired("Team-Small").as_deref(), Some("team_small"));
        assert_eq!(repaired("größe"), None);
    }
}
