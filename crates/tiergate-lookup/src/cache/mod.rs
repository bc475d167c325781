//! A cache in front of any lookup, with one lookup at a time for each subject.

mod board;
mod change;
mod config;
mod entry;
mod era;
mod flight;
mod fly;
mod glance;
mod locks;
mod statistics;
mod store;
mod words;

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tiergate_clock::Clock;
use tiergate_core::Subject;
use tokio::sync::{Semaphore, watch};

use crate::breaker::Breaker;
use crate::found::Terms;
use crate::{Freshness, LookupErrorKind, Resolution, Sight, Snapshot, SubscriptionLookup, events};

pub use board::Pushed;
use board::{Board, Departure, Notice, SHARDS};
pub use config::{CacheConfig, CacheConfigBuilder, CacheConfigError};
use entry::{Moment, Want};
pub use glance::TierWord;
use locks::StdLocks;
#[cfg(feature = "http-client")]
pub(crate) use statistics::Counter;
use statistics::Counters;
pub use statistics::Statistics;
use store::BoundedStore;

/// How often somebody who waits looks again when changes overtake the lookups waited for.
const LOOKS: usize = 4;

/// A [`SubscriptionLookup`] with a memory.
///
/// * Many who ask for one subject at once make one lookup. It runs in a task of its own with a
///   deadline of its own, so that a caller who leaves changes nothing for the others.
/// * An answer is fresh for five minutes. After that it is still served while one refresh runs in
///   the background, and while the source is down: until 24 hours after the source's last answer,
///   and never beyond the subscription's own end.
/// * "No subscription" is an answer too, for five seconds.
/// * A failure is never an answer. After one, the subject is not asked about for a second, and
///   longer after each more; when half of all lookups fail, nobody is asked about for five seconds.
/// * A change that is [pushed](Self::push) holds at once. A lookup that was under way when it came
///   never puts the old state back. Of two revisions of a record, the lower never replaces the
///   higher.
/// * Memory is bounded, in entries and in bytes; a flood of unknown subjects does not drive out
///   those that are asked for often.
///
/// The times and bounds are set by a [`CacheConfig`]. Clones share one memory.
///
/// ```
/// use std::sync::Arc;
/// use tiergate_clock::SystemClock;
/// use tiergate_core::{Subject, Subscription, SubscriptionStatus};
/// use tiergate_lookup::{CacheConfig, CachedLookup, Resolution, StaticLookup};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let ada = Subject::user("ada");
/// let source = StaticLookup::new([
///     Subscription::new(ada.clone(), "pro", SubscriptionStatus::Active),
/// ]);
/// let lookup = CachedLookup::new(
///     Arc::new(source),
///     CacheConfig::default(),
///     Arc::new(SystemClock::new()),
/// );
///
/// assert!(lookup.get(&ada).is_none(), "nothing is known yet");
/// let Resolution::Known(snapshot) = lookup.resolve(&ada).await else {
///     panic!("the source answers");
/// };
/// assert_eq!(&*snapshot.known.subscription().unwrap().tier, "pro");
/// assert!(lookup.get(&ada).is_some(), "now it is");
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct CachedLookup {
    shared: Arc<Shared>,
}

struct Shared {
    board: Board<BoundedStore, StdLocks>,
    lookup: Arc<dyn SubscriptionLookup>,
    clock: Arc<dyn Clock>,
    config: CacheConfig,
    breaker: Mutex<Breaker>,
    permits: Arc<Semaphore>,
    under_way: Arc<AtomicUsize>,
    counters: Counters,
}

/// Whether a flight began before somebody asked for it, or because of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    Before,
    Because,
}

impl Shared {
    /// Counts an answer that was fresh.
    #[inline]
    fn served_fresh(&self) {
        self.counters.fresh_hits.increment();
        events::served_fresh();
    }
}

