//! Where entries are kept: within bounds, and read without a lock.
//!
//! Every subject has a place in a table of one line of a processor's cache each, which holds the id and
//! what can be told at a glance, and beside it a pointer to the entry. Readers take no lock and write
//! nothing that others read, but that a place was used; changes are made under the lock of a shard.

mod atomics;
mod key;
mod place;
mod shard;
mod table;
#[cfg(test)]
mod tests;
mod versioned;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tiergate_core::Subject;

use super::config::CacheConfig;
use super::entry::Entry;
use super::glance::{Glance, TierWords};
use key::Key;
use place::{Line, Place, note_use};
use shard::{Held, Shard};
use table::Arrival;

type Hasher = foldhash::fast::RandomState;

/// Into how many parts a large store is split at most.
const MOST_SHARDS: u64 = 64;
/// How many entries make a part of their own worthwhile.
const ENTRIES_A_SHARD: u64 = 1_024;

/// Where entries are kept. The board decides what goes in.
pub(crate) trait Store: Send + Sync + 'static {
    fn get(&self, subject: &Subject) -> Option<Arc<Kept>>;
    /// Whether there is something, without counting as a use.
    fn contains(&self, subject: &Subject) -> bool;
    fn put(&self, subject: &Subject, entry: Entry, now: Duration);
    fn remove(&self, subject: &Subject);
    /// Gives the memory back, sooner or later. The board no longer counts on what is there.
    fn remove_all(&self);
}

/// An entry in the store.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) entry: Entry,
    /// Whose it is, where that is too long for the table.
    subject: Option<Box<Subject>>,
}

impl Kept {
    pub(crate) fn new(subject: &Subject, entry: Entry) -> Self {
        Self {
            entry,
            subject: Key::is_long(subject).then(|| Box::new(subject.clone())),
        }
    }

    fn is_of(&self, subject: &Subject) -> bool {
        self.subject.as_ref().is_none_or(|own| **own == *subject)
    }

    /// Roughly how many bytes it takes, its place included.
    fn bytes(&self) -> u64 {
        let long = self
            .subject
            .as_ref()
            .map_or(0, |subject| subject.id().len());
        let place = size_of::<Line>() + size_of::<usize>();
        let counts = 2 * size_of::<usize>();
        [self.entry.bytes(), long, place, counts]
            .into_iter()
            .fold(0, |sum: u64, bytes| sum.saturating_add(bytes as u64))
    }
}

impl Deref for Kept {
    type Target = Entry;

    fn deref(&self) -> &Entry {
        &self.entry
    }
}

/// Entries within a bound of number and bytes. A flood of subjects that come once does not drive out
/// those that come often.
pub(crate) struct BoundedStore {
    shards: Box<[Shard]>,
    hasher: Hasher,
    words: TierWords,
    max_entries: u64,
    max_bytes: u64,
    entries: AtomicU64,
    bytes: AtomicU64,
    evictions: AtomicU64,
}

impl BoundedStore {
    pub(crate) fn new(config: &CacheConfig) -> Self {
        let shards = (config.max_entries() / ENTRIES_A_SHARD).clamp(1, MOST_SHARDS);
        Self {
            shards: (0..shards.next_power_of_two())
                .map(|_| Shard::new())
                .collect(),
            hasher: Hasher::default(),
            words: TierWords::default(),
            max_entries: config.max_entries(),
            max_bytes: config.max_bytes(),
            entries: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            evictions: AtomicU64::new(0),
        }
    }

    pub(crate) fn len(&self) -> u64 {
        self.entries.load(Ordering::Relaxed)
    }

    pub(crate) fn evictions(&self) -> u64 {
        self.evictions.load(Ordering::Relaxed)
    }

    /// The tiers that were seen.
    pub(crate) fn words(&self) -> &TierWords {
        &self.words
    }

    /// What can be told of `subject` at a glance, if `judge` makes something of it; that counts as a
    /// use.
    #[inline]
    pub(crate) fn glance<R>(
        &self,
        subject: &Subject,
        judge: impl Fn(Glance) -> Option<R>,
    ) -> Option<R> {
        let key = Key::of(subject, &self.hasher);
        let hash = key.hash(&self.hasher);
        let shard = self.shard(hash)?;
        let look = |line, _, glance| Some((line, glance));
        let (line, glance): (&Line, _) = shard.table.look(&key, hash, look)?;
        let judged = judge(glance)?;
        note_use(line);
        Some(judged)
    }

