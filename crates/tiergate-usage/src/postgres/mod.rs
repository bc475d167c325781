//! The store that counts in a PostgreSQL database.

mod address;
mod answer;
mod bound;
mod config;
mod counters;
mod engine;
mod error;
mod fault;
mod lanes;
mod lease;
mod moment;
mod name;
mod observe;
mod places;
mod pool;
mod rate_block;
mod reserve;
mod schema;
mod settle;
mod setup;
mod statistics;

pub use config::{Pooler, PostgresUsageBuilder};
pub use error::PostgresUsageError;
pub use statistics::PostgresStatistics;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{
    Adjustment, CounterKey, CounterStates, Lease, LeaseEnd, LeaseExtension, LeaseId, LeaseOutcome,
    Lowered, RateBlock, RateBlockOutcome, ReservationId, Reserve, ReserveOutcome, Settlement,
    SharedStore, StoreError, StoreFuture, Tally, UsageStore,
};

use engine::Engine;
use name::Name;
use schema::SchemaName;
use settle::Ending;

/// Counts in a PostgreSQL database, exactly, for all processes that share it.
///
/// Every operation is one call of a function of the database: one round trip, and no lock is held across
/// one. All that belongs to a subject is under an advisory lock of the subject, so operations of different
/// subjects never wait for each other, and those of one do so in the database. Operations over several
/// subjects take their locks in one order.
///
/// It keeps the rules of [`UsageStore`] and [`SharedStore`]. Rates are exact: a unit counts from the
/// moment when it was admitted until just before its length has passed. A log has at most 1,024 entries; when
/// it is full, neighbours are merged to the later time, so that the limit is kept and a unit leaves at most
/// a 512th of the length late. Sums have no end: what is beyond `u64::MAX` units is counted, and reported as
/// `u64::MAX`.
///
/// # Time
///
/// All processes go by the server's clock, read once a subject's lock is there; how far their own clocks
/// differ does not matter. A clock of the server that steps back hands nothing out again: what counts then
/// counts longer, by the step. One that is set forward ends windows and reservations early, as it ends
/// everything early that goes by it.
///
/// # Cost
///
/// One round trip and one commit for each operation; [`peek`](UsageStore::peek) and
/// [`tally`](SharedStore::tally) wait for nobody and commit nothing. Those that change something wait for
/// the server's disk as it is set up to. [`lower`](UsageStore::lower) and
/// [`adjust`](SharedStore::adjust) ask a connection that was idle for a sign of life first, as nobody can
/// tell a repeated one.
///
/// Operations of one subject follow each other in the database. So a process has one message under way for
/// all that reserve of a subject, and one for all that settle; who comes meanwhile waits for it without a
/// connection, and up to 64 then go together, in one message and one commit. Each is decided by itself, in
/// the order in which they came. A subject that is hot beyond that needs leases.
///
/// Where there are fewer connections than messages, those that end something go first: commits and releases
/// never wait behind operations that begin. Who leaves before an answer that admits, or whose deadline
/// passes, has the units given back.
///
/// # Faults
///
/// * Each call ends within its deadline, 1 s unless set: with
///   [`TimedOut`](crate::StoreErrorKind::TimedOut) where that passes, and with
///   [`Full`](crate::StoreErrorKind::Full) at once where too many wait for a connection already. The server
///   ends a statement that takes as long.
/// * A call whose connection breaks is made once more on a new one. Every call names its operation by an id
///   that it was given before, so it counts once although the first answer was lost. A commit whose answer was
///   lost is then told [`AlreadySettled`](crate::Settlement::AlreadySettled). `lower` and `adjust` have no
///   id, and fail instead.
/// * A server that is away, starting, full or read-only is
///   [`Unavailable`](crate::StoreErrorKind::Unavailable), and the detail says which. Connections come back by
///   themselves with the next call.
/// * Subjects longer than 1,000 bytes and features longer than 500 are
///   [`InvalidClaims`](crate::StoreErrorKind::InvalidClaims).
///
/// A call that is dropped half-way may have acted or not; what it reserved is given back. Its connection is
/// used again once the server has answered it, and counts as in use until then.
///
/// # What is kept, and for how long
///
/// What was acknowledged survives every process and, as far as `synchronous_commit` goes, the server: with
/// its default a crash of the server's machine loses nothing. With
/// `?options[synchronous_commit]=off` in the URL, commits do not wait for the disk, and a crash can lose
/// those of the last fraction of a second (three times `wal_writer_delay`): counters then stand too low. A
/// standby that takes over lacks what it was not sent.
///
/// Operations remove a few rows that are over for each that they make, and [`sweep`](Self::sweep) removes all:
///
/// | what | is kept |
/// |---|---|
/// | gauges | until nothing of them is used or open |
/// | quotas | the same, or until a day after their window |
/// | rates | until their last unit has left, and one to two lengths more (minutes, if that is longer) |
/// | reservations that were settled | 5 minutes, to tell who settles twice |
/// | reservations that expired | an hour |
/// | idempotency keys | until the longest window among the claims ends; a day for gauges |
/// | leases that are over | until a day after their window |
///
/// Nothing bounds how many counters there are but the disk. Up to 63 retries of one operation may ever join it
/// while it is open.
///
/// # The schema
///
/// [`connect`](Self::connect) makes a schema with tables and functions, `tiergate_usage` unless another name
/// is set; processes that start at once make it once. Where the role may not, somebody who may runs what
/// [`schema_sql`](Self::schema_sql) gives, and grants the role `USAGE` of the schema and `SELECT`, `INSERT`,
/// `UPDATE` and `DELETE` of its tables. A schema of another version is left alone and told. The database needs
/// the encoding UTF8.
///
/// The advisory locks are those of two numbers. The first is made of the schema's name; an application that
/// uses such locks with the same first number waits for this store, and this store for it.
///
/// # The connection
///
/// The URL is as for other PostgreSQL clients, with `sslmode`, `sslrootcert`, `application_name` and
/// `options`. Encryption needs the cargo feature `rustls` or `native-tls`: without them `sslmode=require` and
/// above are an error, and the default, `prefer`, does not encrypt.
///
/// A pooler that shares connections by the session, or none, needs nothing. For one that shares them by the
/// transaction, such as PgBouncer, set [`Pooler::Transaction`]. A connection is not used again when it was
/// idle for a minute.
///
/// ```no_run
/// use std::time::Duration;
/// use tiergate_core::{Limit, Subject};
/// use tiergate_usage::{
///     Claim, CounterKey, CounterWindow, PostgresUsage, Reserve, ReserveOutcome, UsageStore,
/// };
///
/// # async fn count() -> Result<(), Box<dyn std::error::Error>> {
/// let usage = PostgresUsage::connect("postgres://app:secret@db.internal/app").await?;
/// let stored = CounterKey::new(Subject::user("42"), "storage_limit_gb", CounterWindow::Level);
/// let claims = [Claim::new(stored, 3, Limit::AtMost(5))];
///
/// match usage.reserve(Reserve::new(&claims, Duration::from_secs(60))).await? {
///     ReserveOutcome::Admitted(admitted) => drop(usage.commit(admitted.id(), &[3]).await?),
///     ReserveOutcome::Refused(refused) => println!("{} are used", refused.state().used()),
/// }
/// # Ok(())
/// # }
/// ```
///
/// Cloning is cheap, and clones share their connections.
#[derive(Clone)]
pub struct PostgresUsage {
    engine: Arc<Engine>,
    schema: SchemaName,
}

