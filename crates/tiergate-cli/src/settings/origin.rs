//! Where a value came from.

use std::fmt;

use super::text::echo;

/// Where a value came from, as a message tells whoever has to change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A flag of the command line, without its dashes.
    Flag(&'static str),
    /// The environment variable of that name.
    Environment(Box<str>),
    /// The file of settings.
    File(Place),
    /// A file that was named where the inner origin says.
    Mounted(Box<str>, Box<Self>),
    /// Nobody set it.
    Default,
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: Box<str>,
    /// From one.
    pub(crate) line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", echo(&self.file), self.line)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "flag --{flag}"),
            Self::Environment(variable) => {
                write!(f, "environment variable {}", echo(variable))
            }
            Self::File(place) => place.fmt(f),
            Self::Mounted(path, named) => write!(f, "file {}, named by {named}", echo(path)),
            Self::Default => f.write_str("default"),
        }
    }
}
