//! What a catalog says before it is checked, read from a text or given in code.

use super::feature::{Availability, Category};
use super::source::{Located, Span};
use super::tier::Track;
use crate::{Limit, Meter};

/// What stands in a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Slot<T> {
    /// Nothing.
    #[default]
    Missing,
    /// Something that could not be read, about which there is a fault already.
    Refused,
    /// This.
    Given(Located<T>),
}

impl<T> Slot<T> {
    pub(super) fn in_code(value: T) -> Self {
        Self::Given(Located::in_code(value))
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub(super) currency: Slot<Box<str>>,
    pub(super) time_zone: Slot<Box<str>>,
    pub(super) default_tier: Slot<Box<str>>,
    pub(super) trial_days: Slot<u64>,
    pub(super) tiers: Slot<Vec<TierDraft>>,
    pub(super) metrics: Slot<Vec<MetricDraft>>,
    pub(super) features: Slot<Vec<FeatureDraft>>,
    /// Where a fault points that is about the catalog as a whole.
    pub(super) start: Option<Span>,
}

#[derive(Clone, Debug)]
pub(super) struct TierDraft {
    pub(super) key: Located<Box<str>>,
    pub(super) name: Slot<Box<str>>,
    pub(super) description: Slot<Box<str>>,
    pub(super) track: Slot<Track>,
    pub(super) price: Slot<PriceDraft>,
    pub(super) includes: Vec<Located<Box<str>>>,
}

#[derive(Clone, Debug)]
pub(super) enum PriceDraft {
    Free,
    ByContract,
    Paid(PaidDraft),
}

#[derive(Clone, Debug, Default)]
pub(super) struct PaidDraft {
    /// Decimal text.
    pub(super) monthly: Slot<Box<str>>,
    /// Decimal text.
    pub(super) annual: Slot<Box<str>>,
    pub(super) per: Slot<PerSeat>,
    pub(super) minimum_seats: Slot<u64>,
}

/// That a price is for one seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PerSeat;

#[derive(Clone, Debug)]
pub(super) struct MetricDraft {
    pub(super) key: Located<Box<str>>,
    pub(super) name: Slot<Box<str>>,
    pub(super) unit: Slot<Box<str>>,
}

#[derive(Clone, Debug)]
pub(super) struct FeatureDraft {
    pub(super) key: Located<Box<str>>,
    pub(super) name: Slot<Box<str>>,
    pub(super) description: Slot<Box<str>>,
    pub(super) category: Slot<Category>,
    pub(super) availability: Slot<Availability>,
    pub(super) kind: Slot<KindDraft>,
    /// Fields that only features of another kind have.
    pub(super) strays: Vec<Located<Stray>>,
    pub(super) values: Slot<Vec<ValueDraft>>,
}

/// A field of a feature that only features of another kind have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stray {
    pub(super) field: &'static str,
    pub(super) belongs_to: &'static str,
}

#[derive(Clone, Debug)]
pub(super) enum KindDraft {
    Boolean,
    Limit {
        metric: Slot<Box<str>>,
        meter: Slot<Meter>,
    },
    Level {
        levels: Slot<Vec<Located<Box<str>>>>,
    },
}

/// What a tier is to have of a feature.
#[derive(Clone, Debug)]
pub(super) struct ValueDraft {
    pub(super) tier: Located<Box<str>>,
    pub(super) value: Located<Given>,
}

/// A value as it was given. What a text means depends on the kind of the feature.
#[derive(Clone, Debug)]
pub(super) enum Given {
    /// Something that could not be read, about which there is a fault already.
    Refused,
    /// Nothing after the colon.
    Nothing,
    /// A bare word or number of YAML.
    Plain(Box<str>),
    /// A text in quotes, or a block of text.
    Quoted(Box<str>),
    /// On or off, given in code.
    Boolean(bool),
    /// A limit given in code.
    Limit(Limit),
    /// A word given in code.
    Word(Box<str>),
}
