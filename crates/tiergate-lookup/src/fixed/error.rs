use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tiergate_core::Subject;

use super::MAX_FILE_BYTES;
use crate::wire::WireError;

/// Of how many entries the message tells. Where more are wrong, they are wrong alike.
const MOST_TOLD: usize = 20;

/// A list of subscriptions that cannot be used.
#[derive(Clone, Debug)]
pub struct StaticLookupError {
    file: Option<Box<str>>,
    problem: Problem,
}

#[derive(Clone, Debug)]
pub(super) enum Problem {
    Unreadable(Arc<io::Error>),
    TooLarge,
    NotAnArray(WireError),
    /// At least one, of so many.
    Entries {
        faults: Vec<EntryFault>,
        count: usize,
    },
}

/// What is wrong with the entry at a place of the array.
#[derive(Clone, Debug)]
pub(super) struct EntryFault {
    pub(super) index: usize,
    pub(super) reason: Reason,
}

#[derive(Clone, Debug)]
pub(super) enum Reason {
    Malformed(WireError),
    Twice(Subject),
}

impl StaticLookupError {
    /// The places of the faulty entries in the array, from zero. None if the array itself cannot be
    /// read.
    pub fn entries(&self) -> impl Iterator<Item = usize> {
        let faults = match &self.problem {
            Problem::Entries { faults, .. } => faults.as_slice(),
            Problem::Unreadable(_) | Problem::TooLarge | Problem::NotAnArray(_) => &[],
        };
        faults.iter().map(|fault| fault.index)
    }

    pub(super) fn in_file(mut self, path: &Path) -> Self {
        self.file = Some(path.display().to_string().into());
        self
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(Arc::new(error))
    }
}

impl From<Problem> for StaticLookupError {
    fn from(problem: Problem) -> Self {
        Self {
            file: None,
            problem,
        }
    }
}

impl fmt::Display for StaticLookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "`{}`: ", Printable(file))?;
        }
        match &self.problem {
            Problem::Unreadable(_) => f.write_str("the file cannot be read as text"),
            Problem::TooLarge => write!(f, "the file is larger than {MAX_FILE_BYTES} bytes"),
            Problem::NotAnArray(error) => {
                write!(f, "expected an array of subscriptions: {error}")
            }
            Problem::Entries { faults, count } => match faults.as_slice() {
                [fault] => fault.fmt(f),
                faults => list(f, faults, *count),
            },
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, faults: &[EntryFault], count: usize) -> fmt::Result {
    write!(f, "{} of {count} entries cannot be used", faults.len())?;
    for fault in faults.iter().take(MOST_TOLD) {
        write!(f, "\n{fault}")?;
    }
    match faults.len().checked_sub(MOST_TOLD) {
        None | Some(0) => Ok(()),
        Some(more) => write!(f, "\nand {more} more"),
    }
}

impl fmt::Display for EntryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {}: ", self.index)?;
        match &self.reason {
            Reason::Malformed(error) => error.fmt(f),
            Reason::Twice(subject) => write!(
                f,
                "`{}:{}` has a subscription already, and can have only one",
                subject.kind(),
                Printable(subject.id())
            ),
        }
    }
}

/// A text with its control characters spelled out, so that no terminal obeys them.
struct Printable<'a>(&'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| {
            if character.is_control() {
                write!(f, "{}", character.escape_unicode())
            } else {
                write!(f, "{character}")
            }
        })
    }
}

impl std::error::Error for StaticLookupError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.problem {
            Problem::Unreadable(error) => Some(&**error),
            Problem::TooLarge | Problem::NotAnArray(_) | Problem::Entries { .. } => None,
        }
    }
}
