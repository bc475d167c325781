//! Exact limits at the speed of memory: units that are leased in blocks.
//!
//! # How it decides
//!
//! Of each counter a process knows four sums. `granted`: the units of its blocks. `used`: those of
//! open and committed operations. `committed`: those of committed ones. `kept`: what the store counts
//! at least, if nothing is ever heard of this process again.
//!
//! * An operation is admitted if `used + units ≤ granted` and `used + units ≤ kept`, without I/O. So
//!   its units stay counted, however long it works and whatever becomes of the block.
//! * In the background the store is told `kept = used + ahead`, by one message at a time, which
//!   carries all that came meanwhile. Whoever came too soon waits for it.
//! * A commit is told at once if `committed ≤ kept`, which only more units than were reserved can
//!   exceed; then as soon as the store has acknowledged a report that covers it.
//!
//! A rate is decided otherwise, if at all: its blocks are spent at once, and nothing is told. See `rate/`.
//!
//! | file | holds |
//! |---|---|
//! | `account/` | the sums of one quota, its blocks, and what is said to the store: pure |
//! | `rate/` | what may be spent of one rate, and when it is over: pure |
//! | `entry.rs` | the two kinds as one, for a shard |
//! | `fault.rs` | how long a store that failed is left alone: pure |
//! | `lane.rs` | that one task at most talks to the store about an account: pure |
//! | `sizing.rs` | how large a block is: pure |
//! | `shard.rs` | operations on several accounts, and the queue: pure |
//! | `board.rs` | shards under locks, which are never held over I/O |
//! | `office.rs` | the tasks that talk to the store |
//! | `waiting.rs` | the futures of those who wait |

mod account;
mod accounts;
mod board;
mod config;
mod entry;
mod fault;
mod id;
mod lane;
mod message;
mod observe;
mod office;
mod rate;
mod shard;
mod sizing;
mod terms;
#[cfg(test)]
mod tests;
mod waiter;
mod waiting;

pub use config::LeasedUsageBuilder;
pub use rate::Rates;

use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use crate::{
    CounterKey, CounterStates, Lowered, ReservationId, Reserve, ReserveOutcome, Settlement,
    SharedStore, StoreError, StoreErrorKind, StoreFuture, UsageStore,
};

use board::Board;
use office::{Office, has_runtime};
use shard::{Attempt, Patience, Settled};
use waiting::Later;

