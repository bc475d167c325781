//! How things are called in Redis.
//!
//! Every part of a name is written with its length before it, so that no two names can meet, whatever
//! is in their parts.

use std::fmt::{self, Write};

use tiergate_core::{Subject, SubjectKind};

use crate::{Claim, CounterKey, CounterWindow, IdempotencyKey};

/// The number that stands for a subject in the names of keys, and in the ids of its reservations.
///
/// Two subjects with one tag share keys, and nothing else: fields have the whole name of their subject.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag(u64);

impl Tag {
    pub(super) fn of(subject: &Subject) -> Self {
        let mut name = String::new();
        push_subject(&mut name, subject);
        Self(stable_hash(name.as_bytes()))
    }

    pub(super) const fn from_u64(number: u64) -> Self {
        Self(number)
    }

    pub(super) const fn as_u64(self) -> u64 {
        self.0
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then(|| u64::from_str_radix(text, 16).ok().map(Self))?
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({self})")
    }
}

/// FNV-1a. It must be the same in every process and every version, which no hasher of the standard
/// library promises.
fn stable_hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// What the names of all keys of a store begin with.
#[derive(Clone, Debug)]
pub(super) struct Prefix(Box<str>);

impl Prefix {
    /// None with a brace, which would decide by itself where in a cluster a key lies.
    pub(super) fn new(text: &str) -> Option<Self> {
        (!text.contains(['{', '}'])).then(|| Self(text.into()))
    }

    /// The two keys of a subject, in one hash slot: what is known of it, and what falls due.
    pub(super) fn keys(&self, tag: Tag) -> [String; 2] {
        ["u", "d"].map(|last| format!("{}{{{tag}}}:{last}", self.0))
    }

    /// A pattern that the first keys of all subjects match, as `SCAN` takes it.
    pub(super) fn pattern(&self) -> String {
        let mut pattern = String::new();
        for character in self.0.chars() {
            if matches!(character, '*' | '?' | '[' | ']' | '\\' | '^') {
                pattern.push('\\');
            }
            pattern.push(character);
        }
        pattern.push_str("{????????????????}:u");
        pattern
    }

    /// The tag in the name of the first key of a subject.
    pub(super) fn tag(&self, key: &str) -> Option<Tag> {
        let rest = key.strip_prefix(&*self.0)?.strip_prefix('{')?;
        Tag::parse(rest.strip_suffix("}:u")?)
    }
}

/// The field of a counter. Its end is the window, which the script that sweeps reads.
pub(super) fn counter(key: &CounterKey) -> String {
    let mut name = String::from("c");
    push_subject(&mut name, key.subject());
    push(&mut name, key.feature());
    // Writing to a string never fails.
    let _ = match key.window() {
        CounterWindow::Level => write!(name, "/l"),
        CounterWindow::Sliding { length } => write!(name, "/s{}", length.as_nanos()),
        CounterWindow::Fixed { start, end } => {
            write!(name, "/f{},{}", start.as_micros(), end.as_micros())
        }
    };
    name
}

/// The field of an idempotency key.
pub(super) fn idempotency(subject: &Subject, key: &IdempotencyKey) -> String {
    let mut name = String::from("k");
    push_subject(&mut name, subject);
    push(&mut name, key.as_str());
    name
}

/// What an operation asks for, apart from what may differ when it is retried: the limit, which a change
/// of plan moves, and the window, which time moves.
pub(super) fn fingerprint(claims: &[Claim]) -> String {
    let mut text = String::new();
    for claim in claims {
        push_subject(&mut text, claim.key().subject());
        push(&mut text, claim.key().feature());
        let _ = write!(text, "{};", claim.units());
    }
    text
}

fn push_subject(name: &mut String, subject: &Subject) {
    name.push(match subject.kind() {
        SubjectKind::User => 'u',
        SubjectKind::Organization => 'o',
    });
    push(name, subject.id());
}

fn push(name: &mut String, part: &str) {
    let _ = write!(name, "{}:{part}", part.len());
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use tiergate_core::time::Timestamp;

    use super::*;

    // Few characters, so that parts which look like one another are frequent.
    fn part() -> impl Strategy<Value = String> {
        prop::collection::vec(
            prop::sample::select(vec!["1", ":", "u", "o", "/l", "/s1", "a"]),
            0..6,
        )
        .prop_map(|pieces| pieces.concat())
    }

    fn subject() -> impl Strategy<Value = Subject> {
        (any::<bool>(), part()).prop_map(|(is_user, id)| match is_user {
            true => Subject::user(id),
            false => Subject::organization(id),
        })
    }

    fn window() -> impl Strategy<Value = CounterWindow> {
        prop_oneof![
            Just(CounterWindow::Level),
            (1_u64..3).prop_map(|nanos| CounterWindow::Sliding {
                length: Duration::from_nanos(nanos)
            }),
            (-2_i64..2, -2_i64..2).prop_map(|(start, end)| CounterWindow::Fixed {
                start: Timestamp::from_micros(start),
                end: Timestamp::from_micros(end),
            }),
        ]
    }

    proptest! {
        #[test]
        fn two_names_are_one_only_if_all_their_parts_are(
            one in (subject(), part(), window()), other in (subject(), part(), window()),
        ) {
            let key = |(subject, feature, window): (Subject, String, CounterWindow)| {
                CounterKey::new(subject, feature, window)
            };
            let (one, other) = (key(one), key(other));
            prop_assert_eq!(counter(&one) == counter(&other), one == other);
            let name = |key: &CounterKey| {
                let named = IdempotencyKey::new(format!("k{}", key.feature())).unwrap();
                (idempotency(key.subject(), &named), named)
            };
            let ((first, first_key), (second, second_key)) = (name(&one), name(&other));
            let same = one.subject() == other.subject() && first_key == second_key;
            prop_assert_eq!(first == second, same);
        }
    }

    #[test]
    fn a_user_and_an_organization_of_one_id_lie_apart() {
        assert_ne!(
            Tag::of(&Subject::user("x")),
            Tag::of(&Subject::organization("x"))
        );
    }

    #[test]
    fn a_tag_stays_what_it_is() {
        // Another hash would lose every counter there is.
        assert_eq!(
            Tag::of(&Subject::user("42")).to_string(),
            "f09b7a7c82ed8156"
        );
    }

    #[test]
    fn a_tag_is_found_in_the_name_of_its_key() {
        let prefix = Prefix::new("a[b]*:").unwrap();
        let tag = Tag::of(&Subject::user("42"));
        let [all, due] = prefix.keys(tag);
        assert_eq!(prefix.tag(&all), Some(tag));
        assert_eq!(prefix.tag(&due), None);
        assert_eq!(prefix.tag("a[b]*:{42}:u"), None);
        assert!(prefix.pattern().starts_with("a\\[b\\]\\*:{"));
        assert!(Prefix::new("a{b}").is_none());
    }
}