    #[inline]
    fn shard(&self, hash: u64) -> Option<&Shard> {
        // The upper half of the hash; the lower one places the subject in the table.
        let index = (hash >> 32).wrapping_mul(self.shards.len() as u64) >> 32;
        self.shards.get(usize::try_from(index).unwrap_or(0))
    }

    fn find<R>(&self, subject: &Subject, found: impl Fn(Place<'_>) -> R) -> Option<R> {
        let key = Key::of(subject, &self.hasher);
        let hash = key.hash(&self.hasher);
        let shard = self.shard(hash)?;
        let quick = shard.table.look(&key, hash, |_, index, _| {
            let place = shard.table.place(index)?;
            let kept = place.kept.load();
            let is_sought = kept.as_ref().is_some_and(|kept| kept.is_of(subject));
            is_sought.then(|| found(place))
        });
        if quick.is_some() {
            return quick;
        }
        // Somebody may be moving it.
        let held = shard.hold(&self.hasher);
        let index = held.find(subject, &key, hash)?;
        held.table.place(index).map(found)
    }

    /// Makes room for one more entry of that many bytes, if need be at the cost of other parts.
    fn make_room(&self, held: &mut Held<'_>, bytes: u64) {
        let is_over = || {
            let (entries, taken) = (self.len(), self.bytes.load(Ordering::Relaxed));
            entries >= self.max_entries || taken.saturating_add(bytes) > self.max_bytes
        };
        while is_over() {
            let evicted = held.evict().or_else(|| {
                let mut others = self.shards.iter();
                others.find_map(|shard| shard.try_hold(&self.hasher)?.evict())
            });
            let Some(evicted) = evicted else {
                return;
            };
            self.subtract(&evicted);
            self.evictions.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn subtract(&self, kept: &Kept) {
        self.entries.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(kept.bytes(), Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(crate) fn weight(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl Store for BoundedStore {
    fn get(&self, subject: &Subject) -> Option<Arc<Kept>> {
        self.find(subject, |place| {
            note_use(place.line);
            place.kept.load_full()
        })?
    }

    fn contains(&self, subject: &Subject) -> bool {
        self.find(subject, |_| ()).is_some()
    }

    fn put(&self, subject: &Subject, entry: Entry, now: Duration) {
        let key = Key::of(subject, &self.hasher);
        let hash = key.hash(&self.hasher);
        let glance = if key.shape.is_long() {
            Glance::NOTHING
        } else {
            entry.glance(&self.words)
        };
        let kept = Arc::new(Kept::new(subject, entry));
        let bytes = kept.bytes();
        let Some(shard) = self.shard(hash) else {
            return;
        };
        let mut held = shard.hold(&self.hasher);
        for over in held.expire(now) {
            self.subtract(&over);
            self.evictions.fetch_add(1, Ordering::Relaxed);
        }
        // A use of the entry before is one of this one: it is about the same subject.
        let mut uses = 0;
        if let Some(index) = held.find(subject, &key, hash) {
            uses = held.table.place(index).map_or(0, |place| place.uses());
            if let Some(before) = held.remove(index) {
                self.subtract(&before);
            }
        }
        if bytes > self.max_bytes {
            return;
        }
        self.make_room(&mut held, bytes);
        self.entries.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        held.insert(Arrival {
            key,
            hash,
            glance,
            uses,
            kept,
        });
    }

    fn remove(&self, subject: &Subject) {
        let key = Key::of(subject, &self.hasher);
        let hash = key.hash(&self.hasher);
        let Some(shard) = self.shard(hash) else {
            return;
        };
        let mut held = shard.hold(&self.hasher);
        if let Some(index) = held.find(subject, &key, hash)
            && let Some(removed) = held.remove(index)
        {
            self.subtract(&removed);
        }
    }

    fn remove_all(&self) {
        for shard in &self.shards {
            for removed in shard.hold(&self.hasher).clear() {
                self.subtract(&removed);
            }
        }
    }
}

impl fmt::Debug for BoundedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundedStore")
            .field("entries", &self.len())
            .finish_non_exhaustive()
    }
}
