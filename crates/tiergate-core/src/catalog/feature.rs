use std::fmt;
use std::sync::Arc;

use crate::{Level, Meter};

/// A feature as the catalog describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Feature {
    /// The key that guards name it by.
    pub key: Arc<str>,
    /// The name that people read.
    pub name: Box<str>,
    /// A sentence about it.
    pub description: Option<Box<str>>,
    /// The group it is shown in.
    pub category: Category,
    /// Whether it is offered at all.
    pub availability: Availability,
    /// Of what kind its values are.
    pub kind: FeatureKind,
}

/// The group that a feature is shown in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Category {
    /// What the product does.
    Service,
    /// What it keeps and carries.
    Storage,
    /// What it works out.
    Compute,
    /// What it is connected with.
    Integration,
    /// What keeps it safe.
    Security,
    /// Who helps, and how soon.
    Support,
}

impl Category {
    /// Every category.
    pub const ALL: [Self; 6] = [
        Self::Service,
        Self::Storage,
        Self::Compute,
        Self::Integration,
        Self::Security,
        Self::Support,
    ];

    /// The word for it in a catalog.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Storage => "storage",
            Self::Compute => "compute",
            Self::Integration => "integration",
            Self::Security => "security",
            Self::Support => "support",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a feature is offered at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Availability {
    /// As each tier has it.
    #[default]
    Enabled,
    /// To nobody, whatever the tiers have.
    Disabled,
}

/// Of what kind the values of a feature are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeatureKind {
    /// On or off.
    Boolean,
    /// A number of units, or unlimited.
    Limit {
        /// The key of the metric whose units are counted, if it is tied to one.
        metric: Option<Box<str>>,
        /// How the units are counted; none for a number that is only shown.
        meter: Option<Meter>,
    },
    /// One of an ordered list of words, weakest first.
    Level {
        /// The words.
        levels: Vec<Level>,
    },
}

impl FeatureKind {
    /// The level of that name, if this is a kind with levels and has it.
    #[must_use]
    pub fn level(&self, name: &str) -> Option<&Level> {
        match self {
            Self::Level { levels } => levels.iter().find(|level| level.name() == name),
            Self::Boolean | Self::Limit { .. } => None,
        }
    }
}

impl fmt::Display for FeatureKind {
    /// The word for it in a catalog.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boolean => "boolean",
            Self::Limit { .. } => "limit",
            Self::Level { .. } => "level",
        })
    }
}

/// Something that is counted, with or without a limit on it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// The key that usage is recorded under.
    pub key: Box<str>,
    /// The name that people read.
    pub name: Box<str>,
    /// The unit, where it is not a plain count.
    pub unit: Option<Box<str>>,
}
