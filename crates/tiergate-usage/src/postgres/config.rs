//! How a store in PostgreSQL is made.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;

use super::PostgresUsage;
use super::engine::Engine;
use super::error::PostgresUsageError;
use super::moment::Time;
use super::pool::{Mode, Pool};
use super::schema::{self, SchemaName, Statements};
use super::{address, setup};
use crate::WhenAbsent;

/// Within which time each call is answered, unless another is set.
const DEADLINE: Duration = Duration::from_secs(1);

/// The bounds used when none are given.
const CONNECTIONS: usize = 10;
const MOST_WAITING: usize = 1_024;

/// What lies between a store and the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Pooler {
    /// Nothing that shares connections: each is one session of the server. A call is one round trip.
    #[default]
    None,
    /// A pooler that gives a connection of the server for one transaction, such as PgBouncer in its
    /// transaction mode. A call is four round trips, and nothing is kept in a session: no prepared
    /// statement and no setting.
    Transaction,
}

/// Sets up a [`PostgresUsage`].
///
/// ```no_run
/// use std::time::Duration;
/// use tiergate_usage::PostgresUsage;
///
/// # async fn set_up() -> Result<(), tiergate_usage::PostgresUsageError> {
/// let usage = PostgresUsage::builder("postgres://app:secret@db.internal/app?sslmode=verify-full")
///     .connections(20)
///     .deadline(Duration::from_millis(500))
///     .connect()
///     .await?;
/// # drop(usage);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a builder makes nothing until `connect` is called"]
pub struct PostgresUsageBuilder {
    url: String,
    schema: String,
    when_absent: WhenAbsent,
    connections: usize,
    most_waiting: usize,
    deadline: Duration,
    pooler: Pooler,
    time: Time,
}

impl PostgresUsageBuilder {
    pub(super) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            schema: schema::DEFAULT.to_owned(),
            when_absent: WhenAbsent::default(),
            connections: CONNECTIONS,
            most_waiting: MOST_WAITING,
            deadline: DEADLINE,
            pooler: Pooler::None,
            time: Time::Server,
        }
    }

    /// Keeps its tables in this schema; `tiergate_usage` unless set. Two stores share counters when they
    /// share the database and the schema.
    pub fn schema(mut self, name: &str) -> Self {
        name.clone_into(&mut self.schema);
        self
    }

    /// Does so when the schema is not there; unless set, it is made.
    pub fn when_absent(mut self, when_absent: WhenAbsent) -> Self {
        self.when_absent = when_absent;
        self
    }

    /// Opens at most this many connections, and one at least; 10 unless set.
    pub fn connections(mut self, most: usize) -> Self {
        self.connections = most.max(1);
        self
    }

    /// Lets at most this many calls wait for their turn; 1,024 unless set. Those that come then fail with
    /// [`StoreErrorKind::Full`](crate::StoreErrorKind::Full).
    ///
    /// Calls that end something are not among them, and never wait behind them: commits, releases, and
    /// what is told of leases. Of those 16,384 may wait, or this many if it is more.
    pub fn max_waiting(mut self, most: usize) -> Self {
        self.most_waiting = most;
        self
    }

    /// Gives each call this long, waiting and repeating included; 1 s unless set, and a millisecond at
    /// least. The server ends a statement after the same time.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline.max(Duration::from_millis(1));
        self
    }

    /// Says what lies between the store and the server; nothing unless set.
    pub fn pooler(mut self, pooler: Pooler) -> Self {
        self.pooler = pooler;
        self
    }

    /// Takes the time from `clock` instead of the server, for tests. It is read before the server is asked.
    #[cfg(any(test, feature = "testing"))]
    #[doc(hidden)]
    pub fn clock(mut self, clock: Arc<dyn tiergate_clock::Clock>) -> Self {
        self.time = Time::Clock(clock);
        self
    }

    /// The store, once its schema is there: it is made if it is not, unless
    /// [`when_absent`](Self::when_absent) says otherwise.
    ///
    /// # Errors
    ///
    /// When the URL or a name is no such thing, when the database does not answer within 30 s, when the
    /// schema is missing and may not be made, or when it is of another version.
    ///
    /// # Cancellation
    ///
    /// Dropped half-way it leaves no schema or all of it.
    pub async fn connect(self) -> Result<PostgresUsage, PostgresUsageError> {
        let schema = SchemaName::new(&self.schema)?;
        // The driver's default for floating-point numbers is a setting that poolers refuse.
        let options = address::parse(&self.url)?.extra_float_digits(None);
        setup::prepare(&options, &schema, self.when_absent).await?;
        let (options, mode) = self.sessions(options);
        let pool = Pool::new(options, mode, self.connections, self.deadline);
        let statements = Statements::of(&schema);
        let engine = Engine::new(
            pool,
            statements,
            self.time,
            self.deadline,
            self.most_waiting,
        );
        Ok(PostgresUsage {
            engine: Arc::new(engine),
            schema,
        })
    }

    /// The settings that the functions count on, whatever is set for the database or the role.
    fn sessions(&self, options: PgConnectOptions) -> (PgConnectOptions, Mode) {
        let timeout = self
            .deadline
            .as_millis()
            .max(1)
            .min(i32::MAX as u128)
            .to_string();
        let settings = [
            // A call that nobody waits for any more leaves the server.
            ("statement_timeout", timeout.as_str()),
            ("lock_timeout", &timeout),
            // A plan that was made while a table was small is kept by its connection. It reads through an
            // index all the same.
            ("enable_seqscan", "off"),
            ("plan_cache_mode", "force_generic_plan"),
            ("jit", "off"),
        ];
        match self.pooler {
            Pooler::None => {
                let options = options
                    .options(settings)
                    .options([("default_transaction_isolation", "read committed")]);
                (options, Mode::Session)
            }
            Pooler::Transaction => {
                let mut begin = "BEGIN ISOLATION LEVEL READ COMMITTED".to_owned();
                for (name, value) in settings {
                    begin.push_str(&format!("; SET LOCAL {name} = '{value}'"));
                }
                (options, Mode::Transaction(begin.into()))
            }
        }
    }
}

impl fmt::Debug for PostgresUsageBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the URL, which may have a password.
        f.debug_struct("PostgresUsageBuilder")
            .field("schema", &self.schema)
            .field("when_absent", &self.when_absent)
            .field("connections", &self.connections)
            .field("most_waiting", &self.most_waiting)
            .field("deadline", &self.deadline)
            .field("pooler", &self.pooler)
            .finish_non_exhaustive()
    }
}
