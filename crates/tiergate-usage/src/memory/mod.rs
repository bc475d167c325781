//! The store that counts in the memory of one process.

mod berths;
mod config;
mod counter;
mod counters;
pub(crate) mod deadlines;
mod families;
mod id;
mod idempotency;
mod lease;
mod name;
mod plain;
mod quick;
mod reserve;
mod ring;
pub(crate) mod room;
mod settle;
mod several;
mod shard;
mod shards;
mod share;
mod single;
pub(crate) mod slab;
mod statistics;
mod sweep;
pub(crate) mod table;
mod tags;
mod uuid;

pub use config::MemoryUsageBuilder;
pub use statistics::Statistics;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tiergate_clock::Clock;

use crate::count::unused;
use crate::now::{Now, nanos};
use crate::observe;
use crate::{
    Claim, CounterKey, CounterState, CounterStates, CounterWindow, Lowered, ReservationId, Reserve,
    ReserveOutcome, Settlement, StoreError, StoreErrorKind, StoreFuture, UsageStore,
};

use id::{Token, TokenKind};
use idempotency::ScopedKey;
use reserve::{Failure, Operation};
use room::{Room, Rooms};
use settle::{Ending, Step};
use shard::Shard;
use shards::{Locked, ShardSet, Shards};

/// Counts in the memory of this process, exactly, under any number of threads.
///
/// It answers at once: no future of it is ever pending, and counting on counters that exist
/// allocates nothing.
///
/// # What the memory of one process can't promise
///
/// * Each process counts for itself. N replicas of a service admit up to N times the limit.
/// * A restart forgets. Quotas start at zero again, and gauges do not know what is stored.
///
/// Use it for rates, for a single process, and for tests. What is sold by the month belongs in a
/// store that outlives the process.
///
/// # How it counts
///
/// * A gauge or quota admits a claim if committed units, those of open reservations and those of
///   the claim are together no more than the limit.
/// * A rate keeps a log of what was admitted and when. A unit admitted at `t` counts during
///   `[t, t + length)`, by the monotonic clock, so that a wall clock set back hands out nothing. A
///   log has at most 1,024 entries. When it is full, neighbours are merged to the later time: it
///   then never admits more than the limit, and a unit leaves at most `length / 512` late.
///   Committing more than was reserved counts the difference at the time of the commit. Committing
///   less, releasing and expiring give nothing back.
/// * A reservation is never released before its time. Of a quota or a gauge it may be up to a tenth of a
///   second later, and who settles one a few milliseconds late may find it open all the same, as the clock
///   is read coarsely for that: see [`Clock::coarse_lag`].
/// * What is committed beyond `u64::MAX` units is counted, and reported as `u64::MAX`.
///
/// # What is bounded
///
/// Counters, open reservations and remembered idempotency keys each have a bound, see
/// [`MemoryUsageBuilder`]. Counters are forgotten when that changes no answer: gauges at zero, rates
/// whose last unit has left, and quotas whose window ended more than a day ago and which were not
/// used for a day. An operation that finds no room after a sweep fails with
/// [`StoreErrorKind::Full`], which is a fault and not a refusal. Up to 64 retries of one operation
/// may ever join it while it is open.
///
/// How a reservation ended is known for a while: until at least 16 others have ended among the
/// subjects that share its lock, which are one in 64; 1,024 if it expired. Older ones are
/// [`Settlement::Unknown`], as may be all that ended before a sweep.
///
/// ```
/// use std::time::Duration;
/// use tiergate_core::{Limit, Subject};
/// use tiergate_usage::{
///     Claim, CounterKey, CounterWindow, MemoryUsage, Reserve, ReserveOutcome, UsageStore,
/// };
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let usage = MemoryUsage::new();
/// let stored = CounterKey::new(Subject::user("42"), "storage_limit_gb", CounterWindow::Level);
/// let claims = [Claim::new(stored.clone(), 3, Limit::AtMost(5))];
/// let request = Reserve::new(&claims, Duration::from_secs(60));
///
/// let ReserveOutcome::Admitted(admitted) = usage.reserve(request).await? else {
///     panic!("nothing is used yet");
/// };
/// usage.commit(admitted.id(), &[3]).await?;
///
/// // Three more would make six of five.
/// assert!(matches!(usage.reserve(request).await?, ReserveOutcome::Refused(_)));
/// assert_eq!(usage.peek(&[stored]).await?.first().map(|state| state.used()), Some(3));
/// # Ok::<(), tiergate_usage::StoreError>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MemoryUsage {
    shards: Shards,
    rooms: Arc<Rooms>,
    clock: Arc<dyn Clock>,
    /// How far the coarse times of the clock may be behind, in nanoseconds.
    lag: u64,
    /// How many keys were ever committed.
    keys_committed: AtomicU64,
    no_room: AtomicU64,
    next_sweep_for_room: AtomicU64,
}

