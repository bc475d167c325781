//! Where the values of the `RateLimit` fields are written.
//!
//! A thread writes one value after the other into one piece of memory, and keeps the policies that it has
//! written: so most responses need no memory of their own for either.

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use smallvec::SmallVec;

/// The largest integer that a structured field can hold (RFC 9651, section 3.3.1).
pub(super) const LARGEST: u64 = 999_999_999_999_999;

/// How much is asked for at once. It is given back when the last response with a value in it is.
const PIECE: usize = 4_096;

/// The longest that two numbers and what stands around them can be.
const NUMBERS: usize = 48;

/// The longest that the end of a state can be.
const ENDING: usize = 24;

/// How many policies a thread keeps: one for each limit of each tier that is much used.
const POLICIES: usize = 32;

/// What stays the same from one request to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms<'a> {
    pub(super) name: &'a str,
    pub(super) quota: u64,
    /// In seconds.
    pub(super) window: Option<u64>,
}

/// What is another for each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) remaining: u64,
    /// In seconds.
    pub(super) resets_in: Option<u64>,
}

/// What a thread writes with.
#[derive(Debug)]
struct Desk {
    paper: Option<BytesMut>,
    policies: [Option<Policy>; POLICIES],
}

/// A policy that was written before, and how a state begins and ended that goes with it.
#[derive(Debug)]
struct Policy {
    quota: u64,
    window: Option<u64>,
    value: HeaderValue,
    /// A state up to its number of units: the name in quotation marks, and the word.
    begin: Box<[u8]>,
    end: Ending,
}

/// How the last state ended: many in a row end in the same second.
#[derive(Debug)]
struct Ending {
    resets_in: Option<u64>,
    text: SmallVec<[u8; ENDING]>,
}

thread_local! {
    static DESK: RefCell<Desk> = const { RefCell::new(Desk::new()) };
}

/// Writes the values of a limit with what this thread has: that of its policy, and that of its state.
/// None if they can't be written: a name has no place in a field.
pub(super) fn write<R>(
    terms: Terms<'_>,
    state: State,
    mut send: impl FnMut(HeaderValue, HeaderValue) -> R,
) -> Option<R> {
    // A thread that ends has none any more.
    DESK.try_with(|desk| desk.borrow_mut().write(terms, state, &mut send))
        .unwrap_or_else(|_| Desk::new().write(terms, state, &mut send))
}

impl Desk {
    const fn new() -> Self {
        Self {
            paper: None,
            policies: [const { None }; POLICIES],
        }
    }

    #[inline]
    fn write<R>(
        &mut self,
        terms: Terms<'_>,
        state: State,
        send: impl FnOnce(HeaderValue, HeaderValue) -> R,
    ) -> Option<R> {
        let Self { paper, policies } = self;
        let slot = policies.get_mut(terms.place())?;
        let policy = match slot {
            Some(known) if known.is(terms) => known,
            _ => slot.insert(Policy::of(terms)?),
        };
        let state = policy.write(state, paper.get_or_insert_default())?;
        Some(send(policy.value.clone(), state))
    }
}

impl Policy {
    #[cold]
    fn of(terms: Terms<'_>) -> Option<Self> {
        let mut text = Vec::with_capacity(terms.name.len().saturating_add(NUMBERS));
        text.push(b'"');
        text.extend_from_slice(terms.name.as_bytes());
        text.push(b'"');
        let mut begin = text.clone();
        begin.extend_from_slice(b";r=");
        append(&mut text, b";q=", terms.quota);
        if let Some(window) = terms.window {
            append(&mut text, b";w=", window);
        }
        Some(Self {
            quota: terms.quota,
            window: terms.window,
            // Memory of its own, because it stays for long and would keep a whole piece.
            value: HeaderValue::from_maybe_shared(Bytes::from(text)).ok()?,
            begin: begin.into(),
            end: Ending::of(None),
        })
    }

    fn is(&self, terms: Terms<'_>) -> bool {
        self.quota == terms.quota
            && self.window == terms.window
            && self.name() == terms.name.as_bytes()
    }

    fn name(&self) -> &[u8] {
        match &*self.begin {
            [b'"', name @ .., b'"', b';', b'r', b'='] => name,
            _ => &[],
        }
    }

