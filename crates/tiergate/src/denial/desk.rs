//! Where the values of the `RateLimit` fields are written.
//!
//! A thread writes one value after the other into one piece of memory, and keeps the policies that it has
//! written: so most responses need no memory of their own for either.

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};
use http::HeaderValue;

/// The largest integer that a structured field can hold (RFC 9651, section 3.3.1).
pub(super) const LARGEST: u64 = 999_999_999_999_999;

/// How much is asked for at once. It is given back when the last response with a value in it is.
const PIECE: usize = 4_096;

/// The longest that two numbers and what stands around them can be.
const NUMBERS: usize = 48;

/// How many policies a thread keeps: one for each limit of each tier that is much used.
const POLICIES: usize = 32;

/// An item with a name, a number of units and perhaps one of seconds, each after the word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value<'a> {
    pub(super) name: &'a str,
    pub(super) units: (&'static str, u64),
    pub(super) seconds: (&'static str, Option<u64>),
}

/// What a thread writes with.
#[derive(Debug)]
pub(super) struct Desk {
    paper: BytesMut,
    policies: [Option<Policy>; POLICIES],
}

/// A policy that was written before.
#[derive(Debug)]
struct Policy {
    quota: u64,
    window: Option<u64>,
    /// It begins with the name, in quotation marks.
    value: HeaderValue,
}

thread_local! {
    static DESK: RefCell<Desk> = RefCell::new(Desk::new());
}

/// Writes something with what this thread has.
pub(super) fn with<R>(write: impl Fn(&mut Desk) -> R) -> R {
    // A thread that ends has none any more.
    DESK.try_with(|desk| write(&mut desk.borrow_mut()))
        .unwrap_or_else(|_| write(&mut Desk::new()))
}

impl Desk {
    fn new() -> Self {
        Self {
            paper: BytesMut::new(),
            policies: [const { None }; POLICIES],
        }
    }

    /// A value that is likely to be asked for again.
    pub(super) fn policy(&mut self, value: Value<'_>) -> Option<HeaderValue> {
        let place = place_of(value);
        if let Some(Some(known)) = self.policies.get(place)
            && known.is(value)
        {
            return Some(known.value.clone());
        }
        // Copied, because it stays for long and would keep the whole piece.
        let written = HeaderValue::from_bytes(&self.write(value)).ok()?;
        if let Some(slot) = self.policies.get_mut(place) {
            *slot = Some(Policy {
                quota: value.units.1,
                window: value.seconds.1,
                value: written.clone(),
            });
        }
        Some(written)
    }

    /// A value that is another for each request.
    pub(super) fn state(&mut self, value: Value<'_>) -> Option<HeaderValue> {
        HeaderValue::from_maybe_shared(self.write(value)).ok()
    }

    fn write(&mut self, value: Value<'_>) -> Bytes {
        let paper = &mut self.paper;
        let longest = value.name.len().saturating_add(NUMBERS);
        if paper.capacity() < longest {
            // It would ask for no more than this value takes.
            paper.reserve(longest.max(PIECE));
        }
        paper.extend_from_slice(b"\"");
        paper.extend_from_slice(value.name.as_bytes());
        paper.extend_from_slice(b"\"");
        let mut parameter = |(word, number): (&str, u64)| {
            paper.extend_from_slice(word.as_bytes());
            let mut digits = itoa::Buffer::new();
            paper.extend_from_slice(digits.format(number.min(LARGEST)).as_bytes());
        };
        parameter(value.units);
        if let (word, Some(seconds)) = value.seconds {
            parameter((word, seconds));
        }
        paper.split().freeze()
    }
}

impl Policy {
    fn is(&self, value: Value<'_>) -> bool {
        let name = value.name.as_bytes();
        self.quota == value.units.1
            && self.window == value.seconds.1
            && self
                .value
                .as_bytes()
                .strip_prefix(b"\"")
                .and_then(|text| text.strip_prefix(name))
                .is_some_and(|rest| rest.first() == Some(&b'"'))
    }
}

/// Where a policy is kept. Which of those that share a place it is, is looked at there.
fn place_of(value: Value<'_>) -> usize {
    let window = value.seconds.1.unwrap_or(0);
    let mixed =
        (value.units.1 ^ window.rotate_left(32) ^ (value.name.len() as u64).rotate_left(16))
            .wrapping_mul(0x9E37_79B9_7F4A_7C15);
    // The upper bits, in which all are mixed.
    usize::try_from(mixed >> (u64::BITS - POLICIES.trailing_zeros())).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policy(name: &str, quota: u64, window: Option<u64>) -> Value<'_> {
        Value {
            name,
            units: (";q=", quota),
            seconds: (";w=", window),
        }
    }

    fn written(value: Value<'_>) -> String {
        let mut text = format!("\"{}\";q={}", value.name, value.units.1.min(LARGEST));
        if let Some(window) = value.seconds.1 {
            text.push_str(&format!(";w={}", window.min(LARGEST)));
        }
        text
    }

    proptest! {
        // Few of each, so that most are asked for again, and many have the same place.
        #[test]
        fn a_policy_that_is_kept_is_the_one_that_was_asked_for(
            asked in prop::collection::vec(
                ("[ab]{1,3}", 0_u64..40, prop::option::of(0_u64..4)), 1..400,
            ),
        ) {
            let mut desk = Desk::new();
            for (name, quota, window) in &asked {
                let value = policy(name, *quota, *window);
                let told = desk.policy(value).unwrap();
                prop_assert_eq!(told.to_str().unwrap(), written(value));
            }
        }

        #[test]
        fn values_that_lie_in_one_piece_stay_as_they_were(
            names in prop::collection::vec("[a-z][a-z0-9_]{0,300}", 1..100),
        ) {
            let mut desk = Desk::new();
            let all: Vec<_> = names
                .iter()
                .map(|name| (name, desk.state(policy(name, u64::MAX, Some(u64::MAX))).unwrap()))
                .collect();
            for (name, value) in all {
                let expected = written(policy(name, u64::MAX, Some(u64::MAX)));
                prop_assert_eq!(value.to_str().unwrap(), expected);
            }
        }
    }
}
