//! The store that counts in a SQLite file.
//!
//! What is asked waits in a queue (`desk`). One thread takes all that waits (`writer`), begins a
//! transaction, reads the rows that it is about (`load`) into a `ledger`, does one operation after the
//! other there without any I/O (`reserve`, `settle`, `lease`, `level`), writes what changed (`save`),
//! commits, and only then answers. How many operations there are makes little difference to what a
//! transaction costs.

mod config;
mod desk;
mod fault;
mod file;
mod id;
mod inbox;
mod json;
mod lease;
mod ledger;
mod level;
mod load;
mod name;
mod operation;
mod rate_block;
mod reserve;
mod save;
mod schema;
mod settle;
mod statistics;
mod table;
#[cfg(test)]
mod tests;
mod time;
mod writer;

pub use config::{Durability, SqliteUsageBuilder};
pub use statistics::SqliteStatistics;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::{
    Adjustment, CounterKey, CounterStates, Lease, LeaseEnd, LeaseExtension, LeaseId, LeaseOutcome,
    Lowered, RateBlock, RateBlockOutcome, ReservationId, Reserve, ReserveOutcome, Settlement,
    SharedStore, StoreError, StoreFuture, Tally, UsageStore,
};

use desk::Desk;
use id::{Token, TokenKind};
use lease::{End, Extend, TakeLease};
use level::{Adjust, CountRows, Lower, Peek, TakeTally};
use operation::Operation;
use rate_block::TakeOfRate;
use reserve::TakeUnits;
use settle::{Ending, Settle};