impl CachedLookup {
    /// Puts a memory in front of `lookup`.
    #[must_use]
    pub fn new(
        lookup: Arc<dyn SubscriptionLookup>,
        config: CacheConfig,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                board: Board::new(BoundedStore::new(&config), config.clone(), SHARDS),
                lookup,
                clock,
                breaker: Mutex::new(Breaker::new()),
                permits: Arc::new(Semaphore::new(config.max_flights())),
                under_way: Arc::new(AtomicUsize::new(0)),
                counters: Counters::default(),
                config,
            }),
        }
    }

    /// What is known about `subject` without waiting: fresh, or stale while a newer answer is
    /// fetched in the background. `None` when nothing that may be used is known.
    ///
    /// The background refresh needs a tokio runtime around the caller; without one, the stale
    /// answer is served all the same and nothing is fetched.
    ///
    /// The age is told by the [coarse](Clock::coarse_elapsed) time, some milliseconds too low at most. The
    /// subscription's own end is held against the exact one.
    ///
    /// An answer waits for no lock and allocates nothing; what was found is unpacked when it is read,
    /// which does (see [`Found`](crate::Found)). Only where nothing is found, or the place of the entry
    /// is just being moved, is a lock of a few instructions taken to be sure.
    #[must_use]
    pub fn get(&self, subject: &Subject) -> Option<Snapshot> {
        match self.see(subject) {
            Some(sight) => Some(sight.into_snapshot(subject)),
            None => self.get_unseen(subject),
        }
    }

    /// What is known about `subject`, as the cache keeps it, if it is fresh and there is no more to think
    /// of: no failure since, no end of its own, no override, nothing that may have been missed. `None`
    /// says nothing: ask [`get_unseen`](Self::get_unseen).
    ///
    /// Times are those of [`get`](Self::get), and it too waits for no lock and allocates nothing.
    #[must_use]
    #[inline]
    pub fn see(&self, subject: &Subject) -> Option<Sight> {
        let shared = &*self.shared;
        let now = (shared.board.era(), shared.clock.coarse_nanos());
        // Room for what is large, which is not handed on from one to the next.
        let mut terms = Terms::NOTHING;
        let fresh = shared.board.store().fresh(subject, now, &mut terms)?;
        shared.served_fresh();
        Some(fresh.into_sight(terms))
    }

    /// The same as [`get`](Self::get), for whoever has asked [`see`](Self::see) and was told nothing: what
    /// may be old, doubtful or about to end.
    // Apart, so that what is fresh has none of it to carry along.
    #[must_use]
    #[inline(never)]
    pub fn get_unseen(&self, subject: &Subject) -> Option<Snapshot> {
        let shared = &*self.shared;
        let now = shared.clock.coarse_elapsed();
        let entry = shared.board.entry(subject)?;
        let is_backing_off = entry.is_backing_off(now);
        let snapshot = entry.into_snapshot(now, || shared.clock.now())?;
        match snapshot.freshness {
            Freshness::Fresh => shared.served_fresh(),
            Freshness::Stale => {
                shared.counters.stale_hits.increment();
                events::served_stale(snapshot.age);
                if !is_backing_off {
                    self.refresh(subject);
                }
            }
        }
        Some(snapshot)
    }

    /// The tier of `subject` without reading the entry, for those whose decision hangs on nothing
    /// else, given that `accept` takes it: their answer is fresh and nothing may have been missed, and
    /// they have either no subscription or an active one that goes on, without overrides.
    ///
    /// `None` says nothing: ask [`get`](Self::get). An answer is taken for fresh by the
    /// [coarse](Clock::coarse_elapsed) time, up to some milliseconds longer than by the exact one.
    ///
    /// Waits for no lock, and writes to no memory that other readers of other subjects use.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tiergate_clock::SystemClock;
    /// # use tiergate_core::{Subject, Subscription, SubscriptionStatus};
    /// # use tiergate_lookup::{CacheConfig, CachedLookup, StaticLookup};
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # let lookup = CachedLookup::new(
    /// #     Arc::new(StaticLookup::default()),
    /// #     CacheConfig::default(),
    /// #     Arc::new(SystemClock::new()),
    /// # );
    /// let ada = Subject::user("ada");
    /// assert_eq!(lookup.glance(&ada, |_| true), None);
    ///
    /// let pro = Subscription::new(ada.clone(), "pro", SubscriptionStatus::Active);
    /// lookup.push(Arc::new(pro));
    /// let tier = lookup.glance(&ada, |_| true).unwrap();
    /// assert_eq!(lookup.tier_key(tier).as_deref(), Some("pro"));
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn glance(&self, subject: &Subject, accept: impl Fn(TierWord) -> bool) -> Option<TierWord> {
        let shared = &*self.shared;
        let tier = shared.board.store().glance(subject, |glance| {
            let tier = glance.tier(shared.board.era())?;
            let holds = accept(tier) && glance.is_fresh(shared.clock.coarse_nanos());
            holds.then_some(tier)
        })?;
        shared.served_fresh();
        Some(tier)
    }

    /// The key of a tier that [`glance`](Self::glance) told of.
    #[must_use]
    pub fn tier_key(&self, tier: TierWord) -> Option<&'static str> {
        self.shared.board.store().words().key(tier)
    }

    /// What is known about `subject`, asking the source if nothing is.
    ///
    /// Takes no longer than the configured deadline of a lookup, and a few of these when changes
    /// keep overtaking the lookup. Dropping the future leaves the lookup to the others who wait for
    /// it. Needs a tokio runtime with its timer on.
    pub async fn resolve(&self, subject: &Subject) -> Resolution {
        match self.get(subject) {
            Some(snapshot) => Resolution::Known(snapshot),
            None => self.ask(subject, Want::Any).await,
        }
    }

    /// What is known about `subject`, for use before a denial: an answer that is older than two
    /// seconds is asked for again, but no more often than every five seconds for one subject.
    ///
    /// Between two such re-reads the outcome of the last one stands. Where the re-read failed this
    /// fails too: who may have just paid is not refused from memory. The remembered answer stays,
    /// for [`get`](Self::get) and [`resolve`](Self::resolve).
    ///
    /// Waiting and cancellation are those of [`resolve`](Self::resolve).
    pub async fn confirm(&self, subject: &Subject) -> Resolution {
        self.ask(subject, Want::Confirmation).await
    }

    /// What is known about `subject`, if it is at least revision `version`; otherwise the source is
    /// asked once, and if its answer is older too, this fails with
    /// [`NotFresh`](LookupErrorKind::NotFresh).
    ///
    /// A record without a version, and no record at all, are older than any version. A subject whose
    /// answer came back too old is not asked about in this way again for a second.
    ///
    /// Waiting and cancellation are those of [`resolve`](Self::resolve).
    pub async fn resolve_at_least(&self, subject: &Subject, version: u64) -> Resolution {
        self.ask(subject, Want::AtLeast(version)).await
    }

    /// What was done so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let shared = &*self.shared;
        let store = shared.board.store();
        Statistics {
            entries: store.len(),
            evictions: store.evictions(),
            circuit_is_open: shared.breaker().is_open(),
            flights_under_way: shared.under_way.load(Ordering::Relaxed) as u64,
            ..shared.counters.read()
        }
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &CacheConfig {
        &self.shared.config
    }

    async fn ask(&self, subject: &Subject, want: Want) -> Resolution {
        let shared = &self.shared;
        if !subject.is_valid() {
            shared.counters.failed(LookupErrorKind::InvalidSubject);
            return Resolution::Failed(LookupErrorKind::InvalidSubject.into());
        }
        for _ in 0..LOOKS {
            let now = Moment::of(&*shared.clock);
            let departure = shared.board.depart(subject, want, now, || {
                shared
                    .admit()
                    .inspect_err(|error| shared.counters.failed(error.kind()))
            });
            let (mut notice, start) = match departure {
                Departure::Settled(resolution) => {
                    shared.count(&resolution);
                    return resolution;
                }
                Departure::Joined(notice) => {
                    shared.counters.joined.increment();
                    (notice, Start::Before)
                }
                Departure::Leading {
                    flight,
                    pass,
                    notice,
                } => {
                    shared.take_off(subject, flight, pass);
                    (notice, Start::Because)
                }
            };
            shared.counters.misses.increment();
            events::missed();
            if let Some(resolution) = landed(&mut notice).await
                && let Some(resolution) = accept(resolution, want, start)
            {
                return resolution;
            }
        }
        Resolution::Failed(LookupErrorKind::Interrupted.into())
    }

    fn refresh(&self, subject: &Subject) {
        let shared = &self.shared;
        let now = Moment::of(&*shared.clock);
        let departure = shared.board.depart(subject, Want::Refresh, now, || {
            shared.admit_refresh().inspect_err(|error| {
                shared.counters.refreshes_skipped.increment();
                events::refresh_skipped(subject, error.kind());
            })
        });
        if let Departure::Leading { flight, pass, .. } = departure {
            shared.take_off(subject, flight, pass);
        }
    }
}

