use std::fmt;

use super::render;
use super::source::Place;

/// Of what kind a [`Fault`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// The file cannot be read.
    Unreadable,
    /// There is more than a catalog may have: of text, nesting, tiers, features or the like.
    TooMuch,
    /// The text is not in UTF-8.
    NotUtf8,
    /// The text is not YAML, or not JSON where that is read.
    Syntax,
    /// YAML that catalogs do without: anchors, aliases, tags, directives, several documents.
    Unsupported,
    /// There is nothing where something must be.
    Empty,
    /// The version of the format is not one that is read here.
    Version,
    /// A mapping, a list or a plain value stands where another must.
    WrongShape,
    /// A field that is not known there.
    UnknownField,
    /// A field that must be there is not.
    MissingField,
    /// The same key, field, word or tier twice.
    Duplicate,
    /// A key that is not `[a-z][a-z0-9_]{0,63}`.
    BadKey,
    /// A text that is blank, too long, or has control characters.
    BadText,
    /// A word that is not one of those to choose from.
    UnknownWord,
    /// A currency that catalogs cannot be priced in.
    UnknownCurrency,
    /// A time zone that the IANA database does not have.
    UnknownTimeZone,
    /// A tier that the catalog does not have.
    UnknownTier,
    /// A metric that the catalog does not have.
    UnknownMetric,
    /// A word that is not a level of its feature.
    UnknownLevel,
    /// A feature says nothing of some tier.
    MissingTier,
    /// A value that is not of its feature's kind.
    WrongValue,
    /// A number below zero.
    NegativeNumber,
    /// A number that is too large, not whole, or not in plain digits.
    BadNumber,
    /// A price that cannot be charged.
    BadPrice,
    /// Tiers include each other in a circle.
    IncludesCycle,
    /// A tier gives less of a feature than a tier that it includes.
    GivesLess,
    /// A tier that was there is not in the catalog that should follow.
    TierRemoved,
    /// A feature that was there is not in the catalog that should follow.
    FeatureRemoved,
    /// A feature is not what it was in the catalog before.
    FeatureChanged,
}

/// One thing that is wrong with a catalog, where, and what to do about it.
#[derive(Clone, Debug)]
pub struct Fault {
    pub(super) kind: FaultKind,
    pub(super) message: Box<str>,
    pub(super) help: Box<str>,
    pub(super) place: Option<Place>,
    pub(super) first: Option<Place>,
}

impl Fault {
    /// Of what kind it is.
    #[must_use]
    pub fn kind(&self) -> FaultKind {
        self.kind
    }

    /// What is wrong, in one line.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it, in one line.
    #[must_use]
    pub fn help(&self) -> &str {
        &self.help
    }

    /// The file, as it was named when it was read; none for a catalog built in code.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        self.place.as_ref().map(Place::file)
    }

    /// The line, from one; none for a catalog built in code.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.place.as_ref().map(Place::line)
    }

    /// The column in characters, from one; none for a catalog built in code.
    #[must_use]
    pub fn column(&self) -> Option<usize> {
        self.place.as_ref().map(Place::column)
    }
}

impl fmt::Display for Fault {
    /// The message, the line it is about with a marker, and the help; without colours.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&render::fault(self))
    }
}

/// A catalog that was refused: everything that is wrong with it, at once.
///
/// As text it is meant for whoever edits the catalog: each fault with its line and a remedy, then how
/// many there were.
///
/// ```
/// use tiergate_core::Catalog;
/// use tiergate_core::catalog::FaultKind;
///
/// let error = Catalog::from_yaml("version: 1\ncurrency: USD\ntiers: {}").unwrap_err();
/// assert!(error.faults().iter().any(|fault| fault.kind() == FaultKind::MissingField));
/// assert!(error.to_string().ends_with("nothing was loaded"));
/// ```
#[derive(Clone, Debug)]
pub struct CatalogError {
    faults: Vec<Fault>,
    origin: Option<Box<str>>,
    count: Count,
}

/// Whether every fault is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    All,
    /// There were more than are kept.
    Cut,
}

impl Count {
    /// How many there are, in words: `2 faults`.
    pub(super) fn of(self, listed: &[Fault]) -> String {
        let more = match self {
            Self::All => "",
            Self::Cut => "more than ",
        };
        let count = listed.len();
        let noun = if count == 1 { "fault" } else { "faults" };
        format!("{more}{count} {noun}")
    }
}

impl CatalogError {
    /// How many faults are kept at most. What is more is not listed.
    pub const MAX_FAULTS: usize = 1_000;
    /// How many faults are written out at most when the error is displayed. The others are counted.
    pub const MAX_DISPLAYED: usize = 50;

    pub(super) fn new(faults: Vec<Fault>, origin: Option<Box<str>>, count: Count) -> Self {
        Self {
            faults,
            origin,
            count,
        }
    }

    /// Every fault, in the order in which the checks found them; the first
    /// [`MAX_FAULTS`](Self::MAX_FAULTS) if there are more. Never empty.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

impl fmt::Display for CatalogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_faults(f, &self.faults)?;
        let count = self.count.of(&self.faults);
        let origin = match &self.origin {
            Some(name) => super::words::echo(name),
            None => "the catalog".into(),
        };
        write!(f, "{count} in {origin}, nothing was loaded")
    }
}

impl std::error::Error for CatalogError {}

/// Writes out the first faults, a blank line after each, and how many more there are.
pub(super) fn write_faults(f: &mut fmt::Formatter<'_>, faults: &[Fault]) -> fmt::Result {
    for fault in faults.iter().take(CatalogError::MAX_DISPLAYED) {
        writeln!(f, "{fault}\n")?;
    }
    match faults.len().saturating_sub(CatalogError::MAX_DISPLAYED) {
        0 => Ok(()),
        more => writeln!(f, "and {more} more\n"),
    }
}