/// Counts in a SQLite file, exactly, under any number of tasks and of processes on one host.
///
/// A restart forgets nothing: what was answered is in the file. It counts as
/// [`MemoryUsage`](crate::MemoryUsage) does, rates included.
///
/// # What is lost when
///
/// With [`Durability::Full`], which is the default, whatever was answered is on the disk before: no
/// crash takes it back, of the process, of the system or of the power. With [`Durability::Normal`] a
/// loss of power can take the last transactions, and hands their units out again; the end of the
/// process, however it comes, takes nothing. A disk that says it has written what it has not is beyond
/// both.
///
/// What was not answered when a process ended may have been counted or not. A reservation that nobody
/// settles then expires at the end of its time to live, as always.
///
/// # What it costs
///
/// A call waits until the transaction before its own is on the disk, and then for its own. All calls
/// that wait are done together, up to 256 in one transaction, so that many tasks pay for one write. The
/// store has a thread of its own, and SQLite's connection another: no call blocks the caller's runtime,
/// and a store may outlive the runtime where it was opened. Where no call may wait for a disk, lease
/// blocks of units, or count rates with [`MemoryUsage`](crate::MemoryUsage).
///
/// # Sharing the file
///
/// Several processes may open one file, which must be on a local disk: SQLite's write-ahead log needs
/// memory that all of them see. They take turns, and lose some speed to that. Stores of different
/// files share nothing. An application may keep its own tables in the file, all of which are not named
/// `tiergate_usage_…`; a long transaction of its own makes calls wait. A file that is removed or
/// replaced while it is open is not counted in any more: calls fail until the path leads to a file, and
/// a missing one is never made anew before the process ends, because an empty one would hand everything
/// out again.
///
/// # Time
///
/// The file has a line of time of its own: the wall clock when it was opened, and the monotonic clock
/// from then on. It never falls behind what any process has written, so that a clock that is set back,
/// even between two runs, reopens no rate and keeps no lease open for longer than it says. It follows
/// no clock that is set while the process runs. After a clock was far ahead when a process started, the
/// line stays ahead; it measures ages, so nothing else comes of that. The wall clock tells only when the
/// window of a quota ends.
///
/// # What is bounded
///
/// Waiting calls, counters, reservations with leases, and remembered keys each have a bound, see
/// [`SqliteUsageBuilder`]. At a bound, calls fail with [`Full`](crate::StoreErrorKind::Full); near that
/// of reservations, those that are over are forgotten at once. Operations forget what is over as they go, some rows of each kind at a time; [`sweep`](Self::sweep) forgets all
/// of it. What is over, and when:
///
/// | what | until |
/// |---|---|
/// | a gauge | it is at zero |
/// | a rate | its last unit has left |
/// | a quota | a day after its window, and after it was last used |
/// | a settled reservation | a minute after it was settled |
/// | an expired reservation | an hour after it expired |
/// | a lease that is over | a day after its window, or a day after it ended for a gauge |
/// | an idempotency key | the longest window among its claims ends; a day for a gauge |
///
/// A reservation that is not known any more is [`Unknown`](Settlement::Unknown) to whoever settles it.
///
/// # Faults
///
/// A call has a deadline, one second unless set otherwise. Whoever waits longer is told
/// [`TimedOut`](crate::StoreErrorKind::TimedOut), and does not know whether it was done. When the file
/// fails, the transaction is rolled back, the file is opened again, and what waited is tried once more:
/// each reservation has its name before it is asked for, so nothing counts twice. What was settled by
/// the first try is [`AlreadySettled`](Settlement::AlreadySettled) to the second. When nobody knows
/// whether a transaction was committed, [`lower`](UsageStore::lower) and
/// [`adjust`](SharedStore::adjust) fail, because they would count twice. If the second try fails too:
///
/// | fault | calls fail with |
/// |---|---|
/// | the disk is full | [`Full`](crate::StoreErrorKind::Full) |
/// | the file cannot be written, was removed, or its disk fails | [`Unavailable`](crate::StoreErrorKind::Unavailable) |
/// | another process keeps it locked | [`Unavailable`](crate::StoreErrorKind::Unavailable), shortly before the deadline |
/// | the file is corrupt, no database, or of a newer version | [`Internal`](crate::StoreErrorKind::Internal) |
///
/// Details name the file and a remedy. Calls work again as soon as the file does.
///
/// # SQLite itself
///
/// The feature `sqlite` compiles SQLite from its source and links it statically. A program can have one
/// such library only: the crate `libsqlite3-sys` has `links = "sqlite3"`. This one goes with versions
/// from 0.30.1 up to, not including, 0.38, which is what sqlx 0.9 accepts. So a program that uses
/// `rusqlite` too needs a version of it within that range, such as 0.39.
///
/// ```
/// use std::time::Duration;
/// use tiergate_core::{Limit, Subject};
/// use tiergate_usage::{
///     Claim, CounterKey, CounterWindow, Reserve, ReserveOutcome, SqliteUsage, UsageStore,
/// };
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// # let folder = std::env::temp_dir().join(format!("tiergate-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// let file = folder.join("usage.db");
/// let stored = CounterKey::new(Subject::user("42"), "storage_limit_gb", CounterWindow::Level);
/// let claims = [Claim::new(stored.clone(), 3, Limit::AtMost(5))];
/// let request = Reserve::new(&claims, Duration::from_secs(60));
///
/// let usage = SqliteUsage::open(&file).await?;
/// let ReserveOutcome::Admitted(admitted) = usage.reserve(request).await? else {
///     panic!("nothing is used yet");
/// };
/// usage.commit(admitted.id(), &[3]).await?;
/// usage.close().await;
///
/// // After a restart, three more would still make six of five.
/// let usage = SqliteUsage::open(&file).await?;
/// assert!(matches!(usage.reserve(request).await?, ReserveOutcome::Refused(_)));
/// # usage.close().await;
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SqliteUsage {
    desk: Arc<Desk>,
}

