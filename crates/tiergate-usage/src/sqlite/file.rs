//! The file, and the connection that writes to it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};

use crate::StoreErrorKind;

use super::config::Durability;
use super::fault::Fault;
use super::ledger::Ledger;
use super::load::{Backlog, Intent, load};
use super::operation::{Thrift, Wanted};
use super::save::save;
use super::schema;

/// How long SQLite waits for a lock while a file is opened. Later the store waits by itself.
const PATIENCE_TO_OPEN: Duration = Duration::from_millis(250);

/// A row may be on its way for each that a batch reads.
const ROW_BUFFER: usize = 1_024;

/// Where the file is, and what is asked of it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) durability: Durability,
}

/// Whether a file that is not there is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    Make,
    /// It was there before, and a new one would hand out everything again.
    Refuse,
}

/// An open file.
#[derive(Debug)]
pub(super) struct File {
    connection: SqliteConnection,
    path: PathBuf,
    identity: Option<Identity>,
}

impl File {
    pub(super) async fn open(place: &Place, missing: Missing) -> Result<Self, Fault> {
        let path = &place.path;
        if missing == Missing::Refuse && Identity::of(path).is_none() {
            return Err(gone(path));
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(missing == Missing::Make)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(match place.durability {
                Durability::Full => SqliteSynchronous::Full,
                Durability::Normal => SqliteSynchronous::Normal,
            })
            .busy_timeout(PATIENCE_TO_OPEN)
            .row_buffer_size(ROW_BUFFER)
            .thread_name(|_| "tiergate-usage-sqlite".to_owned())
            .disable_statement_logging();
        let of = |error| Fault::of(&error, path);
        let mut connection = options.connect().await.map_err(of)?;
        let row = sqlx::query("PRAGMA journal_mode").fetch_one(&mut connection);
        let mode: String = row.await.and_then(|row| row.try_get(0)).map_err(of)?;
        if !mode.eq_ignore_ascii_case("wal") {
            return Err(Fault::new(
                StoreErrorKind::Internal,
                path,
                &format!("has the journal mode `{mode}` and cannot have `wal`"),
                "name a file on a local disk",
            ));
        }
        schema::prepare(&mut connection, path).await?;
        // From here on the store waits by itself, and lets others go first.
        let no_patience = sqlx::raw_sql("PRAGMA busy_timeout = 0");
        no_patience.execute(&mut connection).await.map_err(of)?;
        Ok(Self {
            connection,
            identity: Identity::of(path),
            path: path.clone(),
        })
    }

    /// Whether the path still leads to this file. What is written to one that was removed is lost.
    pub(super) fn is_in_place(&self) -> bool {
        Identity::of(&self.path) == self.identity
    }

    /// Begins a transaction, and reads what is wanted.
    pub(super) async fn load(
        &mut self,
        intent: Intent,
        wanted: &Wanted,
        now: u64,
    ) -> Result<(Ledger, Backlog), Fault> {
        load(&mut self.connection, &self.path, intent, wanted, now).await
    }

    /// Writes what a ledger has changed.
    pub(super) async fn save(&mut self, ledger: &Ledger, thrift: Thrift) -> Result<(), Fault> {
        save(&mut self.connection, &self.path, ledger, thrift).await
    }

    /// Ends the transaction. What it has written is as sure as was asked for.
    pub(super) async fn commit(&mut self) -> Result<(), Fault> {
        self.end("COMMIT").await
    }

    /// Ends a transaction that wrote nothing, or nothing that is to stay.
    pub(super) async fn roll_back(&mut self) -> Result<(), Fault> {
        self.end("ROLLBACK").await
    }

    async fn end(&mut self, how: &'static str) -> Result<(), Fault> {
        let end = sqlx::query(how).execute(&mut self.connection).await;
        end.map(drop).map_err(|error| Fault::of(&error, &self.path))
    }

    #[cfg(test)]
    pub(super) async fn synchronous(&mut self) -> i64 {
        let level = sqlx::query("PRAGMA synchronous").fetch_one(&mut self.connection);
        level.await.unwrap().get(0)
    }

    /// Brings what is in the log into the file, if nobody else has it open.
    pub(super) async fn close(self) {
        // Nothing is lost if it fails: who opens the file next reads the log.
        drop(self.connection.close().await);
    }
}

/// Fails unless there is a store in the file, and changes nothing of what is there: it may be somebody
/// else's.
pub(super) async fn look(path: &Path) -> Result<(), Fault> {
    let absent = |what| {
        let remedy = "name the file that those who count use";
        Fault::new(StoreErrorKind::Unavailable, path, what, remedy)
    };
    if Identity::of(path).is_none() {
        return Err(absent("is not there"));
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(PATIENCE_TO_OPEN)
        .disable_statement_logging();
    let of = |error| Fault::of(&error, path);
    let mut connection = options.connect().await.map_err(of)?;
    let is_made = schema::is_made(&mut connection).await.map_err(of);
    // Nothing was written, so nothing is lost if it fails.
    drop(connection.close().await);
    if is_made? {
        Ok(())
    } else {
        Err(absent("has no counters of usage in it"))
    }
}

pub(super) fn gone(path: &Path) -> Fault {
    let remedy = "bring it back, or end every process that uses it before a new one is made";
    Fault::new(
        StoreErrorKind::Unavailable,
        path,
        "is not where it was opened",
        remedy,
    )
}

/// Which file it is, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    #[cfg(unix)]
    device: u64,
    #[cfg(unix)]
    node: u64,
}

impl Identity {
    /// None when there is no file.
    fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            Some(Self {
                device: metadata.dev(),
                node: metadata.ino(),
            })
        }
        #[cfg(not(unix))]
        {
            let _ = metadata;
            Some(Self {})
        }
    }
}