impl PostgresUsage {
    /// The store in the database at `url`, with the settings of [`builder`](Self::builder) as they are.
    ///
    /// # Errors
    ///
    /// See [`PostgresUsageBuilder::connect`].
    pub async fn connect(url: &str) -> Result<Self, PostgresUsageError> {
        Self::builder(url).connect().await
    }

    /// A store with settings of its own.
    pub fn builder(url: &str) -> PostgresUsageBuilder {
        PostgresUsageBuilder::new(url)
    }

    /// What makes the schema of that name, for somebody who may, where the store may not.
    ///
    /// # Errors
    ///
    /// When no schema can have the name.
    pub fn schema_sql(schema: &str) -> Result<String, PostgresUsageError> {
        let definition = SchemaName::new(schema)?.definition();
        Ok(format!("BEGIN;\n{definition}\nCOMMIT;\n"))
    }

    /// Removes all that is over and releases all that has expired, a few hundred rows at a time.
    ///
    /// Nothing depends on it: every operation does a little of it. A service may call it from a timer, so
    /// that nothing is left in quiet hours.
    ///
    /// # Errors
    ///
    /// Fails as any operation does. What was done until then stays done.
    ///
    /// # Cancellation
    ///
    /// Dropped half-way it has done a part of it.
    pub async fn sweep(&self) -> Result<(), StoreError> {
        counters::sweep(Arc::clone(&self.engine)).await.map(drop)
    }

