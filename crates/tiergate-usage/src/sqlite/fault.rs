//! What goes wrong with the file, and what to do about it.

use std::path::Path;

use crate::{StoreError, StoreErrorKind};

/// A fault of the file, which everybody in a batch is told.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    kind: StoreErrorKind,
    cause: Cause,
    detail: String,
}

/// What a fault means for the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Somebody else writes. The connection is sound, and nothing was done.
    Busy,
    /// Anything else. The connection is not to be trusted.
    Broken,
}

/// The primary codes of SQLite that something can be done about.
mod code {
    pub(super) const PERM: u32 = 3;
    pub(super) const BUSY: u32 = 5;
    pub(super) const LOCKED: u32 = 6;
    pub(super) const NOMEM: u32 = 7;
    pub(super) const READONLY: u32 = 8;
    pub(super) const IOERR: u32 = 10;
    pub(super) const CORRUPT: u32 = 11;
    pub(super) const FULL: u32 = 13;
    pub(super) const CANTOPEN: u32 = 14;
    pub(super) const PROTOCOL: u32 = 15;
    pub(super) const NOTADB: u32 = 26;
}

impl Fault {
    /// A fault of the file at `path`: what, and what helps.
    pub(super) fn new(kind: StoreErrorKind, path: &Path, what: &str, remedy: &str) -> Self {
        Self {
            kind,
            cause: Cause::Broken,
            detail: format!("{} {what}; {remedy}", path.display()),
        }
    }

    pub(super) fn of(error: &sqlx::Error, path: &Path) -> Self {
        let (kind, remedy) = match error {
            sqlx::Error::Database(database) => of_code(primary_code(database.as_ref())),
            sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed => {
                (StoreErrorKind::Unavailable, "it is opened again")
            }
            _ => (StoreErrorKind::Internal, NEVER),
        };
        let mut fault = Self::new(kind, path, &format!("failed: {error}"), remedy);
        if let sqlx::Error::Database(database) = error
            && matches!(
                primary_code(database.as_ref()),
                Some(code::BUSY | code::LOCKED | code::PROTOCOL)
            )
        {
            fault.cause = Cause::Busy;
        }
        fault
    }

    /// Rows that this program did not write, or not like that.
    pub(super) fn unreadable(path: &Path, table: &str) -> Self {
        let what = format!("has a row in {table} that cannot be read");
        let remedy = "nothing but this program may write to its tables; restore a copy";
        Self::new(StoreErrorKind::Internal, path, &what, remedy)
    }

    /// The same within a transaction, which nobody can go on with.
    pub(super) fn within_transaction(mut self) -> Self {
        self.cause = Cause::Broken;
        self
    }

    pub(super) fn cause(&self) -> Cause {
        self.cause
    }

    /// Whether the same may work at once on a new connection.
    pub(super) fn is_transient(&self) -> bool {
        self.kind.is_transient()
    }

    pub(super) fn to_error(&self) -> StoreError {
        StoreError::new(self.kind).with_detail(self.detail.clone())
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}

const NEVER: &str = "this should never happen, please report it";

/// The code without what SQLite adds to it in its higher bytes.
fn primary_code(error: &dyn sqlx::error::DatabaseError) -> Option<u32> {
    let extended: u32 = error.code()?.parse().ok()?;
    Some(extended & 0xff)
}

fn of_code(code: Option<u32>) -> (StoreErrorKind, &'static str) {
    match code {
        Some(code::BUSY | code::LOCKED | code::PROTOCOL) => (
            StoreErrorKind::Unavailable,
            "another process kept it locked for the whole deadline: no transaction on it should be long",
        ),
        Some(code::FULL) => (StoreErrorKind::Full, "make room on its disk"),
        Some(code::READONLY | code::PERM) => (
            StoreErrorKind::Unavailable,
            "let this process write to the file and to its folder",
        ),
        Some(code::CANTOPEN) => (
            StoreErrorKind::Unavailable,
            "its folder has to exist, and this process has to be allowed to write there",
        ),
        Some(code::IOERR) => (StoreErrorKind::Unavailable, "look at its disk"),
        Some(code::NOMEM) => (StoreErrorKind::Unavailable, "the process needs more memory"),
        Some(code::CORRUPT) => (StoreErrorKind::Internal, "restore a copy"),
        Some(code::NOTADB) => (
            StoreErrorKind::Internal,
            "it is no SQLite database: name another file",
        ),
        _ => (StoreErrorKind::Internal, NEVER),
    }
}
