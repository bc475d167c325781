use std::time::Duration;

use tiergate_core::subscription::PlainSubscription;
use tiergate_core::{Subject, Subscription};

use crate::found::Terms;
use crate::{Found, Freshness, Known, Snapshot, TierWord};

/// What a cache knows of a subject that is fresh, as it keeps it: to be copied as it is, and unpacked
/// when somebody reads it.
///
/// Made by [`CachedLookup::see`](crate::CachedLookup::see). It is of one moment of the cache, whatever
/// happens to the entry after.
///
/// ```
/// # use std::sync::Arc;
/// # use tiergate_clock::SystemClock;
/// # use tiergate_core::{Subject, Subscription, SubscriptionStatus};
/// # use tiergate_lookup::{CacheConfig, CachedLookup, StaticLookup, TierWord};
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// # let lookup = CachedLookup::new(
/// #     Arc::new(StaticLookup::default()),
/// #     CacheConfig::default(),
/// #     Arc::new(SystemClock::new()),
/// # );
/// let ada = Subject::user("ada");
/// let pro = Subscription::new(ada.clone(), "pro", SubscriptionStatus::Active);
/// lookup.push(Arc::new(pro.clone()));
/// let sight = lookup.see(&ada).unwrap();
///
/// lookup.push_missing(&ada);
/// assert_eq!(sight.tier(), Some("pro"));
/// assert_eq!(sight.unpack(&ada), Some(pro));
/// assert_eq!(lookup.see(&ada).unwrap().word(), Some(TierWord::NONE));
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// None where there is no subscription.
    packed: Option<Packed>,
    /// In nanoseconds.
    age: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Packed {
    tier: &'static str,
    terms: Terms,
    word: TierWord,
}

impl Sight {
    /// There is no subscription.
    #[inline]
    pub(crate) fn missing(age: u64) -> Self {
        Self { packed: None, age }
    }

    #[inline]
    pub(crate) fn packed(word: TierWord, tier: &'static str, terms: Terms, age: u64) -> Self {
        let packed = Some(Packed { tier, terms, word });
        Self { packed, age }
    }

    /// The key of the subscription's tier; none if there is no subscription.
    #[must_use]
    #[inline]
    pub fn tier(&self) -> Option<&'static str> {
        self.packed.map(|packed| packed.tier)
    }

    /// The tier, if nothing else decides: there is no subscription, or one that
    /// [gives just its tier](Subscription::as_plain).
    #[must_use]
    #[inline]
    pub fn word(&self) -> Option<TierWord> {
        match &self.packed {
            None => Some(TierWord::NONE),
            Some(packed) => packed.terms.is_plain().then_some(packed.word),
        }
    }

    /// All that decides of the subscription, as [`Subscription::as_plain`] tells it.
    #[must_use]
    #[inline]
    pub fn as_plain(&self) -> Option<PlainSubscription<'static>> {
        let packed = self.packed.as_ref()?;
        packed.terms.as_plain(packed.tier)
    }

    /// How long ago the source said so, by the monotonic clock.
    #[must_use]
    pub fn age(&self) -> Duration {
        Duration::from_nanos(self.age)
    }

    /// The subscription, which is that of `subject`; none if there is none.
    #[must_use]
    pub fn unpack(&self, subject: &Subject) -> Option<Subscription> {
        let packed = self.packed.as_ref()?;
        Some(packed.terms.unpack(subject.clone(), packed.tier))
    }

    /// The same as what [`CachedLookup::get`](crate::CachedLookup::get) tells of `subject`.
    #[inline]
    pub(crate) fn into_snapshot(self, subject: &Subject) -> Snapshot {
        let known = match self.packed {
            None => Known::Missing,
            Some(Packed { tier, terms, .. }) => {
                Known::Found(Found::packed(subject.clone(), tier, terms))
            }
        };
        Snapshot {
            known,
            age: self.age(),
            freshness: Freshness::Fresh,
        }
    }
}
