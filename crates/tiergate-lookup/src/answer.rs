use std::sync::Arc;
use std::time::Duration;

use tiergate_core::Subscription;

use crate::{Found, LookupError};

/// What a [`SubscriptionLookup`](crate::SubscriptionLookup) says about a subject.
///
/// Absence and failure are two things. Who has no subscription has the default tier; of whom
/// nothing could be learned, nothing is known.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The subject has this subscription.
    Found(Arc<Subscription>),
    /// The source knows for certain that the subject has none.
    Missing,
    /// The source did not say.
    Failed(LookupError),
}

/// What is known about a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// It has this subscription.
    Found(Found),
    /// It has none.
    Missing,
}

impl Known {
    /// The subscription, if there is one.
    #[must_use]
    pub fn subscription(&self) -> Option<&Found> {
        match self {
            Self::Found(found) => Some(found),
            Self::Missing => None,
        }
    }

    pub(crate) fn version(&self) -> Option<u64> {
        self.subscription().and_then(Found::version)
    }
}

/// What is known about a subject, and since when.
///
/// Cloning copies a hundred bytes or two, and allocates nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// What is known.
    pub known: Known,
    /// How long ago the source said so, by the monotonic clock.
    pub age: Duration,
    /// Whether the source should have been asked again by now.
    pub freshness: Freshness,
}

/// Whether an answer is used because it is recent, or for want of a newer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Freshness {
    /// Younger than the configured age, and not in doubt.
    Fresh,
    /// Older, or in doubt because changes may have been missed, and within the ceiling for old
    /// answers.
    Stale,
}

/// What came of asking a [`CachedLookup`](crate::CachedLookup).
#[derive(Clone, Debug)]
pub enum Resolution {
    /// This is known.
    Known(Snapshot),
    /// Nothing that may be used is known, for this reason.
    Failed(LookupError),
}

impl Resolution {
    /// What is known, if anything is.
    #[must_use]
    pub fn snapshot(&self) -> Option<&Snapshot> {
        match self {
            Self::Known(snapshot) => Some(snapshot),
            Self::Failed(_) => None,
        }
    }
}
