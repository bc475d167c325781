use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tiergate_core::decision::Knowledge;
use tiergate_core::{Subject, Subscription};
use tiergate_lookup::{Found, Freshness, Known, LookupError, Resolution, Sight, TierWord};

/// What was learned about a subject's subscription, at one moment.
#[derive(Clone, Debug)]
pub(crate) enum Learned {
    /// From the cache, where it was fresh: kept as the cache keeps it, because what most requests need of
    /// it is the tier.
    Seen {
        sight: Sight,
        /// There once somebody has read it.
        whole: OnceLock<Arc<Subscription>>,
    },
    /// Anything else.
    Resolved(Resolution),
}

impl Learned {
    /// The tier as the cache numbers it, if nothing else decides.
    #[inline]
    pub(crate) fn tier_alone(&self) -> Option<TierWord> {
        match self {
            Self::Seen { sight, .. } => sight.word(),
            Self::Resolved(_) => None,
        }
    }

    /// What the cache had, if nothing but the tier decides.
    #[inline]
    pub(crate) fn seen_by_tier(&self) -> Option<(&Sight, TierWord)> {
        match self {
            Self::Seen { sight, .. } => Some((sight, sight.word()?)),
            Self::Resolved(_) => None,
        }
    }

    /// The tier of the subscription, if there is one and it is known.
    pub(crate) fn tier(&self) -> Option<&str> {
        match self {
            Self::Seen { sight, .. } => sight.tier(),
            Self::Resolved(resolution) => found_in(resolution).map(Found::tier),
        }
    }

    /// The subscription of `subject`, which all this is about, if there is one and it is known.
    pub(crate) fn subscription(&self, subject: &Subject) -> Option<&Subscription> {
        match self {
            Self::Seen { sight, whole } => {
                sight.tier()?;
                // There is one where there is a tier.
                match whole.get() {
                    Some(whole) => Some(whole),
                    None => {
                        let unpacked = Arc::new(sight.unpack(subject)?);
                        Some(whole.get_or_init(|| unpacked))
                    }
                }
            }
            Self::Resolved(resolution) => found_in(resolution).map(|found| &**found),
        }
    }

    /// Why nothing is known, if that is so.
    pub(crate) fn failure(&self) -> Option<&LookupError> {
        match self {
            Self::Resolved(Resolution::Failed(error)) => Some(error),
            Self::Seen { .. } | Self::Resolved(Resolution::Known(_)) => None,
        }
    }

    /// How old the answer is, if there is one.
    pub(crate) fn age(&self) -> Option<Duration> {
        match self {
            Self::Seen { sight, .. } => Some(sight.age()),
            Self::Resolved(resolution) => resolution.snapshot().map(|snapshot| snapshot.age),
        }
    }

    /// No more of it than decides.
    pub(super) fn what_decides(&self, subject: &Subject) -> Knowledge<'_> {
        let plain = match self {
            Self::Seen { sight, .. } => sight.as_plain(),
            Self::Resolved(resolution) => found_in(resolution).and_then(Found::as_plain),
        };
        match plain {
            Some(plain) => Knowledge::Plain(plain),
            None => self.knowledge(subject),
        }
    }

    /// All of it.
    pub(super) fn knowledge(&self, subject: &Subject) -> Knowledge<'_> {
        if self.failure().is_some() {
            return Knowledge::Unavailable;
        }
        match self.subscription(subject) {
            Some(subscription) => Knowledge::Subscription(subscription),
            None => Knowledge::NoSubscription,
        }
    }

    /// How it was learned, in words.
    pub(super) fn describe(&self) -> String {
        let snapshot = match self {
            Self::Seen { .. } => None,
            Self::Resolved(Resolution::Known(snapshot)) => Some(snapshot),
            Self::Resolved(Resolution::Failed(error)) => return format!("failed: {error}"),
        };
        let what = match self.tier() {
            Some(_) => "found",
            None => "found none",
        };
        let freshness = match snapshot.map_or(Freshness::Fresh, |snapshot| snapshot.freshness) {
            Freshness::Fresh => "fresh",
            Freshness::Stale => "stale",
        };
        let age = self.age().unwrap_or_default();
        format!("{what}, {freshness}, {age:.1?} old")
    }
}

impl From<Sight> for Learned {
    #[inline]
    fn from(sight: Sight) -> Self {
        Self::Seen {
            sight,
            whole: OnceLock::new(),
        }
    }
}

fn found_in(resolution: &Resolution) -> Option<&Found> {
    match &resolution.snapshot()?.known {
        Known::Found(found) => Some(found),
        Known::Missing => None,
    }
}
