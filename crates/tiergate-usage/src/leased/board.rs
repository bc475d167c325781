//! The shards and their locks. Nothing in here waits for anything but a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use smallvec::SmallVec;
use tiergate_clock::Clock;

use crate::key_hash::KeyHash;
use crate::memory::room::Room;
use crate::now::Now;
use crate::{Claim, CounterKey, LeaseId, MAX_CLAIMS, ReservationId, Reserve};

use super::id::{LeaseIds, Names, Tag};
use super::shard::{Kicks, Rooms, Shard};
use super::terms::Terms;

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

    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..SHARDS).map(Self::new)
    }
}

/// The lock of a shard. A checker puts in its own, to decide at each which thread goes on.
pub(super) trait Lock: Send + Sync + 'static {
    fn around(shard: Shard) -> Self;
    fn with<R>(&self, work: impl FnOnce(&mut Shard) -> R) -> R;
}

/// On cache lines of its own.
#[repr(align(128))]
#[derive(Debug)]
pub(super) struct Cell(Mutex<Shard>);

impl Lock for Cell {
    fn around(shard: Shard) -> Self {
        Self(Mutex::new(shard))
    }

    #[inline]
    fn with<R>(&self, work: impl FnOnce(&mut Shard) -> R) -> R {
        // Nothing in a shard panics half-way; should it ever, other subjects must not suffer.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Where the counters of an operation are to be found.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) shard: ShardIndex,
    pub(super) hashes: SmallVec<[u64; MAX_CLAIMS]>,
}

/// All that a process holds, under locks.
#[derive(Debug)]
pub(super) struct Board<L> {
    cells: Box<[L]>,
    // The last one stands apart, so that every index leads to one.
    last: L,
    hash: KeyHash,
    terms: Terms,
    clock: Arc<dyn Clock>,
    tag: Tag,
    lease_ids: LeaseIds,
    leases: AtomicU64,
}

impl<L: Lock> Board<L> {
    pub(super) fn new(clock: Arc<dyn Clock>, terms: Terms, counters: usize, open: usize) -> Self {
        let rooms = Arc::new(Rooms {
            accounts: Room::new(counters),
            reservations: Room::new(open),
        });
        let tag = Tag::random();
        let cell = |number| {
            let names = Names::new(tag, ShardIndex::new(number));
            L::around(Shard::new(Arc::clone(&rooms), terms, names))
        };
        Self {
            cells: (0..SHARDS - 1).map(cell).collect(),
            last: cell(SHARDS - 1),
            hash: KeyHash::default(),
            terms,
            clock,
            tag,
            lease_ids: LeaseIds::default(),
            leases: AtomicU64::new(0),
        }
    }

    /// Where an operation is decided here. None if it is for the store to decide.
    #[inline]
    pub(super) fn place(&self, request: &Reserve<'_>) -> Option<Place> {
        if request.idempotency_key().is_some() {
            return None;
        }
        let subject = request.claims().first()?.key().subject();
        let is_local = |claim: &Claim| {
            self.terms.leases(claim.key().window(), claim.limit())
                && claim.units() > 0
                && claim.can_fit()
                && claim.key().subject() == subject
        };
        if !request.claims().iter().all(is_local) {
            return None;
        }
        let subject = self.hash.of_subject(subject);
        // Pushed one by one: for so few, collecting costs more than what is collected.
        let mut hashes = SmallVec::new();
        for claim in request.claims() {
            hashes.push(self.hash.of_key(subject, claim.key()));
        }
        Some(Place {
            shard: shard_of(subject),
            hashes,
        })
    }

    /// Where one counter would be found.
    pub(super) fn place_of(&self, key: &CounterKey) -> (ShardIndex, u64) {
        let subject = self.hash.of_subject(key.subject());
        (shard_of(subject), self.hash.of_key(subject, key))
    }

    /// The shard of a local operation.
    pub(super) fn shard_of(&self, id: ReservationId) -> Option<ShardIndex> {
        self.tag.shard(id)
    }

    /// Acts on a shard, and tells which of its accounts need a task.
    #[inline]
    pub(super) fn with<R>(
        &self,
        shard: ShardIndex,
        act: impl FnOnce(&mut Shard, &Now<'_>) -> R,
    ) -> (R, Kicks) {
        self.cell(shard).with(|shard| {
            // Read under the lock, so that time does not go back for the shard.
            let now = Now::read(&*self.clock);
            (act(shard, &now), shard.take_kicks())
        })
    }

    /// The same at a moment that may be some milliseconds ago, for what only gives up units: by it none
    /// may be taken, as a block may be over that was not at that moment.
    #[inline]
    pub(super) fn with_coarsely<R>(
        &self,
        shard: ShardIndex,
        act: impl FnOnce(&mut Shard, &Now<'_>) -> R,
    ) -> (R, Kicks) {
        let now = Now::read_coarsely(&*self.clock);
        self.cell(shard)
            .with(|shard| (act(shard, &now), shard.take_kicks()))
    }

    #[inline]
    fn cell(&self, shard: ShardIndex) -> &L {
        self.cells.get(usize::from(shard.0)).unwrap_or(&self.last)
    }

    pub(super) fn fresh_lease(&self) -> LeaseId {
        self.lease_ids
            .id(self.leases.fetch_add(1, Ordering::Relaxed))
    }

    /// Counters of which blocks are held, and the units of them that are not used.
    pub(super) fn holdings(&self) -> (u64, u64) {
        let mut sum = (0_u64, 0_u64);
        for shard in ShardIndex::all() {
            let ((counters, idle), _) = self.with(shard, |shard, now| shard.holdings(now));
            sum = (sum.0 + counters, sum.1.saturating_add(idle));
        }
        sum
    }
}

fn shard_of(subject: u64) -> ShardIndex {
    ShardIndex::new(subject >> (u64::BITS - SHARDS.trailing_zeros()))
}
