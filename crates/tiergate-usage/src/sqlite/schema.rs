//! The tables in the file.

use std::path::Path;

use sqlx::{Row, SqliteConnection};

use crate::StoreErrorKind;

use super::fault::Fault;

/// The version of the tables that this program reads and writes.
const VERSION: i64 = 1;

/// Names as in the file; numbers above what SQLite counts exactly are text. Times are nanoseconds since
/// 1970 on the file's line of time. `one` keeps the first table at one row.
const CREATE: &str = "
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS tiergate_usage_meta (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL,
    time INTEGER NOT NULL,
    writer BLOB NOT NULL,
    counters INTEGER NOT NULL,
    reservations INTEGER NOT NULL,
    keys INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS tiergate_usage_counters (
    name BLOB PRIMARY KEY,
    committed TEXT,
    open TEXT,
    log BLOB,
    touched INTEGER NOT NULL,
    look_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tiergate_usage_counters_look_at
    ON tiergate_usage_counters (look_at) WHERE look_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS tiergate_usage_reservations (
    id BLOB PRIMARY KEY,
    stage TEXT NOT NULL CHECK (stage IN ('open', 'settled', 'expired')),
    due INTEGER NOT NULL,
    holders INTEGER NOT NULL,
    joined BLOB NOT NULL,
    name BLOB,
    held BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tiergate_usage_reservations_open
    ON tiergate_usage_reservations (due) WHERE stage = 'open';
CREATE INDEX IF NOT EXISTS tiergate_usage_reservations_over
    ON tiergate_usage_reservations (due) WHERE stage <> 'open';
CREATE TABLE IF NOT EXISTS tiergate_usage_keys (
    name BLOB PRIMARY KEY,
    reservation BLOB NOT NULL,
    fingerprint BLOB NOT NULL,
    until INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tiergate_usage_keys_until
    ON tiergate_usage_keys (until) WHERE until IS NOT NULL;
CREATE TABLE IF NOT EXISTS tiergate_usage_leases (
    id BLOB PRIMARY KEY,
    counter BLOB NOT NULL,
    units TEXT NOT NULL,
    kept TEXT NOT NULL,
    stage TEXT NOT NULL CHECK (stage IN ('open', 'settled', 'expired')),
    due INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tiergate_usage_leases_open
    ON tiergate_usage_leases (due) WHERE stage = 'open';
CREATE INDEX IF NOT EXISTS tiergate_usage_leases_over
    ON tiergate_usage_leases (due) WHERE stage <> 'open';
INSERT OR IGNORE INTO tiergate_usage_meta VALUES (1, 1, 0, x'', 0, 0, 0);
COMMIT;
";

/// Whether the tables are there.
pub(super) async fn is_made(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let found = sqlx::query(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'tiergate_usage_meta'",
    );
    Ok(found.fetch_optional(connection).await?.is_some())
}

/// Makes the tables if they are not there. What the same program, or another process of it, has made
/// is left alone.
pub(super) async fn prepare(connection: &mut SqliteConnection, path: &Path) -> Result<(), Fault> {
    let of = |error| Fault::of(&error, path);
    if !is_made(connection).await.map_err(of)? {
        sqlx::raw_sql(CREATE)
            .execute(&mut *connection)
            .await
            .map_err(of)?;
    }
    let row = sqlx::query("SELECT version FROM tiergate_usage_meta")
        .fetch_one(connection)
        .await
        .map_err(of)?;
    let version: i64 = row.try_get(0).map_err(of)?;
    if version == VERSION {
        return Ok(());
    }
    Err(Fault::new(
        StoreErrorKind::Internal,
        path,
        &format!("has usage tables of version {version}, and this program knows version {VERSION}"),
        "run a version of tiergate that knows them, or name another file",
    ))
}