    /// Writes a state into a piece of memory that others lie in as well.
    fn write(&mut self, state: State, paper: &mut BytesMut) -> Option<HeaderValue> {
        if self.end.resets_in != state.resets_in {
            self.end = Ending::of(state.resets_in);
        }
        let longest = self.begin.len().saturating_add(NUMBERS);
        if paper.capacity() < longest {
            // It would ask for no more than this value takes.
            paper.reserve(longest.max(PIECE));
        }
        let mut digits = itoa::Buffer::new();
        let remaining = digits.format(state.remaining.min(LARGEST));
        paper.extend_from_slice(&self.begin);
        paper.extend_from_slice(remaining.as_bytes());
        paper.extend_from_slice(&self.end.text);
        HeaderValue::from_maybe_shared(paper.split().freeze()).ok()
    }
}

impl Ending {
    fn of(resets_in: Option<u64>) -> Self {
        let mut text = SmallVec::new();
        if let Some(seconds) = resets_in {
            append(&mut text, b";t=", seconds);
        }
        Self { resets_in, text }
    }
}

fn append(text: &mut impl Extend<u8>, word: &[u8], number: u64) {
    let mut digits = itoa::Buffer::new();
    let number = digits.format(number.min(LARGEST)).bytes();
    text.extend(word.iter().copied().chain(number));
}

impl Terms<'_> {
    /// Where a policy is kept. Which of those that share a place it is, is looked at there.
    fn place(self) -> usize {
        let window = self.window.unwrap_or(0);
        let mixed =
            (self.quota ^ window.rotate_left(32) ^ (self.name.len() as u64).rotate_left(16))
                .wrapping_mul(0x9E37_79B9_7F4A_7C15);
        // The upper bits, in which all are mixed.
        usize::try_from(mixed >> (u64::BITS - POLICIES.trailing_zeros())).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn terms(name: &str, quota: u64, window: Option<u64>) -> Terms<'_> {
        Terms {
            name,
            quota,
            window,
        }
    }

    fn state(remaining: u64, resets_in: Option<u64>) -> State {
        State {
            remaining,
            resets_in,
        }
    }

    fn text(name: &str, units: (&str, u64), seconds: (&str, Option<u64>)) -> String {
        let mut text = format!("\"{name}\";{}={}", units.0, units.1.min(LARGEST));
        if let (word, Some(number)) = seconds {
            text.push_str(&format!(";{word}={}", number.min(LARGEST)));
        }
        text
    }

    type Values = (HeaderValue, HeaderValue);

    fn write(desk: &mut Desk, terms: Terms<'_>, state: State) -> Option<Values> {
        desk.write(terms, state, |policy, state| (policy, state))
    }

    fn check(values: &Values, terms: Terms<'_>, state: State) {
        let policy = text(terms.name, ("q", terms.quota), ("w", terms.window));
        assert_eq!(values.0.to_str().unwrap(), policy);
        let state = text(terms.name, ("r", state.remaining), ("t", state.resets_in));
        assert_eq!(values.1.to_str().unwrap(), state);
    }

    proptest! {
        // Few of each, so that most are asked for again, and many have the same place.
        #[test]
        fn what_is_written_with_what_is_kept_is_what_was_asked_for(
            asked in prop::collection::vec(
                (
                    ("[ab]{1,3}", 0_u64..40, prop::option::of(0_u64..4)),
                    (0_u64..40, prop::option::of(0_u64..3)),
                ),
                1..400,
            ),
        ) {
            let mut desk = Desk::new();
            for ((name, quota, window), (remaining, resets_in)) in &asked {
                let terms = terms(name, *quota, *window);
                let state = state(*remaining, *resets_in);
                check(&write(&mut desk, terms, state).unwrap(), terms, state);
            }
        }

        #[test]
        fn values_that_lie_in_one_piece_stay_as_they_were(
            asked in prop::collection::vec(
                ("[a-z][a-z0-9_]{0,300}", any::<u64>(), prop::option::of(any::<u64>())), 1..100,
            ),
        ) {
            let mut desk = Desk::new();
            let all: Vec<_> = asked
                .iter()
                .map(|(name, number, seconds)| {
                    let asked = (terms(name, *number, *seconds), state(*number, *seconds));
                    (asked, write(&mut desk, asked.0, asked.1).unwrap())
                })
                .collect();
            for ((terms, state), values) in all {
                check(&values, terms, state);
            }
        }
    }

    #[test]
    fn a_name_that_has_no_place_in_a_field_is_not_written() {
        let state = state(1, None);
        let written = write(&mut Desk::new(), terms("a\nb", 1, None), state);
        assert_eq!(written, None);
    }
}
