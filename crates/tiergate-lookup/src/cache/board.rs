//! The one place where what is remembered changes.
//!
//! For each subject, every change happens under the lock of the subject's shard: a departure, a
//! landing, a pushed change, an invalidation. So an answer that was overtaken is seen to be before
//! it is stored. Reading takes no lock: an entry is replaced as a whole.

use std::collections::HashMap;
use std::collections::hash_map;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tiergate_core::Subject;
use tiergate_core::time::Timestamp;
use tokio::sync::watch;

use super::config::CacheConfig;
use super::entry::{Entry, Moment, Step, Want, decide};
use super::era::{CurrentEra, Era};
use super::flight::{Flights, Landing, Registration, Ticket};
use super::locks::{Locked, Locks};
use super::store::Store;
use crate::jitter::Dice;
use crate::{Answer, Known, LookupError, LookupErrorKind, Resolution, Snapshot};

/// Into how many locks the subjects are spread. Held for a few instructions each.
pub(crate) const SHARDS: usize = 64;

pub(crate) struct Board<S, L: Locks> {
    store: S,
    shards: Box<[L::Mutex<Shard>]>,
    hasher: foldhash::fast::RandomState,
    era: CurrentEra,
    tickets: AtomicU64,
    config: CacheConfig,
}

/// The subjects with a flight attached, and nobody else: landings and changes take theirs out.
type Shard = HashMap<Subject, Slot, foldhash::fast::RandomState>;

struct Slot {
    flights: Flights,
    era: Era,
    notice: watch::Sender<Notice>,
}

/// What is remembered of a subject, and when it was looked up.
pub(crate) struct Remembered {
    entry: Entry,
    era: Era,
}

/// What those who wait for a flight are told.
#[derive(Clone, Debug)]
pub(crate) enum Notice {
    Wait,
    Landed(Resolution),
    LookAgain,
}

/// A flight that was let go. To be landed in any case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flight {
    ticket: Ticket,
    era: Era,
}

pub(crate) enum Departure<P> {
    /// No flight is needed, or none is allowed.
    Settled(Resolution),
    /// One is under way.
    Joined(watch::Receiver<Notice>),
    /// The caller must see to this one.
    Leading {
        flight: Flight,
        pass: P,
        notice: watch::Receiver<Notice>,
    },
}

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Landed {
    Counted,
    Overtaken,
}

/// What became of a pushed subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pushed {
    /// It holds from now on.
    Applied,
    /// A later revision of the same record is known. Nothing changed.
    Outdated,
}

impl<S: Store, L: Locks> Board<S, L> {
    pub(crate) fn new(store: S, config: CacheConfig, shards: usize) -> Self {
        Self {
            store,
            shards: (0..shards.max(1))
                .map(|_| L::Mutex::new(Shard::default()))
                .collect(),
            hasher: foldhash::fast::RandomState::default(),
            era: CurrentEra::default(),
            tickets: AtomicU64::new(0),
            config,
        }
    }

    #[inline]
    pub(crate) fn store(&self) -> &S {
        &self.store
    }

    /// What is remembered of `subject`.
    #[inline]
    pub(crate) fn entry(&self, subject: &Subject) -> Option<Remembered> {
        let era = self.era.load();
        let entry = self.store.get(subject)?;
        entry
            .era
            .remembers(era)
            .then_some(Remembered { entry, era })
    }

    /// The era of now.
    #[inline]
    pub(crate) fn era(&self) -> Era {
        self.era.load()
    }

