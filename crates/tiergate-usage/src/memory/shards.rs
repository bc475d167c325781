//! The locks of a store.
//!
//! Everything about a subject is in one shard. An operation on several subjects locks their shards in
//! rising order, so that no two operations wait for each other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use smallvec::SmallVec;
use tiergate_clock::Clock;
use tiergate_core::Subject;

use crate::key_hash::KeyHash;
use crate::now::Now;
use crate::{CounterKey, MAX_CLAIMS, observe};

use super::berths::Berths;
use super::shard::Shard;

const SHARDS: u64 = 64;

/// One of the shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ShardIndex(u8);

impl ShardIndex {
    /// The shard that a number falls in.
    pub(super) fn new(number: u64) -> Self {
        // Below 64, so it always fits.
        Self(u8::try_from(number % SHARDS).unwrap_or(0))
    }

    pub(super) fn get(self) -> u8 {
        self.0
    }

    fn position(self) -> usize {
        usize::from(self.0)
    }
}

/// One shard or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ShardSet {
    first: ShardIndex,
    // INVARIANT: has the bit of `first`, which is its lowest.
    bits: u64,
}

impl ShardSet {
    pub(super) fn of(shard: ShardIndex) -> Self {
        Self {
            first: shard,
            bits: 1 << shard.0,
        }
    }

    pub(super) fn with(self, shard: ShardIndex) -> Self {
        Self {
            first: if shard.0 < self.first.0 {
                shard
            } else {
                self.first
            },
            bits: self.bits | 1 << shard.0,
        }
    }

    /// The shards in rising order.
    pub(super) fn iter(self) -> impl Iterator<Item = ShardIndex> {
        let mut rest = self.bits;
        std::iter::from_fn(move || {
            if rest == 0 {
                return None;
            }
            let shard = ShardIndex::new(u64::from(rest.trailing_zeros()));
            rest &= rest - 1;
            Some(shard)
        })
    }
}

/// Where a counter is to be found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) shard: ShardIndex,
    pub(super) hash: u64,
}

/// A shard and its lock, on cache lines of their own. What is read without the lock stands behind that part of
/// the shard which seldom changes.
#[repr(C, align(128))]
#[derive(Debug)]
struct Cell {
    shard: Mutex<Shard>,
    berths: Arc<Berths>,
    /// The age of the oldest remembered key, to be read without the lock; `u64::MAX` when there is
    /// none. A hint: it may lag behind.
    oldest_key: AtomicU64,
}

#[derive(Debug)]
pub(super) struct Shards {
    cells: Box<[Cell]>,
    // The last shard stands apart, so that every index leads to one.
    last: Cell,
    hash: KeyHash,
}

impl Shards {
    pub(super) fn new(make: impl Fn(Arc<Berths>) -> Shard) -> Self {
        let cell = || {
            let berths = Arc::new(Berths::new());
            Cell {
                shard: Mutex::new(make(Arc::clone(&berths))),
                berths,
                oldest_key: AtomicU64::new(u64::MAX),
            }
        };
        Self {
            cells: (1..SHARDS).map(|_| cell()).collect(),
            last: cell(),
            hash: KeyHash::default(),
        }
    }

    pub(super) fn all() -> impl Iterator<Item = ShardIndex> {
        (0..SHARDS).map(ShardIndex::new)
    }

    #[inline]
    pub(super) fn place(&self, key: &CounterKey) -> Place {
        self.place_for(self.hash.of_subject(key.subject()), key)
    }

