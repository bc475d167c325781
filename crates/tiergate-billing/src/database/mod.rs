//! The database, SQLite or PostgreSQL, behind one face.
//!
//! The statements are the same text on both: `$1` placeholders, `ON CONFLICT`, `RETURNING`. What
//! differs is which pool a connection comes from and how a writer keeps others out, and that is
//! decided here. Where a statement has to differ, [`Kind`] says which database it is.
//!
//! SQLite has one writer, so there is one connection that writes, and every transaction on it takes the
//! write lock when it begins: one that began by reading and then wrote would fail at once with
//! "database is locked", whatever the busy timeout. Readers have a pool of their own, which WAL lets
//! read beside the writer.

mod address;
mod error;
mod listen;
mod migrate;
mod session;

use std::time::Duration;

use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{PgPool, SqlitePool};

pub use address::{AddressError, DatabaseAddress};
pub use error::{DatabaseError, FaultKind};
pub use migrate::Schema;
pub(crate) use session::{Handle, Read, Session, Write, on};

/// How long somebody waits for SQLite's write lock before it is a fault; and for a connection, unless
/// something else is asked for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SQLite, in a file.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// When a commit on SQLite is acknowledged. PostgreSQL has its own settings for that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// When it is on the disk: an acknowledged change survives a loss of power.
    #[default]
    Full,
    /// When the operating system has it: it survives the end of the process, and a loss of power can
    /// take the last moments.
    Normal,
}

/// How to reach a database.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DatabaseOptions {
    /// Where it is.
    pub address: DatabaseAddress,
    /// The most connections: all of PostgreSQL's, the readers of SQLite.
    pub connections: u32,
    /// How many of them are kept open when there is nothing to do.
    pub idle_connections: u32,
    /// How long somebody waits for a connection before it is a fault.
    pub acquire_timeout: Duration,
    /// When a commit counts, on SQLite.
    pub durability: Durability,
}

impl DatabaseOptions {
    /// The database at `address`, with 10 connections at most, none of them kept open when idle, 5 s of patience
    /// and full durability.
    #[must_use]
    pub fn new(address: DatabaseAddress) -> Self {
        Self {
            address,
            connections: 10,
            idle_connections: 0,
            acquire_timeout: PATIENCE,
            durability: Durability::Full,
        }
    }

    /// Sets the most connections.
    #[must_use]
    pub fn with_connections(mut self, connections: u32) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// Sets how many connections are kept open when there is nothing to do.
    #[must_use]
    pub fn with_idle_connections(mut self, connections: u32) -> Self {
        self.idle_connections = connections;
        self
    }

    /// Sets how long somebody waits for a connection before it is a fault.
    #[must_use]
    pub fn with_acquire_timeout(mut self, timeout: Duration) -> Self {
        self.acquire_timeout = timeout;
        self
    }

    /// Sets when a commit counts, on SQLite.
    #[must_use]
    pub fn with_durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }
}

/// Connections to one database. Clones share them.
#[derive(Clone, Debug)]
pub struct Database {
    pools: Pools,
}

#[derive(Clone, Debug)]
enum Pools {
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
    },
    Postgres(PgPool),
}

impl Database {
    /// Connects. A SQLite file that is not there is made; its folder has to be there.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached or opened.
    pub async fn connect(options: &DatabaseOptions) -> Result<Self, DatabaseError> {
        let pools = match &options.address {
            DatabaseAddress::Sqlite(file) => {
                let connect = (**file)
                    .clone()
                    .create_if_missing(true)
                    .foreign_keys(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(match options.durability {
                        Durability::Full => SqliteSynchronous::Full,
                        Durability::Normal => SqliteSynchronous::Normal,
                    })
                    .busy_timeout(PATIENCE);
                let writer = SqlitePoolOptions::new()
                    .max_connections(1)
                    .acquire_timeout(options.acquire_timeout)
                    .connect_with(connect.clone())
                    .await?;
                let readers = SqlitePoolOptions::new()
                    .max_connections(options.connections)
                    .min_connections(options.idle_connections.min(options.connections))
                    .acquire_timeout(options.acquire_timeout)
                    .connect_with(connect.pragma("query_only", "ON"))
                    .await?;
                Pools::Sqlite { writer, readers }
            }
            DatabaseAddress::Postgres(server) => Pools::Postgres(
                PgPoolOptions::new()
                    .max_connections(options.connections)
                    .min_connections(options.idle_connections.min(options.connections))
                    .acquire_timeout(options.acquire_timeout)
                    .connect_with((**server).clone())
                    .await?,
            ),
        };
        Ok(Self { pools })
    }

    /// Which database it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.pools {
            Pools::Sqlite { .. } => Kind::Sqlite,
            Pools::Postgres(_) => Kind::Postgres,
        }
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub async fn ping(&self) -> Result<(), DatabaseError> {
        let mut read = self.read().await?;
        on!(&mut read, connection => sqlx::query("SELECT 1").execute(connection).await.map(drop))?;
        Ok(())
    }

    /// How the connections are used: for each pool its name, how many are in use, and how many idle.
    pub(crate) fn pools(&self) -> Vec<(&'static str, u32, u32)> {
        fn usage<DB: sqlx::Database>(
            name: &'static str,
            pool: &sqlx::Pool<DB>,
        ) -> (&'static str, u32, u32) {
            let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
            (name, pool.size().saturating_sub(idle), idle)
        }
        match &self.pools {
            Pools::Sqlite { writer, readers } => {
                vec![usage("writer", writer), usage("readers", readers)]
            }
            Pools::Postgres(pool) => vec![usage("all", pool)],
        }
    }

    /// Closes the connections once they are given back.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { writer, readers } => {
                readers.close().await;
                // Last, so that what is in the log is brought into the file.
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }

    /// A connection for reading, without a transaction: each statement sees what is committed by then.
    pub(crate) async fn read(&self) -> Result<Read, DatabaseError> {
        Ok(match &self.pools {
            Pools::Sqlite { readers, .. } => Read::Sqlite(readers.acquire().await?),
            Pools::Postgres(pool) => Read::Postgres(pool.acquire().await?),
        })
    }

    /// A transaction for writing. Dropped without [`Write::commit`] it changes nothing.
    pub(crate) async fn write(&self) -> Result<Write, DatabaseError> {
        Ok(match &self.pools {
            Pools::Sqlite { writer, .. } => {
                Write::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?)
            }
            Pools::Postgres(pool) => Write::Postgres(pool.begin().await?),
        })
    }
}