    /// Finds an answer, or a flight that will bring one. `admit` is asked before a new flight is
    /// let go, under a lock: it must be short.
    pub(crate) fn depart<P>(
        &self,
        subject: &Subject,
        want: Want,
        now: Moment,
        admit: impl FnOnce() -> Result<P, LookupError>,
    ) -> Departure<P> {
        self.in_shard(subject, |shard| {
            // Before anything is asked: a doubt that comes later is about what is asked now, too.
            let era = self.era.load();
            let remembered = self.entry(subject);
            let entry = remembered.as_ref().map(Remembered::entry);
            if let Step::Answer(resolution) = decide(entry, era, want, now, &self.config) {
                return Departure::Settled(resolution);
            }
            let vacant = match shard.entry(subject.clone()) {
                hash_map::Entry::Occupied(mut slot) => {
                    let slot = slot.get_mut();
                    slot.flights.register(self.ticket(), want.demands());
                    return Departure::Joined(slot.notice.subscribe());
                }
                hash_map::Entry::Vacant(vacant) => vacant,
            };
            let pass = match admit() {
                Ok(pass) => pass,
                Err(error) => return Departure::Settled(Resolution::Failed(error)),
            };
            let (sender, notice) = watch::channel(Notice::Wait);
            let flight = Flight {
                ticket: self.ticket(),
                era,
            };
            let mut flights = Flights::default();
            let registration = flights.register(flight.ticket, want.demands());
            debug_assert_eq!(registration, Registration::Lead);
            vacant.insert(Slot {
                flights,
                era: flight.era,
                notice: sender,
            });
            Departure::Leading {
                flight,
                pass,
                notice,
            }
        })
    }

    /// Takes the end of a flight. What was overtaken by a change is dropped.
    pub(crate) fn land(
        &self,
        subject: &Subject,
        flight: Flight,
        answer: Answer,
        now: Moment,
        dice: Dice,
    ) -> Landed {
        let answer = about(subject, answer);
        self.in_shard(subject, |shard| {
            let hash_map::Entry::Occupied(mut slot) = shard.entry(subject.clone()) else {
                return Landed::Overtaken;
            };
            let Landing::Attached(demands) = slot.get_mut().flights.finish(flight.ticket) else {
                return Landed::Overtaken;
            };
            let slot = slot.remove();
            let era = self.era.load();
            if !flight.era.remembers(era) {
                slot.tell(Notice::LookAgain);
                return Landed::Overtaken;
            }
            let previous = self.entry(subject);
            let (entry, resolution) = Entry::after(
                previous.as_ref().map(Remembered::entry),
                answer,
                demands,
                flight.era,
                now,
                &self.config,
                dice,
            );
            if let Some(entry) = entry {
                self.store.put(subject, entry, now.elapsed);
            }
            // Who came after a doubt must not be told what was read before it.
            let is_doubted = flight.era != era && matches!(resolution, Resolution::Known(_));
            slot.tell(if is_doubted {
                Notice::LookAgain
            } else {
                Notice::Landed(resolution)
            });
            Landed::Counted
        })
    }

    /// Makes `known` hold at once, whatever flight is under way.
    pub(crate) fn push(&self, subject: &Subject, known: Known, now: Moment, dice: Dice) -> Pushed {
        self.in_shard(subject, |shard| {
            let previous = self.entry(subject);
            let previous = previous.as_ref().map(Remembered::entry);
            if is_outdated(previous, &known, now) {
                return Pushed::Outdated;
            }
            let era = self.era.load();
            let entry = Entry::holding(previous, known.clone(), era, now, &self.config, dice);
            self.store.put(subject, entry, now.elapsed);
            let notice = Notice::Landed(Resolution::Known(Snapshot::new(known)));
            Self::supersede(shard, subject, notice);
            Pushed::Applied
        })
    }