impl MemoryUsage {
    /// A store that reads the machine's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A store that reads `clock`.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self::builder().clock(clock).build()
    }

    /// A store with bounds of its own.
    pub fn builder() -> MemoryUsageBuilder {
        MemoryUsageBuilder::new()
    }

    /// What the store holds now, and has done so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let mut statistics = Statistics {
            no_room: self.no_room.load(Ordering::Relaxed),
            ..Statistics::default()
        };
        for shard in Shards::all() {
            self.locked(ShardSet::of(shard), |locked, _| {
                let shard = locked.shard(shard);
                shard.plain.quick.note_commits(&mut shard.counts);
                let keys = shard.keys.remembered();
                statistics.add(shard.counters.len(), keys, &shard.counts);
            });
        }
        statistics
    }

    fn from_parts(clock: Arc<dyn Clock>, bounds: &MemoryUsageBuilder) -> Self {
        let rooms = Arc::new(Rooms {
            counters: Room::new(bounds.max_counters),
            reservations: Room::new(bounds.max_reservations),
            keys: Room::new(bounds.max_remembered_keys),
        });
        Self {
            shards: Shards::new(|berths| Shard::new(Arc::clone(&rooms), berths)),
            rooms,
            lag: nanos(clock.coarse_lag()),
            clock,
            keys_committed: AtomicU64::new(0),
            no_room: AtomicU64::new(0),
            next_sweep_for_room: AtomicU64::new(0),
        }
    }

    fn locked<R>(&self, set: ShardSet, act: impl FnOnce(&mut Locked<'_>, &Now<'_>) -> R) -> R {
        let (result, expired) = self.shards.locked(set, &*self.clock, act);
        observe::expired(expired);
        result
    }

    fn reserve_now(&self, request: Reserve<'_>) -> Result<ReserveOutcome, StoreError> {
        request.validate()?;
        let claims = request.claims();
        let places = self.shards.places(claims.iter().map(Claim::key));
        let (Some(claim), Some(place)) = (claims.first(), places.first()) else {
            return Err(StoreError::new(StoreErrorKind::InvalidClaims));
        };
        let home = place.shard;
        let set = places
            .iter()
            .fold(ShardSet::of(home), |set, place| set.with(place.shard));
        if request.idempotency_key().is_none()
            && let Some(outcome) = self.reserve_several(claims, &places, request.ttl())
        {
            return outcome;
        }
        let subject = claim.key().subject();
        let operation = Operation {
            request,
            home,
            shards: set,
            key: request
                .idempotency_key()
                .map(|key| ScopedKey::new(subject, key)),
            places,
        };
        let run = || self.locked(set, |locked, now| operation.run(locked, now, &self.rooms));
        let mut outcome = run();
        if matches!(outcome, Err(Failure::NoRoom)) && self.sweep_for_room() {
            outcome = run();
        }
        match outcome {
            Ok(outcome) => Ok(outcome),
            Err(Failure::Final(error)) => Err(error),
            Err(Failure::NoRoom) => Err(self.no_room()),
        }
    }

    fn no_room(&self) -> StoreError {
        self.no_room.fetch_add(1, Ordering::Relaxed);
        observe::full();
        let error = StoreError::new(StoreErrorKind::Full);
        error.with_detail("no room for another counter or reservation")
    }

    fn settle_now(&self, id: ReservationId, ending: Ending<'_>) -> Result<Settlement, StoreError> {
        // Asked first, and not one kind of many, because nearly all are.
        if let Some((shard, handle)) = Token::decode_quick(id) {
            return self.settle_quick(shard, handle, ending);
        }
        let Some(token) = Token::decode(id) else {
            return Ok(Settlement::Unknown);
        };
        let holder = match token.kind {
            TokenKind::Holder(holder) => holder,
            TokenKind::Quick => return self.settle_quick(token.shard, token.handle, ending),
            TokenKind::Plain => return self.settle_plain(token, ending),
            TokenKind::Replayed => return Ok(Settlement::AlreadySettled),
        };
        let age = || self.keys_committed.fetch_add(1, Ordering::Relaxed);
        let mut set = ShardSet::of(token.shard);
        loop {
            let step = self.locked(set, |locked, now| {
                settle::settle(token, holder, ending, set, age, locked, now)
            })?;
            match step {
                // The set only grows, to what the reservation has held from its beginning.
                Step::Widen(wider) => set = wider,
                Step::Done(settlement) => {
                    self.forget_crowded_out_keys();
                    return Ok(settlement);
                }
            }
        }
    }

    fn peek_now(&self, key: &CounterKey) -> CounterState {
        let place = self.shards.place(key);
        self.locked(ShardSet::of(place.shard), |locked, now| {
            let counters = &mut locked.shard(place.shard).counters;
            match counters
                .find(place.hash, key)
                .and_then(|index| counters.get_mut(index))
            {
                Some(counter) => counter.state(key.window(), now),
                None => unused(key.window(), now),
            }
        })
    }

    fn lower_now(&self, key: &CounterKey, units: u64) -> Result<Lowered, StoreError> {
        if key.window() != CounterWindow::Level {
            let fault = StoreError::new(StoreErrorKind::InvalidClaims);
            return Err(fault.with_detail("only a gauge can be lowered"));
        }
        let place = self.shards.place(key);
        let lowered = self.locked(ShardSet::of(place.shard), |locked, now| {
            let shard = locked.shard(place.shard);
            match shard.counters.find(place.hash, key) {
                Some(counter) => {
                    let lowered = shard.lower(counter, units, now);
                    Lowered::new(lowered, shard.state_of(counter, key, now))
                }
                None => Lowered::new(0, CounterState::default()),
            }
        });
        Ok(lowered)
    }
}