/// Decides in memory, exactly, with units that it leases from a store which several processes share.
///
/// It takes blocks of a quota's units, and of a rate's if told so, from a [`SharedStore`], and admits
/// operations out of what the store has acknowledged to keep for them, which is a little more than is
/// used: the store is told in the background. So limits hold wherever a process dies, and no operation
/// that was admitted is lost when the store is slow or away.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use tiergate_core::time::Timestamp;
/// use tiergate_core::{Limit, Subject};
/// use tiergate_usage::{
///     Claim, CounterKey, CounterWindow, LeasedUsage, MemoryUsage, Reserve, ReserveOutcome,
///     SharedStore, UsageStore,
/// };
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// // In earnest, a store that outlives the process.
/// let store = Arc::new(MemoryUsage::new());
/// let usage = LeasedUsage::new(Arc::clone(&store) as Arc<dyn SharedStore>);
///
/// let window = CounterWindow::Fixed { start: Timestamp::from_seconds(0), end: Timestamp::MAX };
/// let requests = CounterKey::new(Subject::user("42"), "requests_per_month", window);
/// let claims = [Claim::new(requests.clone(), 1, Limit::AtMost(50_000))];
/// for _ in 0..1_000 {
///     let request = Reserve::new(&claims, Duration::from_secs(30));
///     if let ReserveOutcome::Admitted(admitted) = usage.reserve(request).await? {
///         usage.commit(admitted.id(), &[1]).await?;
///     }
/// }
/// usage.shutdown(Duration::from_secs(5)).await?;
/// assert_eq!(store.tally(&requests).await?.committed(), 1_000);
/// # Ok::<(), tiergate_usage::StoreError>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What it promises
///
/// Of quotas, with `block ≤ max(limit / 100, what waits)` and `block ≤ remaining / (2 × replicas)` beyond what
/// waits, and `ahead ≤ min(limit / 1,000, 10,000)`, all of which can be set:
///
/// | when | admitted beyond the limit, of what was told to be committed | kept from use |
/// |---|---|---|
/// | all processes are alive | 0 | ≤ (replicas − 1) × block |
/// | after one was killed, until its leases expire | 0 | also ≤ its blocks |
/// | after that, until the window ends or the counter is put right | 0 | ≤ `ahead` + the units that it had under way at once, waiting or admitted |
/// | the store is away | 0; each process commits ≤ `ahead` units more | all else |
///
/// No clock has a part in the first column, and no block's end either: an operation is admitted when the
/// store has acknowledged that it counts it, whatever becomes of the block. The clock only decides when a
/// process stops to ask for more of a block: a time to live after a request was *begun*, less
/// [`clock_bound`](LeasedUsageBuilder::clock_bound) and 1 %. If it is further off, fewer units are at hand
/// than were thought, and nothing is handed out twice.
///
/// The promise is about commits that were told to be [`Settlement::Settled`]. It says nothing of
///
/// * units committed beyond those that were reserved: they are counted in full, as by every store. Such a
///   commit waits until the store has acknowledged it, and when its future was dropped, or failed, it may
///   be counted or not;
/// * an operation that was open for longer than its own [time to live](Reserve::ttl): its units went back,
///   and its commit ends as [`Settlement::Expired`]. This is the only way in which work that was
///   admitted is not counted. Who commits a few milliseconds late may be in time all the same, as the
///   clock is read coarsely for that.
///
/// If a request for a block is refused, and an earlier copy of it reaches the store afterwards, the
/// store leases units to nobody. They expire, but what was to be kept of them stays counted.
///
/// # Rates
///
/// A rate goes straight to the store unless [`rates`](LeasedUsageBuilder::rates) says [`Rates::Leased`].
/// Directly, all of a rate can be had at all times, and no clock of this process has a part in it. So
/// that is the default.
///
/// A block of a rate is counted when it is granted, and may then be spent for a moment. Let `T` be the
/// length of the rate, `L` its limit, `R` the replicas; let `d` be that moment, `T / 20` and at most 5 s
/// unless [set](LeasedUsageBuilder::rate_share), and `B` the largest block: `min(L / 100, left / 2R)`, or
/// what waits for it. The store counts a block until `T + d` after it was granted. It is spent within
/// `d` from before it was asked for, less 1 %. So wherever in that time a unit is spent, it counts for all
/// of `T` from there.
///
/// | | promise |
/// |---|---|
/// | admitted beyond `L` in any span of `T` | 0, whoever is killed, cut off, or asks the store directly or with another `d`, and whichever messages are lost, late or doubled |
/// | what can be kept up | `L` in each `T + d`, which is `T / (T + d)` of the rate: 95 % |
/// | taken and not spent | for `T + d`: what a replica has when `d` is over, at most `2B` and what was waited for by those who left |
/// | a process is killed, or an answer lost | its blocks count for `T + d` |
/// | the store is away | each process spends what it has, for `d` at most |
/// | asked directly, after a block was granted | exact, but a unit may count for up to `d` longer |
///
/// That holds as long as the monotonic clock of the process and the clock of the store do not drift
/// apart by 1 %. Where the first stands still while a machine is suspended, what it had can be spent
/// after that, once.
///
/// A block is what the last half of `d` has asked for; what was asked for before counts half as much
/// with each such time. What is not spent costs most when demand comes and goes in about `d`. Near the
/// limit, blocks shrink to what is waited for.
///
/// A commit is sure at once, as nothing has to be told. Nothing of a rate is given back, also not by a
/// caller who leaves when it is taken for him already. What is committed beyond what was reserved is
/// told in the background, until it would not count any more. The store is asked directly for a rate
/// whose blocks come too late to be spent, for a length.
///
/// # What goes straight to the store
///
/// * Gauges. A gauge falls elsewhere too, and is lowered at the store.
/// * Rates, unless they are leased; in any case those of fewer than 400 units, those of which `d` is
///   below 20 ms, and operations that come alone: a block is taken when about two units are asked for
///   in half of `d`.
/// * Operations with an idempotency key, of several subjects, with a claim of no units or of more
///   than the limit, and those of which one claim goes straight.
/// * Claims under a limit that is lower than what was used when a block was granted: after a
///   downgrade only the store can tell.
/// * All, without a tokio runtime, and after [`shutdown`](Self::shutdown).
///
/// If the store refuses such an operation while units of a quota are leased here and not used, they
/// are given back and it is asked once more.
///
/// # What costs a request
///
/// An operation that finds too few units waits for the one request that is under way for its counter,
/// in turn, up to a [deadline](LeasedUsageBuilder::max_wait). The next block is asked for when half of
/// one is left. A counter that is used up is remembered for
/// [a moment](LeasedUsageBuilder::refusal_kept), for the limit it was asked under; a rate, until the
/// store has said that so many units fit.
///
/// # When the store fails
///
/// Operations go on as long as they fit into what is kept. A request that failed is made again after
/// 50 ms at most, then after up to 2 s.
///
/// | the store | those who wait | those who come |
/// |---|---|---|
/// | failed once | wait on | wait |
/// | was slow or full, twice in a row or more | wait on, until their own time is up | fail at once, until the next attempt |
/// | was away, twice in a row or more | fail | fail at once, until the next attempt |
/// | failed so that no retry helps | fail | fail at once, until the next attempt |
///
/// So a store that is plainly away, and says so, is known after two attempts, some 50 ms. One that says
/// nothing costs each operation its [`max_wait`](LeasedUsageBuilder::max_wait) until two
/// [requests](LeasedUsageBuilder::request_deadline) were lost.
///
/// [`peek`](UsageStore::peek) asks the store, and does not count units that this process has leased
/// and not used; those of other processes it counts.
///
/// # Cancellation
///
/// Whoever drops the future of `reserve` leaves the queue, and takes nothing along. A commit that was
/// polled goes on.
///
/// # Logs and metrics
///
/// Events have the target `tiergate::usage`; none names a subject.
///
/// | event | level | fields | when |
/// |---|---|---|---|
/// | `lease.taken` | debug | `units` | a block was granted |
/// | `lease.refused` | debug | – | there were too few units |
/// | `lease.returned` | debug | `units` | a block was ended, with so many units left |
/// | `lease.failed` | debug | `error` | the store did not answer |
/// | `lease.lost` | warn | `units` | the store had let a block expire |
/// | `lease.late` | debug | `units` | a block of a rate came when it could not be spent any more |
/// | `commit.late` | warn | – | an operation committed after its reservation had expired |
/// | `lease.waited` | trace | `outcome` | an operation had waited for units |
/// | `lease.holdings` | trace | `counters`, `idle` | what is held, twelve times in a time to live |
///
/// | metric | kind | counts |
/// |---|---|---|
/// | `tiergate_leases_total` | counter | answers of the store, by `event`: `leased`, `refused`, `reported`, `returned`, `lost`, `late`, `failed` |
/// | `tiergate_lease_waits_total` | counter | waits, by `outcome`: `decided`, `failed`, `timed_out`, `left` |
/// | `tiergate_lease_late_commits_total` | counter | operations that committed after their reservation had expired |
/// | `tiergate_lease_units_idle` | gauge | units that are leased and not used |
/// | `tiergate_lease_counters` | gauge | counters of which blocks are held |
#[derive(Debug)]
pub struct LeasedUsage {
    office: Arc<Office>,
}

