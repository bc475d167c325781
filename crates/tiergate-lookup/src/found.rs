mod terms;

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use tiergate_core::subscription::PlainSubscription;
use tiergate_core::{Subject, Subscription};

pub(crate) use terms::{Terms, as_number, as_timestamp};

#[cfg(test)]
pub(crate) use terms::tests::subscriptions;

/// A subscription that was found, to be read like the [`Subscription`] itself.
///
/// A cache keeps subscriptions packed. One that comes from there is unpacked when something of it is
/// read for the first time, which allocates; what this type itself tells does not.
///
/// ```
/// use std::sync::Arc;
/// use tiergate_core::{Subject, Subscription, SubscriptionStatus};
/// use tiergate_lookup::Found;
///
/// let pro = Subscription::new(Subject::user("ada"), "pro", SubscriptionStatus::Active);
/// let found = Found::from(Arc::new(pro));
/// assert_eq!(found.tier(), "pro");
/// assert_eq!(found.status, SubscriptionStatus::Active);
/// ```
#[derive(Clone)]
pub struct Found(Form);

#[derive(Clone)]
enum Form {
    Whole(Arc<Subscription>),
    Packed(Packed),
}

#[derive(Clone)]
struct Packed {
    subject: Subject,
    tier: &'static str,
    terms: Terms,
    whole: OnceLock<Arc<Subscription>>,
}

impl Found {
    /// What a cache has kept.
    #[inline]
    pub(crate) fn packed(subject: Subject, tier: &'static str, terms: Terms) -> Self {
        Self(Form::Packed(Packed {
            subject,
            tier,
            terms,
            whole: OnceLock::new(),
        }))
    }

    /// What a cache can keep; `None` if it has to keep the whole.
    pub(crate) fn terms(&self) -> Option<Terms> {
        match &self.0 {
            Form::Whole(whole) => Terms::pack(whole),
            Form::Packed(packed) => Some(packed.terms),
        }
    }

    /// The whole, as something that is shared.
    #[must_use]
    pub fn shared(&self) -> Arc<Subscription> {
        Arc::clone(self.whole())
    }

    /// The key of the tier.
    #[must_use]
    #[inline]
    pub fn tier(&self) -> &str {
        match &self.0 {
            Form::Whole(whole) => &whole.tier,
            Form::Packed(packed) => packed.tier,
        }
    }

    /// The number of the record's revision.
    #[must_use]
    pub fn version(&self) -> Option<u64> {
        match &self.0 {
            Form::Whole(whole) => whole.version,
            Form::Packed(packed) => packed.terms.version(),
        }
    }

    /// All that decides of it, as [`Subscription::as_plain`] tells it.
    #[must_use]
    #[inline]
    pub fn as_plain(&self) -> Option<PlainSubscription<'_>> {
        match &self.0 {
            Form::Whole(whole) => whole.as_plain(),
            Form::Packed(packed) => packed.terms.as_plain(packed.tier),
        }
    }

    fn whole(&self) -> &Arc<Subscription> {
        match &self.0 {
            Form::Whole(whole) => whole,
            Form::Packed(packed) => packed.whole(),
        }
    }
}

impl Packed {
    fn whole(&self) -> &Arc<Subscription> {
        self.whole
            .get_or_init(|| Arc::new(self.terms.unpack(self.subject.clone(), self.tier)))
    }
}

impl Deref for Found {
    type Target = Subscription;

    fn deref(&self) -> &Subscription {
        self.whole()
    }
}

impl From<Arc<Subscription>> for Found {
    fn from(whole: Arc<Subscription>) -> Self {
        Self(Form::Whole(whole))
    }
}

impl From<Subscription> for Found {
    fn from(whole: Subscription) -> Self {
        Self::from(Arc::new(whole))
    }
}

impl From<Found> for Arc<Subscription> {
    fn from(found: Found) -> Self {
        match found.0 {
            Form::Whole(whole) => whole,
            Form::Packed(packed) => Self::clone(packed.whole()),
        }
    }
}

impl PartialEq for Found {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Found {}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_same_packed_as_whole(one in subscriptions()) {
            let whole = Found::from(one.clone());
            prop_assert_eq!(&*whole, &one);
            prop_assert_eq!((whole.tier(), whole.version()), (&*one.tier, one.version));
            let Some(terms) = whole.terms() else {
                return Ok(());
            };
            let tier: &'static str = Box::leak(one.tier.clone());
            let packed = Found::packed(one.subject.clone(), tier, terms);
            prop_assert_eq!(packed.as_plain(), one.as_plain());
            prop_assert_eq!((packed.tier(), packed.version()), (&*one.tier, one.version));
            prop_assert_eq!(packed.terms(), Some(terms));
            prop_assert_eq!(&packed.clone(), &whole);
            prop_assert_eq!(&*packed.shared(), &one);
            prop_assert_eq!(&*Arc::<Subscription>::from(packed), &one);
        }
    }
}
