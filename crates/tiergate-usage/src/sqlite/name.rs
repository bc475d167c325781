//! How counters, idempotency keys and claims are written in the file.
//!
//! As text that can be read, in which every part that somebody chose has its length before it. So no
//! two names can meet, whatever is in the parts. It is kept as bytes: a subject may hold anything.

use std::fmt::Write;
use std::time::Duration;

use smallvec::SmallVec;
use tiergate_core::time::Timestamp;
use tiergate_core::{Subject, SubjectKind};

use crate::{Claim, CounterKey, CounterWindow, IdempotencyKey, MAX_CLAIMS};

/// Units of one counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HeldUnits {
    pub(super) key: CounterKey,
    pub(super) units: u64,
}

/// What a reservation holds, in the order of its claims.
pub(super) type Held = SmallVec<[HeldUnits; MAX_CLAIMS]>;

/// The name of an idempotency key, within what its subject asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ScopedName(pub(super) Vec<u8>);

impl ScopedName {
    pub(super) fn new(subject: &Subject, key: &IdempotencyKey) -> Self {
        let mut name = String::new();
        put_subject(&mut name, subject);
        put(&mut name, key.as_str());
        Self(name.into_bytes())
    }
}

/// What an operation asked for, apart from what may differ when it is retried: the limit, which a
/// change of plan moves, and the window, which time moves.
pub(super) fn fingerprint(claims: &[Claim]) -> Vec<u8> {
    let mut text = String::new();
    for claim in claims {
        put_subject(&mut text, claim.key().subject());
        put(&mut text, claim.key().feature());
        put_word(&mut text, claim.units());
    }
    text.into_bytes()
}

pub(super) fn write_counter(key: &CounterKey) -> Vec<u8> {
    let mut name = String::new();
    put_subject(&mut name, key.subject());
    put(&mut name, key.feature());
    match key.window() {
        CounterWindow::Level => put_word(&mut name, "level"),
        CounterWindow::Sliding { length } => {
            put_word(&mut name, "sliding");
            put_word(&mut name, length.as_secs());
            put_word(&mut name, length.subsec_nanos());
        }
        CounterWindow::Fixed { start, end } => {
            put_word(&mut name, "fixed");
            put_word(&mut name, start.as_micros());
            put_word(&mut name, end.as_micros());
        }
    }
    name.into_bytes()
}

/// None when the name was not written here.
pub(super) fn read_counter(name: &[u8]) -> Option<CounterKey> {
    let mut reader = Reader::new(name)?;
    let kind = match reader.word()? {
        "user" => SubjectKind::User,
        "organization" => SubjectKind::Organization,
        _ => return None,
    };
    let subject = Subject::new(kind, reader.part()?);
    let feature = reader.part()?;
    let window = match reader.word()? {
        "level" => CounterWindow::Level,
        "sliding" => CounterWindow::Sliding {
            length: Duration::new(reader.number()?, reader.number()?),
        },
        "fixed" => CounterWindow::Fixed {
            start: Timestamp::from_micros(reader.number()?),
            end: Timestamp::from_micros(reader.number()?),
        },
        _ => return None,
    };
    let key = CounterKey::new(subject, feature, window);
    reader.is_at_end().then_some(key)
}

pub(super) fn write_held(held: &Held) -> Vec<u8> {
    let mut bytes = Vec::new();
    for HeldUnits { key, units } in held {
        let name = write_counter(key);
        bytes.extend_from_slice(format!("{units} {}:", name.len()).as_bytes());
        bytes.extend_from_slice(&name);
        bytes.push(b' ');
    }
    bytes
}

/// None when it was not written here.
pub(super) fn read_held(bytes: &[u8]) -> Option<Held> {
    let mut reader = Reader::new(bytes)?;
    let mut held = Held::new();
    while !reader.is_at_end() {
        let units = reader.number()?;
        let key = read_counter(reader.part()?.as_bytes())?;
        held.push(HeldUnits { key, units });
    }
    Some(held)
}

fn put_subject(text: &mut String, subject: &Subject) {
    put_word(text, subject.kind());
    put(text, subject.id());
}

fn put(text: &mut String, part: &str) {
    // Writing to a string does not fail.
    let _ = write!(text, "{}:{part} ", part.len());
}

