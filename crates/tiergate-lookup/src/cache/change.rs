//! What makes a change known: pushed, overheard, or merely hinted at.

use std::sync::Arc;

use tiergate_core::{Subject, Subscription};

use super::board::Pushed;
use super::entry::Moment;
use super::{CachedLookup, Shared};
use crate::jitter::Dice;
use crate::{Known, events};

impl CachedLookup {
    /// Makes `subscription` hold at once for the subject that it names, unless a later revision of
    /// the same record is known.
    #[expect(
        clippy::must_use_candidate,
        reason = "who pushes a change need not care whether it was news"
    )]
    pub fn push(&self, subscription: Arc<Subscription>) -> Pushed {
        let subject = subscription.subject.clone();
        self.put(&subject, Known::Found(subscription.into()))
    }

    /// Makes it hold at once that `subject` has no subscription.
    pub fn push_missing(&self, subject: &Subject) {
        self.put(subject, Known::Missing);
    }

    /// Makes `subscription` hold at once if its subject is remembered or is being asked about;
    /// nothing becomes of it, and the result is `None`, if neither. For a channel on which every
    /// change to anybody is told: it cannot fill the memory with subjects that nobody here asks for.
    ///
    /// Such a channel must tell the changes to one subject in the order in which they were made, but
    /// may tell them late. A higher version of the record that is known holds like any answer of the
    /// source. Where no version shows that a change is the newer one, as when another
    /// record takes the place of the one that is known, it holds in doubt: the source is asked again
    /// at its next use, and before anybody is denied by it.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tiergate_clock::SystemClock;
    /// # use tiergate_core::{Subject, Subscription, SubscriptionStatus};
    /// # use tiergate_lookup::{CacheConfig, CachedLookup, Pushed, StaticLookup};
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # let lookup = CachedLookup::new(
    /// #     Arc::new(StaticLookup::default()),
    /// #     CacheConfig::default(),
    /// #     Arc::new(SystemClock::new()),
    /// # );
    /// let ada = Subject::user("ada");
    /// let pro = Arc::new(Subscription::new(ada.clone(), "pro", SubscriptionStatus::Active));
    /// assert_eq!(lookup.overhear(Arc::clone(&pro)), None, "nobody asked about Ada");
    ///
    /// lookup.resolve(&ada).await;
    /// assert_eq!(lookup.overhear(pro), Some(Pushed::Applied));
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[expect(
        clippy::must_use_candidate,
        reason = "who passes a change on need not care whether it was news"
    )]
    pub fn overhear(&self, subscription: Arc<Subscription>) -> Option<Pushed> {
        let subject = subscription.subject.clone();
        self.put_if_asked(&subject, Known::Found(subscription.into()))
    }

    /// Makes it hold at once that `subject` has no subscription, if it is remembered or is being
    /// asked about, as [`overhear`](Self::overhear) does.
    pub fn overhear_missing(&self, subject: &Subject) -> Option<Pushed> {
        self.put_if_asked(subject, Known::Missing)
    }

    /// Forgets what is known about `subject`. A lookup that is under way is not used any more: who
    /// waits for it asks again.
    pub fn invalidate(&self, subject: &Subject) {
        self.shared.board.invalidate(subject);
    }

    /// Forgets everything. Lookups that are under way are not used any more: who waits for one asks
    /// again.
    pub fn clear(&self) {
        self.shared.board.clear();
    }

    /// Puts everything in doubt: what is known may be out of date, because changes to it may have
    /// been missed. Takes the same time however much is known.
    ///
    /// From now on all of it counts as stale. At the next use of each answer, and before anybody is
    /// denied by it, the source is asked again; while the source is down, what is known is used for
    /// as long as any stale answer would be. That also goes for what a lookup brings that was under
    /// way.
    pub fn revalidate_all(&self) {
        self.shared.counters.revalidations.increment();
        events::doubted();
        self.shared.board.doubt();
    }

    fn put(&self, subject: &Subject, known: Known) -> Pushed {
        let shared = &*self.shared;
        let now = Moment::of(&*shared.clock);
        let pushed = shared.board.push(subject, known, now, Dice::roll());
        shared.count_push(subject, pushed);
        pushed
    }

    fn put_if_asked(&self, subject: &Subject, known: Known) -> Option<Pushed> {
        let shared = &*self.shared;
        let now = Moment::of(&*shared.clock);
        let pushed = shared.board.overhear(subject, known, now, Dice::roll());
        match pushed {
            Some(pushed) => shared.count_push(subject, pushed),
            None => {
                shared.counters.pushed_unasked.increment();
                events::push_unasked(subject);
            }
        }
        pushed
    }
}

impl Shared {
    fn count_push(&self, subject: &Subject, pushed: Pushed) {
        match pushed {
            Pushed::Applied => {
                self.counters.pushed.increment();
                events::push_applied(subject);
            }
            Pushed::Outdated => {
                self.counters.pushed_outdated.increment();
                events::push_outdated(subject);
            }
        }
    }
}
