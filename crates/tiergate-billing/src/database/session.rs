//! Connections as the tables use them: for reading, or in a transaction that writes.

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres, Sqlite, SqliteConnection, Transaction};
use tiergate_core::{Subject, SubjectKind};

use super::DatabaseError;

/// Something to run statements on.
pub(crate) trait Session: Send {
    /// The connection under it.
    fn handle(&mut self) -> Handle<'_>;
}

/// A connection of one of the two databases.
pub(crate) enum Handle<'a> {
    Sqlite(&'a mut SqliteConnection),
    Postgres(&'a mut PgConnection),
}

/// Runs an expression on whichever connection a session has: the expression is compiled once for each
/// of the two.
macro_rules! on {
    ($session:expr, $connection:ident => $body:expr) => {
        match $crate::database::Session::handle($session) {
            $crate::database::Handle::Sqlite($connection) => $body,
            $crate::database::Handle::Postgres($connection) => $body,
        }
    };
}
pub(crate) use on;

/// A connection for reading.
pub(crate) enum Read {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

impl Session for Read {
    fn handle(&mut self) -> Handle<'_> {
        match self {
            Self::Sqlite(connection) => Handle::Sqlite(connection),
            Self::Postgres(connection) => Handle::Postgres(connection),
        }
    }
}

/// A transaction. It sees and makes changes, and ends with [`commit`](Self::commit) or without a trace.
pub(crate) enum Write {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Session for Write {
    fn handle(&mut self) -> Handle<'_> {
        match self {
            Self::Sqlite(transaction) => Handle::Sqlite(transaction),
            Self::Postgres(transaction) => Handle::Postgres(transaction),
        }
    }
}

impl Write {
    /// Makes the changes last. Once this returns, they are as durable as the database promises; if it
    /// fails or is dropped, they may be or not, as with any commit whose answer is lost.
    pub(crate) async fn commit(self) -> Result<(), DatabaseError> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await?,
            Self::Postgres(transaction) => transaction.commit().await?,
        }
        Ok(())
    }

    /// Says that it does no harm if a loss of power takes this transaction back after its commit: then
    /// PostgreSQL does not wait for the disk. SQLite has one setting for all of a connection's, and keeps
    /// it.
    pub(crate) async fn may_be_forgotten(&mut self) -> Result<(), DatabaseError> {
        if let Self::Postgres(transaction) = self {
            sqlx::query("SET LOCAL synchronous_commit = off")
                .execute(&mut **transaction)
                .await?;
        }
        Ok(())
    }

    /// Keeps every other transaction that asks for the same owner waiting until this one ends. It holds
    /// for an owner without any row, too. A transaction locks one owner at most, and does so first, so
    /// that no two wait for each other.
    pub(crate) async fn lock_owner(&mut self, owner: &Subject) -> Result<(), DatabaseError> {
        let kind = match owner.kind() {
            SubjectKind::User => "user",
            SubjectKind::Organization => "organization",
        };
        self.lock(&format!("owner:{kind}:{}", owner.id())).await
    }

    /// Keeps every other transaction that asks for the same name waiting until this one ends.
    ///
    /// SQLite's transactions already exclude each other. On PostgreSQL two names may share a lock,
    /// which costs a wait and no more.
    pub(crate) async fn lock(&mut self, name: &str) -> Result<(), DatabaseError> {
        if let Self::Postgres(transaction) = self {
            sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
                .bind(name)
                .execute(&mut **transaction)
                .await?;
        }
        Ok(())
    }
}