    /// Makes `known` hold at once if `subject` is remembered or is being asked about; `None` if it
    /// is neither. For changes that everybody is told of, in the order in which they were made, but
    /// at any time after that.
    ///
    /// Where no revision shows that it is the newer one, the source may have told us of a later
    /// change already. It holds all the same, in doubt, until the source is asked again.
    pub(crate) fn overhear(
        &self,
        subject: &Subject,
        known: Known,
        now: Moment,
        dice: Dice,
    ) -> Option<Pushed> {
        self.in_shard(subject, |shard| {
            // Asking the store would count as a use, and make strangers look familiar.
            let is_remembered = self.store.contains(subject);
            let previous = is_remembered.then(|| self.entry(subject)).flatten();
            if previous.is_none() && !shard.contains_key(subject) {
                return None;
            }
            let previous = previous.as_ref().map(Remembered::entry);
            if is_outdated(previous, &known, now) {
                return Some(Pushed::Outdated);
            }
            let is_sure = previous.is_some_and(|entry| entry.is_succeeded_by(&known, now));
            let era = self.era.load();
            let entry = Entry::holding(previous, known.clone(), era, now, &self.config, dice);
            let (entry, notice) = if is_sure {
                let resolution = Resolution::Known(Snapshot::new(known));
                (entry, Notice::Landed(resolution))
            } else {
                (entry.doubtful(), Notice::LookAgain)
            };
            self.store.put(subject, entry, now.elapsed);
            Self::supersede(shard, subject, notice);
            Some(Pushed::Applied)
        })
    }

    /// Forgets `subject`. A flight under way brings nothing any more.
    pub(crate) fn invalidate(&self, subject: &Subject) {
        self.in_shard(subject, |shard| {
            self.store.remove(subject);
            Self::supersede(shard, subject, Notice::LookAgain);
        });
    }

    /// Forgets everybody. Flights under way bring nothing any more.
    pub(crate) fn clear(&self) {
        // From here on, what was stored before and what flies is of the past.
        let era = self.era.clear();
        for shard in &self.shards {
            shard.with(|shard| {
                shard.retain(|_, slot| {
                    let current = slot.era.is_at_least_as_recent_as(era);
                    if !current {
                        slot.flights.supersede();
                        slot.tell(Notice::LookAgain);
                    }
                    current
                });
            });
        }
        // Gives the memory back. It may take a newer entry along, which costs one lookup.
        self.store.remove_all();
    }

    /// Puts everything in doubt: changes to it may have been missed, also while a flight brought it
    /// that is still under way. It is used as what is stale is, and asked for again when it is.
    pub(crate) fn doubt(&self) {
        self.era.doubt();
    }

    fn supersede(shard: &mut Shard, subject: &Subject, notice: Notice) {
        if let Some(mut slot) = shard.remove(subject) {
            slot.flights.supersede();
            slot.tell(notice);
        }
    }

    fn in_shard<R>(&self, subject: &Subject, work: impl FnOnce(&mut Shard) -> R) -> R {
        let shards = self.shards.len().max(1) as u64;
        let index = usize::try_from(self.hasher.hash_one(subject) % shards).unwrap_or(0);
        match self.shards.get(index) {
            Some(shard) => shard.with(work),
            // There are as many shards as the remainder can name.
            None => work(&mut Shard::default()),
        }
    }

    fn ticket(&self) -> Ticket {
        Ticket(self.tickets.fetch_add(1, Ordering::Relaxed))
    }
}

impl Remembered {
    fn entry(&self) -> &Entry {
        &self.entry
    }

    #[inline]
    pub(crate) fn into_snapshot(
        self,
        now: Duration,
        wall: impl FnOnce() -> Timestamp,
    ) -> Option<Snapshot> {
        self.entry.into_snapshot(self.era, now, wall)
    }

    pub(crate) fn is_backing_off(&self, now: Duration) -> bool {
        self.entry.is_backing_off(now)
    }
}

impl Slot {
    fn tell(&self, notice: Notice) {
        self.notice.send_replace(notice);
    }
}

/// Whether a later revision of the same record is held.
fn is_outdated(previous: Option<&Entry>, known: &Known, now: Moment) -> bool {
    match (previous, known.subscription()) {
        (Some(previous), Some(subscription)) => previous.outdates(subscription, now),
        _ => false,
    }
}

/// The answer, unless it is about somebody else.
fn about(subject: &Subject, answer: Answer) -> Answer {
    match answer {
        Answer::Found(subscription) if subscription.subject != *subject => Answer::Failed(
            LookupError::new(LookupErrorKind::InvalidAnswer)
                .with_source("the answer is about another subject"),
        ),
        answer => answer,
    }
}

#[cfg(test)]
mod tests;