impl Default for MemoryUsage {
    fn default() -> Self {
        Self::new()
    }
}

impl UsageStore for MemoryUsage {
    fn reserve(&self, request: Reserve<'_>) -> StoreFuture<Result<ReserveOutcome, StoreError>> {
        if let ([claim], None) = (request.claims(), request.idempotency_key()) {
            return match request.validate() {
                Ok(()) => self.reserve_single(claim, request.ttl()),
                Err(error) => StoreFuture::ready(Err(error)),
            };
        }
        StoreFuture::ready(self.reserve_now(request))
    }

    fn commit(
        &self,
        id: ReservationId,
        units: &[u64],
    ) -> StoreFuture<Result<Settlement, StoreError>> {
        StoreFuture::ready(self.settle_now(id, Ending::Commit(units)))
    }

    fn release(&self, id: ReservationId) -> StoreFuture<Result<Settlement, StoreError>> {
        StoreFuture::ready(self.settle_now(id, Ending::Release))
    }

    fn peek(&self, keys: &[CounterKey]) -> StoreFuture<Result<CounterStates, StoreError>> {
        StoreFuture::ready(Ok(keys.iter().map(|key| self.peek_now(key)).collect()))
    }

    fn lower(&self, key: &CounterKey, units: u64) -> StoreFuture<Result<Lowered, StoreError>> {
        StoreFuture::ready(self.lower_now(key, units))
    }
}