    /// The places of several counters. Those of one subject are found with one look at it.
    pub(super) fn places<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k CounterKey>,
    ) -> SmallVec<[Place; MAX_CLAIMS]> {
        let mut known: Option<(&Subject, u64)> = None;
        // Pushed one by one here and below: for so few, collecting costs more than what is collected.
        let mut places = SmallVec::new();
        for key in keys {
            let hash = match known {
                Some((subject, hash)) if subject == key.subject() => hash,
                _ => self.hash.of_subject(key.subject()),
            };
            known = Some((key.subject(), hash));
            places.push(self.place_for(hash, key));
        }
        places
    }

    /// What of a shard takes no lock.
    #[inline]
    pub(super) fn berths(&self, shard: ShardIndex) -> &Berths {
        &self.cell(shard).berths
    }

    /// Locks one shard, gives back what has expired there by `now`, which is read again sharply if anything
    /// may have, and then acts.
    #[inline]
    pub(super) fn with_one<R>(
        &self,
        shard: ShardIndex,
        mut now: Now<'_>,
        act: impl FnOnce(&mut Shard, &Now<'_>) -> R,
    ) -> R {
        let mut locked = self.lock_one(shard).guard;
        if locked.is_due(&now) {
            now.sharpen();
            let expired = locked.expire(&now);
            drop(locked);
            observe::expired(expired);
            locked = self.lock_one(shard).guard;
        }
        act(&mut locked, &now)
    }

    /// Locks the shards of `set`, gives back what has expired there, and then acts.
    ///
    /// Returns also how many reservations expired.
    pub(super) fn locked<R>(
        &self,
        set: ShardSet,
        clock: &dyn Clock,
        act: impl FnOnce(&mut Locked<'_>, &Now<'_>) -> R,
    ) -> (R, u64) {
        let mut locked = self.lock(set);
        let now = Now::read(clock);
        let mut expired = 0;
        for one in locked.iter_mut() {
            expired += one.guard.expire(&now);
        }
        let result = act(&mut locked, &now);
        for one in locked.iter_mut() {
            let oldest = one.guard.oldest_key().unwrap_or(u64::MAX);
            if one.cell.oldest_key.load(Ordering::Relaxed) != oldest {
                one.cell.oldest_key.store(oldest, Ordering::Relaxed);
            }
        }
        (result, expired)
    }

    /// The shard that remembers the oldest key.
    pub(super) fn with_oldest_key(&self) -> Option<ShardIndex> {
        let age = |shard: &ShardIndex| self.cell(*shard).oldest_key.load(Ordering::Relaxed);
        Self::all()
            .min_by_key(age)
            .filter(|shard| age(shard) != u64::MAX)
    }

    fn lock(&self, set: ShardSet) -> Locked<'_> {
        let mut shards = set.iter();
        let first = self.lock_one(shards.next().unwrap_or(set.first));
        let mut rest = SmallVec::new();
        for shard in shards {
            rest.push(self.lock_one(shard));
        }
        Locked { first, rest }
    }

    #[inline]
    fn lock_one(&self, shard: ShardIndex) -> LockedOne<'_> {
        let cell = self.cell(shard);
        LockedOne {
            shard,
            cell,
            // Nothing in here panics half-way; should it ever, other subjects must not suffer.
            guard: cell.shard.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    #[inline]
    fn cell(&self, shard: ShardIndex) -> &Cell {
        self.cells.get(shard.position()).unwrap_or(&self.last)
    }

    #[inline]
    fn place_for(&self, subject: u64, key: &CounterKey) -> Place {
        Place {
            shard: ShardIndex::new(subject >> (u64::BITS - SHARDS.trailing_zeros())),
            hash: self.hash.of_key(subject, key),
        }
    }
}

/// Shards that are locked.
#[derive(Debug)]
pub(super) struct Locked<'a> {
    first: LockedOne<'a>,
    rest: SmallVec<[LockedOne<'a>; MAX_CLAIMS]>,
}

#[derive(Debug)]
struct LockedOne<'a> {
    shard: ShardIndex,
    cell: &'a Cell,
    guard: MutexGuard<'a, Shard>,
}

impl<'a> Locked<'a> {
    /// A shard of the set that was locked.
    pub(super) fn shard(&mut self, shard: ShardIndex) -> &mut Shard {
        for one in &mut self.rest {
            if one.shard == shard {
                return &mut one.guard;
            }
        }
        &mut self.first.guard
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut LockedOne<'a>> {
        std::iter::once(&mut self.first).chain(&mut self.rest)
    }
}