fn put_word(text: &mut String, word: impl std::fmt::Display) {
    let _ = write!(text, "{word} ");
}

/// Reads what was put.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let rest = std::str::from_utf8(bytes).ok()?;
        Some(Self { rest })
    }

    fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    fn word(&mut self) -> Option<&'a str> {
        let (word, rest) = self.rest.split_once(' ')?;
        self.rest = rest;
        Some(word)
    }

    fn number<N: std::str::FromStr>(&mut self) -> Option<N> {
        self.word()?.parse().ok()
    }

    fn part(&mut self) -> Option<&'a str> {
        let (length, rest) = self.rest.split_once(':')?;
        let (part, rest) = rest.split_at_checked(length.parse().ok()?)?;
        self.rest = rest.strip_prefix(' ')?;
        Some(part)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Texts that would meet if they were joined carelessly.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[ab0-9: ]{0,6}",
            any::<String>(),
            Just("1:a level ".to_owned())
        ]
    }

    fn window() -> impl Strategy<Value = CounterWindow> {
        prop_oneof![
            Just(CounterWindow::Level),
            (any::<u64>(), 0_u32..1_000_000_000).prop_map(|(seconds, nanos)| {
                CounterWindow::Sliding {
                    length: Duration::new(seconds, nanos),
                }
            }),
            (any::<i64>(), any::<i64>()).prop_map(|(start, end)| CounterWindow::Fixed {
                start: Timestamp::from_micros(start),
                end: Timestamp::from_micros(end),
            }),
        ]
    }

    fn subject() -> impl Strategy<Value = Subject> {
        (any::<bool>(), text()).prop_map(|(user, id)| {
            if user {
                Subject::user(id)
            } else {
                Subject::organization(id)
            }
        })
    }

    fn counter() -> impl Strategy<Value = CounterKey> {
        (subject(), text(), window())
            .prop_map(|(subject, feature, window)| CounterKey::new(subject, feature, window))
    }

    proptest! {
        // What can be read back is the name of one counter only.
        #[test]
        fn the_name_of_a_counter_says_which_it_is(key in counter()) {
            prop_assert_eq!(read_counter(&write_counter(&key)), Some(key));
        }

        #[test]
        fn what_is_held_can_be_read_again(
            held in prop::collection::vec((counter(), any::<u64>()), 0..=MAX_CLAIMS),
        ) {
            let held: Held = held.into_iter().map(|(key, units)| HeldUnits { key, units }).collect();
            prop_assert_eq!(read_held(&write_held(&held)), Some(held));
        }

        #[test]
        fn only_the_same_key_of_the_same_subject_has_the_same_name(
            one in (subject(), "[!-~]{1,6}"), other in (subject(), "[!-~]{1,6}"),
        ) {
            let name = |(subject, key): &(Subject, String)| {
                ScopedName::new(subject, &IdempotencyKey::new(key.as_str()).unwrap())
            };
            prop_assert_eq!(name(&one) == name(&other), one == other);
        }

        #[test]
        fn what_was_not_written_here_is_refused(bytes: Vec<u8>) {
            if let Some(key) = read_counter(&bytes) {
                prop_assert_eq!(read_counter(&write_counter(&key)), Some(key));
            }
        }
    }

    #[test]
    fn operations_that_differ_in_anything_but_limit_and_window_have_other_fingerprints() {
        let claim = |subject, feature: &str, units, window| {
            let key = CounterKey::new(subject, feature, window);
            Claim::new(key, units, tiergate_core::Limit::Unlimited)
        };
        let sliding = CounterWindow::Sliding {
            length: Duration::from_secs(1),
        };
        let of = |claims: &[Claim]| fingerprint(claims);
        let one = of(&[claim(Subject::user("a"), "f", 1, CounterWindow::Level)]);
        assert_eq!(one, of(&[claim(Subject::user("a"), "f", 1, sliding)]));
        for other in [
            vec![claim(Subject::organization("a"), "f", 1, sliding)],
            vec![claim(Subject::user("a f"), "", 1, sliding)],
            vec![claim(Subject::user("a"), "f", 2, sliding)],
            vec![claim(Subject::user("a"), "f", 1, sliding); 2],
        ] {
            assert_ne!(one, of(&other));
        }
    }
}