impl LeasedUsage {
    /// A front for `store`, set up as by default.
    #[must_use]
    pub fn new(store: Arc<dyn SharedStore>) -> Self {
        Self::builder(store).build()
    }

    /// A front for `store` that is set up otherwise.
    pub fn builder(store: Arc<dyn SharedStore>) -> LeasedUsageBuilder {
        LeasedUsageBuilder::new(store)
    }

    fn from_parts(parts: LeasedUsageBuilder) -> Self {
        let clock = Arc::clone(&parts.clock);
        let board = Board::new(
            parts.clock,
            parts.terms,
            parts.max_counters,
            parts.max_reservations,
        );
        Self {
            office: Arc::new(Office::new(board, parts.store, parts.terms, clock)),
        }
    }

    /// Gives all units back that are not used, and waits for that, but no longer than `within`.
    ///
    /// From then on operations go straight to the store. Those that are open are waited for; their
    /// commits are still good.
    ///
    /// Dropping the future stops the waiting, and nothing else.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::TimedOut`] when something is still held then. It expires by itself.
    pub async fn shutdown(&self, within: Duration) -> Result<(), StoreError> {
        self.office.close();
        let returned = tokio::time::timeout(within, self.office.returned()).await;
        returned.map_err(|_| {
            let (counters, _) = self.office.board.holdings();
            StoreError::new(StoreErrorKind::TimedOut).with_detail(format!(
                "blocks of {counters} counters were not given back, and will expire"
            ))
        })
    }

