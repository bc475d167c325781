//! Where entries are kept: within bounds, and read without a lock.
//!
//! Every subject has a place in a table of one line of a processor's cache each, which holds the id,
//! what can be told at a glance, and the number of a slot in which the rest lies packed. Readers take no
//! lock and write nothing that others read, but that a place was used; changes are made under the lock
//! of a shard.

mod atomics;
mod key;
mod newcomers;
mod place;
mod record;
mod segments;
mod shard;
mod slab;
mod table;
#[cfg(test)]
mod tests;
mod versioned;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tiergate_core::Subject;

use super::config::CacheConfig;
use super::entry::Entry;
use super::era::Era;
use super::glance::Glance;
use super::words::TierWords;
use crate::Sight;
use key::Key;
use place::{Line, note_use};
use record::Record;
use shard::{Guest, Held, Removed, Shard};
use slab::Slot;

type Hasher = foldhash::fast::RandomState;

/// Into how many parts a large store is split at most.
const MOST_SHARDS: u64 = 64;
/// How many entries make a part of their own worthwhile.
const ENTRIES_A_SHARD: u64 = 1_024;

/// What an entry takes of the table and of the slots, in bytes. Of the places of a table nine in
/// sixteen are in use at least, and of the slots eight in nine.
const A_PLACE: u64 = ((size_of::<Line>() + 1) * 16 / 9 + size_of::<Slot>() * 9 / 8) as u64;

/// Where entries are kept. The board decides what goes in.
pub(crate) trait Store: Send + Sync + 'static {
    fn get(&self, subject: &Subject) -> Option<Entry>;
    /// Whether there is something, without counting as a use.
    fn contains(&self, subject: &Subject) -> bool;
    fn put(&self, subject: &Subject, entry: Entry, now: Duration);
    fn remove(&self, subject: &Subject);
    /// Gives the memory back, sooner or later. The board no longer counts on what is there.
    fn remove_all(&self);
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
        let look = |line, glance, _| Some((line, glance));
        let (line, glance): (&Line, _) = shard.table.look(&key, hash, look)?;
        let judged = judge(glance)?;
        note_use(line);
        Some(judged)
    }

    /// What is known of `subject`, if it is fresh and there is no more to think of; that counts as a use.
    /// It is what the entry says, without making one. `None` says nothing.
    #[inline]
    pub(crate) fn fresh(&self, subject: &Subject, era: Era, now: Duration) -> Option<Sight> {
        let key = Key::of(subject, &self.hasher);
        let hash = key.hash(&self.hasher);
        let shard = self.shard(hash)?;
        let (line, fresh) = shard.table.look(&key, hash, |line, _, berth| {
            // Whose id is too long for the table has something beside, and is none of these.
            let record = shard.slab.get(berth.slot)?.load();
            Some((line, record.into_fresh(era, now)?))
        })?;
        note_use(line);
        fresh.into_sight(&self.words)
    }

    #[inline]
    fn shard(&self, hash: u64) -> Option<&Shard> {
        // The upper half of the hash; the lower one places the subject in the table.
        let index = (hash >> 32).wrapping_mul(self.shards.len() as u64) >> 32;
        self.shards.get(usize::try_from(index).unwrap_or(0))
    }

    /// The record of `subject`, and the place that it belongs to.
    #[inline]
    fn find(&self, subject: &Subject) -> Option<(&Line, Record)> {
        let key = Key::of(subject, &self.hasher);
        let hash = key.hash(&self.hasher);
        let shard = self.shard(hash)?;
        let quick = shard.table.look(&key, hash, |line, _, berth| {
            let record = shard.slab.get(berth.slot)?.load();
            Some((line, record))
        });
        match quick {
            Some((line, record)) if record.is_of(subject) => Some((line, record)),
            _ => self.find_surely(shard, subject, &key, hash),
        }
    }

    /// The same, where somebody may be moving it, or who has the same key is in the way.
    #[cold]
    fn find_surely<'a>(
        &'a self,
        shard: &'a Shard,
        subject: &Subject,
        key: &Key,
        hash: u64,
    ) -> Option<(&'a Line, Record)> {
        let held = shard.hold(&self.hasher);
        let index = held.find(subject, key, hash)?;
        let place = shard.table.place(index)?;
        let slot = shard.slab.get(place.berth().slot)?;
        Some((place.line, slot.load()))
    }

    fn fits(&self, bytes: u64) -> bool {
        let taken = self.bytes.load(Ordering::Relaxed);
        taken.saturating_add(bytes) <= self.max_bytes
    }

    /// Makes room for one more entry of that many bytes, if need be at the cost of other parts.
    fn make_room(&self, held: &mut Held<'_>, bytes: u64) {
        while self.len() >= self.max_entries || !self.fits(bytes) {
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

    fn subtract(&self, removed: &Removed) {
        let bytes = A_PLACE.saturating_add(removed.bytes_beside);
        self.entries.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(crate) fn weight(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl Store for BoundedStore {
    #[inline]
    fn get(&self, subject: &Subject) -> Option<Entry> {
        let (line, record) = self.find(subject)?;
        note_use(line);
        record.into_entry(subject, &self.words)
    }

    fn contains(&self, subject: &Subject) -> bool {
        self.find(subject).is_some()
    }

    fn put(&self, subject: &Subject, entry: Entry, now: Duration) {
        let key = Key::of(subject, &self.hasher);
        let hash = key.hash(&self.hasher);
        let glance = if key.shape.is_long() {
            Glance::NOTHING
        } else {
            entry.glance(&self.words)
        };
        let record = Record::of(subject, entry, &self.words);
        let beside = record.bytes_beside();
        let bytes = A_PLACE.saturating_add(beside);
        let Some(shard) = self.shard(hash) else {
            return;
        };
        let mut held = shard.hold(&self.hasher);
        for over in held.expire(now) {
            self.subtract(&over);
            self.evictions.fetch_add(1, Ordering::Relaxed);
        }
        // What was known of how often the subject comes holds for the new entry too.
        let mut before = None;
        if let Some(index) = held.find(subject, &key, hash) {
            let less = held.bytes_beside(index);
            if self.fits(beside.saturating_sub(less)) {
                held.replace(index, &key, glance, record);
                self.bytes.fetch_add(beside, Ordering::Relaxed);
                self.bytes.fetch_sub(less, Ordering::Relaxed);
                return;
            }
            if let Some((removed, familiar)) = held.remove(index) {
                self.subtract(&removed);
                before = Some(familiar);
            }
        }
        if bytes > self.max_bytes {
            return;
        }
        self.make_room(&mut held, bytes);
        let guest = Guest {
            key,
            hash,
            glance,
            record,
            before,
        };
        if held.insert(guest).is_ok() {
            self.entries.fetch_add(1, Ordering::Relaxed);
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    fn remove(&self, subject: &Subject) {
        let key = Key::of(subject, &self.hasher);
        let hash = key.hash(&self.hasher);
        let Some(shard) = self.shard(hash) else {
            return;
        };
        let mut held = shard.hold(&self.hasher);
        if let Some(index) = held.find(subject, &key, hash)
            && let Some((removed, _)) = held.remove(index)
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