impl SqliteUsage {
    /// Opens the file at `path` with the settings that [`SqliteUsageBuilder`] has unless told
    /// otherwise, and makes it if it is not there.
    ///
    /// # Errors
    ///
    /// As [`SqliteUsageBuilder::open`].
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        Self::builder(path).open().await
    }

    /// A store in the file at `path`, with settings of its own.
    pub fn builder(path: impl Into<PathBuf>) -> SqliteUsageBuilder {
        SqliteUsageBuilder::new(path.into())
    }

    async fn start(builder: SqliteUsageBuilder) -> Result<Self, StoreError> {
        let desk = Arc::new(Desk::open(builder).await?);
        Ok(Self { desk })
    }

    /// What the store has done since it was opened.
    #[must_use]
    pub fn statistics(&self) -> SqliteStatistics {
        self.desk.counts.read()
    }

    /// Forgets all that is over, and releases all that has expired.
    ///
    /// Nothing depends on it: every operation does a little of it. A service that wants its file small
    /// after quiet hours may call it from a timer. It works in steps of some thousand rows, between
    /// which others have their turn. The file keeps its size; what is free in it is used again.
    ///
    /// # Errors
    ///
    /// When a step fails. What was forgotten before stays so.
    pub async fn sweep(&self) -> Result<(), StoreError> {
        let mut rows = u64::MAX;
        loop {
            let left = self.desk.ask(CountRows).await?;
            if left >= rows {
                return Ok(());
            }
            rows = left;
        }
    }

    /// Ends the store: does what waits, and brings what is in the log into the file, if no other process
    /// has it open. Calls after that fail.
    ///
    /// Nothing is lost without it. A store that is dropped does the same by itself, and nobody learns
    /// when.
    pub async fn close(&self) {
        self.desk.close().await;
    }

    fn ask<O: Operation>(
        &self,
        operation: Result<O, StoreError>,
    ) -> StoreFuture<Result<O::Answer, StoreError>> {
        match operation {
            Ok(operation) => {
                let desk = Arc::clone(&self.desk);
                StoreFuture::boxed(async move { desk.ask(operation).await })
            }
            Err(error) => StoreFuture::ready(Err(error)),
        }
    }

    fn settle(
        &self,
        id: ReservationId,
        ending: Ending,
    ) -> StoreFuture<Result<Settlement, StoreError>> {
        let Some(token) = Token::decode(id) else {
            return StoreFuture::ready(Ok(Settlement::Unknown));
        };
        match token.kind {
            TokenKind::Replayed => StoreFuture::ready(Ok(Settlement::AlreadySettled)),
            TokenKind::Holder(holder) => self.ask(Ok(Settle {
                operation: token.operation,
                holder,
                ending,
            })),
        }
    }
}

impl fmt::Debug for SqliteUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteUsage")
            .field("path", &self.desk.place.path)
            .field("durability", &self.desk.place.durability)
            .finish_non_exhaustive()
    }
}

impl UsageStore for SqliteUsage {
    fn reserve(&self, request: Reserve<'_>) -> StoreFuture<Result<ReserveOutcome, StoreError>> {
        self.ask(TakeUnits::new(request, self.desk.names.next()))
    }

    fn commit(
        &self,
        id: ReservationId,
        units: &[u64],
    ) -> StoreFuture<Result<Settlement, StoreError>> {
        self.settle(id, Ending::Commit(units.into()))
    }

    fn release(&self, id: ReservationId) -> StoreFuture<Result<Settlement, StoreError>> {
        self.settle(id, Ending::Release)
    }

    fn peek(&self, keys: &[CounterKey]) -> StoreFuture<Result<CounterStates, StoreError>> {
        self.ask(Ok(Peek { keys: keys.into() }))
    }

    fn lower(&self, key: &CounterKey, units: u64) -> StoreFuture<Result<Lowered, StoreError>> {
        self.ask(Ok(Lower {
            key: key.clone(),
            units,
        }))
    }
}

impl SharedStore for SqliteUsage {
    fn lease(&self, lease: Lease<'_>) -> StoreFuture<Result<LeaseOutcome, StoreError>> {
        self.ask(TakeLease::new(lease))
    }

    fn extend(
        &self,
        key: &CounterKey,
        id: LeaseId,
        kept: u64,
        ttl: Duration,
    ) -> StoreFuture<Result<LeaseExtension, StoreError>> {
        self.ask(Ok(Extend {
            key: key.clone(),
            id,
            kept,
            ttl,
        }))
    }

    fn end(
        &self,
        key: &CounterKey,
        id: LeaseId,
        used: u64,
    ) -> StoreFuture<Result<LeaseEnd, StoreError>> {
        self.ask(Ok(End {
            key: key.clone(),
            id,
            used,
        }))
    }

    fn take_of_rate(
        &self,
        block: RateBlock<'_>,
    ) -> StoreFuture<Result<RateBlockOutcome, StoreError>> {
        self.ask(TakeOfRate::new(block))
    }

    fn tally(&self, key: &CounterKey) -> StoreFuture<Result<Tally, StoreError>> {
        self.ask(Ok(TakeTally { key: key.clone() }))
    }

    fn adjust(
        &self,
        key: &CounterKey,
        adjustment: Adjustment,
    ) -> StoreFuture<Result<Tally, StoreError>> {
        self.ask(Ok(Adjust {
            key: key.clone(),
            adjustment,
        }))
    }

    fn deadline(&self) -> Option<Duration> {
        Some(self.desk.deadline())
    }
}
