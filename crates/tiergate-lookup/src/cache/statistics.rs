use std::sync::atomic::{AtomicU64, Ordering};

use crate::striped::StripedCounter;
use crate::{Answer, LookupErrorKind};

const KINDS: usize = LookupErrorKind::ALL.len();

/// What a [`CachedLookup`](super::CachedLookup) has done since it was made.
///
/// Plain numbers, read one after the other while others count: they need not add up to the unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Answers given from memory while they were fresh.
    pub fresh_hits: u64,
    /// Answers given from memory that were stale.
    pub stale_hits: u64,
    /// Requests that could not be answered from memory.
    pub misses: u64,
    /// Lookups that were started.
    pub flights: u64,
    /// Requests that waited for a lookup that somebody else had started.
    pub joined: u64,
    /// Lookups that found a subscription.
    pub found: u64,
    /// Lookups that found that there is none.
    pub missing: u64,
    /// Background refreshes that were not started, for want of room or because the circuit is open.
    pub refreshes_skipped: u64,
    /// Answers that were dropped, because something newer had become known.
    pub discarded: u64,
    /// Changes that were pushed and applied.
    pub pushed: u64,
    /// Changes that were pushed and dropped, because a later revision was known.
    pub pushed_outdated: u64,
    /// Changes that were dropped, because nobody asked about their subject.
    pub pushed_unasked: u64,
    /// How often everything was put in doubt, because changes may have been missed.
    pub revalidations: u64,
    /// Entries that were given up for want of room or because of their age.
    pub evictions: u64,
    /// Entries in memory, roughly.
    pub entries: u64,
    /// How often the circuit opened.
    pub circuit_opened: u64,
    /// Whether lookups are being refused, but for one in five seconds, because too many failed.
    pub circuit_is_open: bool,
    /// Lookups that are under way or wait for their turn.
    pub flights_under_way: u64,
    pub(crate) failed: [u64; KINDS],
}

impl Statistics {
    /// Lookups that failed in this way, those that were refused before they began included.
    #[must_use]
    pub fn failed(&self, kind: LookupErrorKind) -> u64 {
        place(kind)
            .and_then(|place| self.failed.get(place))
            .copied()
            .unwrap_or(0)
    }

    /// Lookups that failed in any way.
    #[must_use]
    pub fn failed_in_all(&self) -> u64 {
        self.failed.iter().fold(0, |sum, n| sum.saturating_add(*n))
    }
}

fn place(kind: LookupErrorKind) -> Option<usize> {
    LookupErrorKind::ALL.iter().position(|one| *one == kind)
}

/// The counters behind [`Statistics`]. Only hits are so frequent that they need stripes.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) fresh_hits: StripedCounter,
    pub(crate) stale_hits: StripedCounter,
    pub(crate) misses: Counter,
    pub(crate) flights: Counter,
    pub(crate) joined: Counter,
    pub(crate) refreshes_skipped: Counter,
    pub(crate) discarded: Counter,
    pub(crate) pushed: Counter,
    pub(crate) pushed_outdated: Counter,
    pub(crate) pushed_unasked: Counter,
    pub(crate) revalidations: Counter,
    pub(crate) circuit_opened: Counter,
    found: Counter,
    missing: Counter,
    failed: [Counter; KINDS],
}

/// A counter of what is not frequent.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub(crate) fn answered(&self, answer: &Answer) {
        match answer {
            Answer::Found(_) => self.found.increment(),
            Answer::Missing => self.missing.increment(),
            Answer::Failed(error) => self.failed(error.kind()),
        }
    }

    pub(crate) fn failed(&self, kind: LookupErrorKind) {
        if let Some(counter) = place(kind).and_then(|place| self.failed.get(place)) {
            counter.increment();
        }
    }

    pub(crate) fn read(&self) -> Statistics {
        Statistics {
            fresh_hits: self.fresh_hits.sum(),
            stale_hits: self.stale_hits.sum(),
            misses: self.misses.get(),
            flights: self.flights.get(),
            joined: self.joined.get(),
            found: self.found.get(),
            missing: self.missing.get(),
            refreshes_skipped: self.refreshes_skipped.get(),
            discarded: self.discarded.get(),
            pushed: self.pushed.get(),
            pushed_outdated: self.pushed_outdated.get(),
            pushed_unasked: self.pushed_unasked.get(),
            revalidations: self.revalidations.get(),
            circuit_opened: self.circuit_opened.get(),
            evictions: 0,
            entries: 0,
            circuit_is_open: false,
            flights_under_way: 0,
            failed: self.failed.each_ref().map(Counter::get),
        }
    }
}