    /// What this store has done so far, and how many calls wait.
    #[must_use]
    pub fn statistics(&self) -> PostgresStatistics {
        self.engine.statistics()
    }

    /// Makes a call of what could be asked, and fails at once where that could not.
    fn call<A, T, F>(
        &self,
        asked: Result<A, StoreError>,
        call: impl FnOnce(Arc<Engine>, A) -> F,
    ) -> StoreFuture<Result<T, StoreError>>
    where
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        match asked {
            Ok(asked) => StoreFuture::boxed(call(Arc::clone(&self.engine), asked)),
            Err(error) => StoreFuture::ready(Err(error)),
        }
    }
}

impl fmt::Debug for PostgresUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresUsage")
            .field("schema", &self.schema.as_str())
            .field("pool", &self.engine.pool)
            .field("deadline", &self.engine.deadline)
            .finish_non_exhaustive()
    }
}

impl UsageStore for PostgresUsage {
    fn reserve(&self, request: Reserve<'_>) -> StoreFuture<Result<ReserveOutcome, StoreError>> {
        self.call(reserve::Asked::new(request), |engine, asked| {
            asked.ask(engine)
        })
    }

    fn commit(
        &self,
        id: ReservationId,
        units: &[u64],
    ) -> StoreFuture<Result<Settlement, StoreError>> {
        self.call(Ok(Ending::commit(units)), |engine, ending| {
            settle::settle(engine, id, ending)
        })
    }

    fn release(&self, id: ReservationId) -> StoreFuture<Result<Settlement, StoreError>> {
        self.call(Ok(Ending::Release), |engine, ending| {
            settle::settle(engine, id, ending)
        })
    }

    fn peek(&self, keys: &[CounterKey]) -> StoreFuture<Result<CounterStates, StoreError>> {
        self.call(counters::names(keys), counters::peek)
    }

    fn lower(&self, key: &CounterKey, units: u64) -> StoreFuture<Result<Lowered, StoreError>> {
        self.call(counters::gauge(key), move |engine, name| async move {
            let adjusted = counters::adjust(engine, name, Adjustment::Lower(units)).await?;
            Ok(adjusted.lowered)
        })
    }
}

impl SharedStore for PostgresUsage {
    fn lease(&self, lease: Lease<'_>) -> StoreFuture<Result<LeaseOutcome, StoreError>> {
        self.call(lease::Asked::new(lease), |engine, asked| asked.ask(engine))
    }

    fn extend(
        &self,
        key: &CounterKey,
        id: LeaseId,
        kept: u64,
        ttl: Duration,
    ) -> StoreFuture<Result<LeaseExtension, StoreError>> {
        self.call(Name::new(key), move |engine, name| {
            lease::extend(engine, name, id, kept, moment::micros(ttl))
        })
    }

    fn end(
        &self,
        key: &CounterKey,
        id: LeaseId,
        used: u64,
    ) -> StoreFuture<Result<LeaseEnd, StoreError>> {
        self.call(Name::new(key), move |engine, name| {
            lease::end(engine, name, id, used)
        })
    }

    fn take_of_rate(
        &self,
        block: RateBlock<'_>,
    ) -> StoreFuture<Result<RateBlockOutcome, StoreError>> {
        self.call(rate_block::Asked::new(block), |engine, asked| {
            asked.ask(engine)
        })
    }

    fn tally(&self, key: &CounterKey) -> StoreFuture<Result<Tally, StoreError>> {
        self.call(counters::tallied(key), counters::tally)
    }

    fn adjust(
        &self,
        key: &CounterKey,
        adjustment: Adjustment,
    ) -> StoreFuture<Result<Tally, StoreError>> {
        self.call(counters::tallied(key), move |engine, name| async move {
            let adjusted = counters::adjust(engine, name, adjustment).await?;
            Ok(adjusted.tally)
        })
    }

    fn deadline(&self) -> Option<Duration> {
        Some(self.engine.deadline)
    }
}