    fn settle(
        &self,
        id: ReservationId,
        act: impl FnOnce(&mut shard::Shard, &crate::now::Now<'_>) -> Settled,
    ) -> Settled {
        match self.office.board.shard_of(id) {
            Some(shard) => self.office.with(shard, act),
            None => Settled::Unknown,
        }
    }
}

impl Drop for LeasedUsage {
    fn drop(&mut self) {
        // As far as a runtime is there to carry it out.
        self.office.close();
    }
}

impl UsageStore for LeasedUsage {
    fn reserve(&self, request: Reserve<'_>) -> StoreFuture<Result<ReserveOutcome, StoreError>> {
        if let Err(fault) = request.validate() {
            return StoreFuture::ready(Err(fault));
        }
        let office = &self.office;
        let Some(place) = office.board.place(&request) else {
            return waiting::reserve_straight(office, request);
        };
        let (claims, ttl) = (request.claims(), request.ttl());
        let attempt = office.with(place.shard, |shard, now| {
            shard.attempt(claims, &place.hashes, ttl, now)
        });
        match attempt {
            Attempt::Decided(outcome) => StoreFuture::ready(Ok(outcome)),
            Attempt::Failed(kind) => StoreFuture::ready(Err(waiter::failed(kind))),
            Attempt::Lacking if has_runtime() => {
                let later = Later {
                    office: Arc::clone(office),
                    place,
                    claims: SmallVec::from(claims),
                    ttl,
                };
                StoreFuture::boxed(later.reserve())
            }
            Attempt::AskStore | Attempt::Lacking => waiting::reserve_straight(office, request),
        }
    }

    fn commit(
        &self,
        id: ReservationId,
        units: &[u64],
    ) -> StoreFuture<Result<Settlement, StoreError>> {
        let Some(shard) = self.office.board.shard_of(id) else {
            return self.office.store.commit(id, units);
        };
        let plain = self
            .office
            .with_coarsely(shard, |shard, now| shard.commit_plain(id, units, now));
        if let Some(settlement) = plain {
            return StoreFuture::ready(Ok(settlement));
        }
        let settled = self.office.with(shard, |shard, now| {
            shard.commit(id, units, Patience::AtOnce, now)
        });
        match settled {
            Settled::Now(settlement) => StoreFuture::ready(Ok(settlement)),
            Settled::WrongClaims => StoreFuture::ready(Err(waiting::wrong_claims())),
            Settled::Unknown => self.office.store.commit(id, units),
            Settled::NotAtOnce | Settled::Later(_) => {
                let office = Arc::clone(&self.office);
                StoreFuture::boxed(waiting::commit(office, shard, id, SmallVec::from(units)))
            }
        }
    }

    fn release(&self, id: ReservationId) -> StoreFuture<Result<Settlement, StoreError>> {
        match self.settle(id, |shard, now| shard.release(id, now)) {
            Settled::Now(settlement) => StoreFuture::ready(Ok(settlement)),
            _ => self.office.store.release(id),
        }
    }

    fn peek(&self, keys: &[CounterKey]) -> StoreFuture<Result<CounterStates, StoreError>> {
        let office = Arc::clone(&self.office);
        let asked: Vec<CounterKey> = keys.to_vec();
        office.store.peek(keys).map(move |told| {
            let told = told?;
            let correct = |(key, told): (&CounterKey, crate::CounterState)| {
                let (shard, hash) = office.board.place_of(key);
                let (state, _) = office
                    .board
                    .with(shard, |it, now| it.correct(hash, key, told, now));
                state
            };
            Ok(asked.iter().zip(told).map(correct).collect())
        })
    }

    fn lower(&self, key: &CounterKey, units: u64) -> StoreFuture<Result<Lowered, StoreError>> {
        self.office.store.lower(key, units)
    }
}
