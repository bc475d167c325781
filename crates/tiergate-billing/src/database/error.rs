//! What goes wrong with a database, told apart by what to do about it.

use std::fmt;

/// What a fault of the database calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// It cannot be reached, or is too busy: the same may work later.
    Unavailable,
    /// A rule of the schema refused the change.
    Refused,
    /// Anything else: a fault of this program or of its data.
    Internal,
}

/// A fault of the database.
///
/// Its message is the database's own, which names tables and constraints and no credentials. It is for
/// logs, not for those who call the service.
#[derive(Debug)]
pub struct DatabaseError {
    source: sqlx::Error,
}

impl DatabaseError {
    /// What it calls for.
    #[must_use]
    pub fn kind(&self) -> FaultKind {
        match &self.source {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) => {
                FaultKind::Unavailable
            }
            sqlx::Error::Database(error) => {
                if error.is_unique_violation()
                    || error.is_foreign_key_violation()
                    || error.is_check_violation()
                {
                    return FaultKind::Refused;
                }
                match error.code().as_deref() {
                    // SQLite: SQLITE_BUSY and SQLITE_LOCKED, with their extended codes; SQLITE_FULL;
                    // SQLITE_IOERR. PostgreSQL: the classes of connections, resources, operator
                    // intervention and transactions to be run again.
                    Some(
                        "5" | "6" | "10" | "13" | "261" | "262" | "517" | "773" | "40001" | "40P01",
                    ) => FaultKind::Unavailable,
                    Some(code)
                        if code.len() == 5
                            && ["08", "53", "57"]
                                .iter()
                                .any(|class| code.starts_with(class)) =>
                    {
                        FaultKind::Unavailable
                    }
                    _ => FaultKind::Internal,
                }
            }
            _ => FaultKind::Internal,
        }
    }

    /// Whether a constraint or index of that name was violated.
    ///
    /// SQLite names the columns of an index that is not partial, and not the index itself, so `columns`
    /// says them as `table.column`.
    pub(crate) fn violates(&self, constraint: &str, columns: &str) -> bool {
        let sqlx::Error::Database(error) = &self.source else {
            return false;
        };
        error.is_unique_violation()
            && (error.constraint() == Some(constraint) || error.message().contains(columns))
    }
}

impl From<sqlx::Error> for DatabaseError {
    fn from(source: sqlx::Error) -> Self {
        Self { source }
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the database: {}", self.source)
    }
}

impl std::error::Error for DatabaseError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
