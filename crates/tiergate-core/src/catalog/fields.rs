//! The fields of the format, once for the reader and for the schema.

use super::feature::Category;
use super::tier::Track;
use crate::{Meter, QuotaPeriod, RatePeriod};

/// The version of the format that is read and written.
pub(super) const VERSION: u64 = 1;

/// A longer text is refused.
pub(super) const MAX_BYTES: usize = 1 << 20;
/// Deeper nesting is refused; the format itself needs five.
pub(super) const MAX_DEPTH: usize = 8;
/// A text with more keys and values is refused. A thousand features for fifty tiers are 112,000, and
/// reading this many takes less than a tenth of a second.
pub(super) const MAX_NODES: usize = 150_000;

pub(super) const MAX_METRICS: usize = 1_000;
pub(super) const MAX_LEVELS: usize = 100;
/// How many tiers one tier may include directly.
pub(super) const MAX_INCLUDES: usize = 16;
pub(super) const MAX_KEY: usize = 64;
pub(super) const MAX_NAME: usize = 200;
pub(super) const MAX_WORD: usize = 64;
pub(super) const MAX_DESCRIPTION: usize = 2_000;
/// Ten years.
pub(super) const MAX_TRIAL_DAYS: u64 = 3_650;
pub(super) const MAX_SEATS: u64 = 1_000_000;

/// A field of a mapping.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) need: Need,
    /// For whoever edits a catalog: what belongs here.
    pub(super) about: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Required,
    Optional,
}

const fn required(name: &'static str, about: &'static str) -> Field {
    Field {
        name,
        need: Need::Required,
        about,
    }
}

const fn optional(name: &'static str, about: &'static str) -> Field {
    Field {
        name,
        need: Need::Optional,
        about,
    }
}

pub(super) const ROOT: &[Field] = &[
    required("version", "The version of this format: 1."),
    required(
        "currency",
        "The currency of every price, as a code of ISO 4217.",
    ),
    optional(
        "time_zone",
        "The zone whose days and months quotas are counted in, as the IANA database names it. UTC if absent.",
    ),
    required("default_tier", "The tier of whoever has no other."),
    optional(
        "trial_days",
        "How many days a new paid subscription is on trial. None if absent.",
    ),
    required("tiers", "The tiers, by key."),
    optional("metrics", "What is counted, by key."),
    required("features", "The features, by key."),
];

pub(super) const TIER: &[Field] = &[
    required("name", "The name that people read."),
    optional("description", "A sentence about it."),
    required("track", "Whom it is sold to."),
    optional(
        "includes",
        "The tiers it includes: it satisfies every guard that they satisfy, and gives no less than they do of any feature.",
    ),
    required("price", "What it costs."),
];

pub(super) const PRICE: &[Field] = &[
    required("monthly", "What a month costs when paid monthly."),
    required("annual", "What a year costs when paid annually."),
    optional(
        "per",
        "What the amounts are for, if not the whole subscription.",
    ),
    optional(
        "minimum_seats",
        "How many seats are paid at least. One if absent.",
    ),
];

pub(super) const METRIC: &[Field] = &[
    required("name", "The name that people read."),
    optional("unit", "The unit, where it is not a plain count."),
];

/// The fields of a feature of any kind.
pub(super) const FEATURE: &[Field] = &[
    required("name", "The name that people read."),
    optional("description", "A sentence about it."),
    required("category", "The group it is shown in."),
    optional(
        "enabled",
        "Off takes it from everyone, whatever their tier. On if absent.",
    ),
    required("kind", "Of what kind its values are."),
    required("tiers", "What each tier gives of it."),
];

/// The fields of a limit beside those of any feature.
pub(super) const LIMIT: &[Field] = &[
    optional("metric", "The metric whose units are counted."),
    optional(
        "counted",
        "How the units are counted. If absent, the number is only shown.",
    ),
];

/// The fields of a level beside those of any feature.
pub(super) const LEVEL: &[Field] = &[required(
    "levels",
    "The words to choose from, weakest first.",
)];

pub(super) const FREE: &str = "free";
pub(super) const BY_CONTRACT: &str = "by contract";
pub(super) const SEAT: &str = "seat";
pub(super) const UNLIMITED: &str = "unlimited";
pub(super) const ON: &str = "on";
pub(super) const OFF: &str = "off";

pub(super) const KINDS: [&str; 3] = ["boolean", "limit", "level"];

/// Every way of counting, by the phrase for it.
pub(super) fn meters() -> impl Iterator<Item = (String, Meter)> {
    std::iter::once(Meter::Gauge)
        .chain(RatePeriod::ALL.map(Meter::Rate))
        .chain(QuotaPeriod::ALL.map(Meter::Quota))
        .map(|meter| (meter.to_string(), meter))
}

pub(super) fn tracks() -> impl Iterator<Item = (String, Track)> {
    Track::ALL
        .into_iter()
        .map(|track| (track.as_str().to_owned(), track))
}

pub(super) fn categories() -> impl Iterator<Item = (String, Category)> {
    Category::ALL
        .into_iter()
        .map(|category| (category.as_str().to_owned(), category))
}
