//! What goes wrong with the database, told apart by what to do about it.

use sqlx::Error;

use crate::{StoreError, StoreErrorKind};

/// What a fault calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The connection is of no more use. On another one the call may succeed.
    Reconnect,
    /// The call was in the way of another, and can be made again at once.
    Repeat,
    /// There is none.
    None,
}

/// A fault of the database.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) remedy: Remedy,
    kind: StoreErrorKind,
    detail: String,
}

impl Fault {
    pub(super) fn into_error(self) -> StoreError {
        StoreError::new(self.kind).with_detail(self.detail)
    }

    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    fn new(remedy: Remedy, kind: StoreErrorKind, detail: impl Into<String>) -> Self {
        Self {
            remedy,
            kind,
            detail: detail.into(),
        }
    }

    /// What a code of PostgreSQL means. The message names tables and roles; the rows and values of an
    /// error are in its details, which are left out.
    fn of_code(code: &str, message: &str) -> Self {
        let told = format!("{message} (SQLSTATE {code})");
        let (remedy, kind) = match code {
            // The server's own deadline, or somebody cancelled it.
            "57014" | "55P03" => (Remedy::None, StoreErrorKind::TimedOut),
            "40001" | "40P01" => (Remedy::Repeat, StoreErrorKind::Unavailable),
            "25006" => {
                let told = format!("the server is read-only, perhaps a standby: {told}");
                return Self::new(Remedy::Reconnect, StoreErrorKind::Unavailable, told);
            }
            "42P01" | "42883" | "3F000" => {
                let told = format!("the schema was changed or removed: {told}");
                return Self::new(Remedy::None, StoreErrorKind::Internal, told);
            }
            // A statement that this connection no longer has, or has of an older function.
            "26000" | "0A000" => (Remedy::Reconnect, StoreErrorKind::Internal),
            _ => match code.get(..2) {
                // Connections, shutdowns, and logins that are refused for now.
                Some("08" | "57" | "28" | "3D") => (Remedy::Reconnect, StoreErrorKind::Unavailable),
                // Disk, memory and connections that have run out; the system below.
                Some("53" | "58") => (Remedy::None, StoreErrorKind::Unavailable),
                _ => (Remedy::None, StoreErrorKind::Internal),
            },
        };
        Self::new(remedy, kind, told)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::Database(error) => {
                Self::of_code(error.code().as_deref().unwrap_or("XX000"), error.message())
            }
            Error::Io(error) => {
                let told = format!("the connection failed: {error}");
                Self::new(Remedy::Reconnect, StoreErrorKind::Unavailable, told)
            }
            Error::Tls(error) => {
                let told = format!("the connection cannot be encrypted: {error}");
                Self::new(Remedy::None, StoreErrorKind::Unavailable, told)
            }
            // What came over the wire made no sense: the connection was cut or mixed up.
            Error::Protocol(told) => {
                Self::new(Remedy::Reconnect, StoreErrorKind::Unavailable, told)
            }
            other => Self::new(Remedy::None, StoreErrorKind::Internal, other.to_string()),
        }
    }
}

/// An answer that this program does not know.
pub(super) fn not_understood(what: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Internal)
        .with_detail(format!("an answer could not be understood: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_calls_for_what_helps() {
        use StoreErrorKind::{Internal, TimedOut, Unavailable};
        for (code, remedy, kind) in [
            ("57014", Remedy::None, TimedOut),
            ("57P01", Remedy::Reconnect, Unavailable),
            ("57P03", Remedy::Reconnect, Unavailable),
            ("08006", Remedy::Reconnect, Unavailable),
            ("25006", Remedy::Reconnect, Unavailable),
            ("40P01", Remedy::Repeat, Unavailable),
            ("53100", Remedy::None, Unavailable),
            ("42883", Remedy::None, Internal),
            ("23514", Remedy::None, Internal),
            ("", Remedy::None, Internal),
        ] {
            let fault = Fault::of_code(code, "told");
            assert_eq!((fault.remedy, fault.kind), (remedy, kind), "{code}");
            assert!(fault.into_error().to_string().contains("told"));
        }
    }
}