impl Shared {
    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, settled: &Resolution) {
        match settled {
            Resolution::Known(snapshot) => match snapshot.freshness {
                Freshness::Fresh => {
                    self.counters.fresh_hits.increment();
                    events::served_fresh();
                }
                Freshness::Stale => {
                    self.counters.stale_hits.increment();
                    events::served_stale(snapshot.age);
                }
            },
            Resolution::Failed(_) => {
                self.counters.misses.increment();
                events::missed();
            }
        }
    }
}

/// Waits for the end of a flight; `None` when it is to be looked for again.
async fn landed(notice: &mut watch::Receiver<Notice>) -> Option<Resolution> {
    let told = notice
        .wait_for(|notice| !matches!(notice, Notice::Wait))
        .await;
    match told.as_deref() {
        Ok(Notice::Landed(resolution)) => Some(resolution.clone()),
        // A flight always lands, so its sender is never dropped without a word.
        Ok(Notice::LookAgain | Notice::Wait) | Err(_) => None,
    }
}

/// The resolution, unless it leaves reason to look again.
fn accept(resolution: Resolution, want: Want, start: Start) -> Option<Resolution> {
    let (Want::AtLeast(version), Resolution::Known(snapshot)) = (want, &resolution) else {
        return Some(resolution);
    };
    if snapshot.known.version() >= Some(version) {
        return Some(resolution);
    }
    match start {
        Start::Because => Some(Resolution::Failed(LookupErrorKind::NotFresh.into())),
        // It may have read before that version was written.
        Start::Before => None,
    }
}

impl fmt::Debug for CachedLookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedLookup")
            .field("config", &self.shared.config)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
