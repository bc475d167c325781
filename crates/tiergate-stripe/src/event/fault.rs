use std::fmt;

/// The most faults that are told of one event. More say nothing new.
const MAX_FAULTS: usize = 32;

/// Why a body is no event that can be used.
///
/// Says where and what is expected there, never what was found: an event holds names, addresses and
/// e-mail addresses, and errors end in logs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseEventError {
    /// It is longer than [`MAX_EVENT_BYTES`](super::MAX_EVENT_BYTES).
    #[error("the body is longer than {} bytes", super::MAX_EVENT_BYTES)]
    TooLong,
    /// It is no JSON, or is nested too deeply.
    #[error("the body is not JSON: line {line}, column {column}")]
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The column, from 1; 0 for the end of a line.
        column: usize,
    },
    /// It is JSON, but not the event that it says it is.
    #[error("the body is no event of Stripe's: {0}")]
    NotAnEvent(Faults),
}

/// Every fault of one event, in the order of its fields; the first 32 if there are more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    faults: Vec<Fault>,
    more: usize,
}

/// One field that isn't what it has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    field: Box<str>,
    expected: Expected,
}

impl Fault {
    /// Which field: names and places in lists from the top, `data.object.items.data[0].quantity`.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// What it has to be.
    #[must_use]
    pub fn expected(&self) -> Expected {
        self.expected
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` must be {}", self.field, self.expected)
    }
}

/// What a field has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expected {
    /// Text.
    Text,
    /// An id of Stripe's.
    Id,
    /// An id, or an object with one.
    Reference,
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Integer,
    /// A whole number that isn't negative.
    Count,
    /// Seconds since 1970.
    Moment,
    /// A time in RFC 3339.
    Time,
    /// From 0 to 100.
    Percent,
    /// The code of a currency.
    Currency,
    /// An object.
    Object,
    /// A list, with no more elements than are read.
    List,
    /// A certain word.
    Word(&'static str),
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Id => "an id",
            Self::Reference => "an id or an object with one",
            Self::Flag => "true or false",
            Self::Integer => "a whole number",
            Self::Count => "a whole number from 0",
            Self::Moment => "a number of seconds since 1970",
            Self::Time => "a time like 2026-01-31T12:00:00Z",
            Self::Percent => "a number from 0 to 100",
            Self::Currency => "the code of a currency",
            Self::Object => "an object",
            Self::List => "a list of at most 250 elements",
            Self::Word(word) => return write!(f, "`{word}`"),
        })
    }
}

impl Faults {
    /// The faults.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.faults.iter()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    pub(super) fn push(&mut self, field: String, expected: Expected) {
        let fault = Fault {
            field: field.into(),
            expected,
        };
        // What two readers look at is still one fault.
        if self.faults.contains(&fault) {
            return;
        }
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault);
        } else {
            self.more += 1;
        }
    }
}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a Fault;
    type IntoIter = std::slice::Iter<'a, Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            fmt::Display::fmt(fault, f)?;
        }
        if self.more > 0 {
            write!(f, "; and {} more", self.more)?;
        }
        Ok(())
    }
}
