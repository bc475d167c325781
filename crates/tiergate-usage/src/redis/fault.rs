//! What a failure of Redis means to whoever asked.

use std::sync::Arc;
use std::time::Duration;

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::{StoreError, StoreErrorKind};

/// Why there is no reply.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// There is no connection, and none could be made.
    NotConnected(Arc<str>),
    /// The connection broke. What was asked may have happened or not.
    Broken(Arc<str>),
    /// The server does not know a script by its hash.
    NoScript,
    /// Nothing came in time. What was asked may have happened or not.
    TimedOut(Duration),
    /// The server said no.
    Said {
        kind: StoreErrorKind,
        detail: Arc<str>,
        connection: Afterwards,
    },
}

/// What becomes of a connection on which an error was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Afterwards {
    Kept,
    /// Another may lead to a server that can do better: after a failover, or with a new password.
    Replaced,
}

impl Fault {
    /// What an error of the client library means. It never has the URL in it, but texts of the server
    /// are only taken where they say more than their code.
    pub(super) fn of(error: &RedisError) -> Self {
        if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) {
            return Self::NoScript;
        }
        if error.is_timeout() || error.is_io_error() || error.kind() == ErrorKind::Parse {
            return Self::Broken(error.to_string().into());
        }
        let (kind, detail, connection) = match error.kind() {
            ErrorKind::AuthenticationFailed => refused_access("AUTH"),
            ErrorKind::ClusterConnectionNotFound => (
                StoreErrorKind::Unavailable,
                "no node of the Redis cluster can be reached that has the key".to_owned(),
                Afterwards::Replaced,
            ),
            ErrorKind::Server(_) | ErrorKind::Extension => said(
                error.code().unwrap_or_default(),
                error.detail().unwrap_or_default(),
            ),
            _ => (
                StoreErrorKind::Internal,
                format!("the Redis client failed: {}", error.category()),
                Afterwards::Replaced,
            ),
        };
        Self::Said {
            kind,
            detail: detail.into(),
            connection,
        }
    }

    /// Whether the same call may be sent again at once: it is named, so it counts once.
    pub(super) fn is_broken(&self) -> bool {
        matches!(self, Self::Broken(_))
    }

    /// Whether the next call needs another connection.
    pub(super) fn replaces_connection(&self) -> bool {
        match self {
            Self::Broken(_) => true,
            Self::Said { connection, .. } => *connection == Afterwards::Replaced,
            Self::NotConnected(_) | Self::NoScript | Self::TimedOut(_) => false,
        }
    }
}

fn said(code: &str, detail: &str) -> (StoreErrorKind, String, Afterwards) {
    use Afterwards::{Kept, Replaced};
    use StoreErrorKind::{Full, Internal, InvalidClaims, Unavailable};
    let told = |kind, what: &str, then| (kind, format!("Redis {what} ({code})"), then);
    match code {
        "READONLY" => told(Unavailable, "is a replica, or is read-only", Replaced),
        "LOADING" => told(Unavailable, "is loading its data", Kept),
        "MASTERDOWN" | "NOREPLICAS" => told(Unavailable, "misses its master or replicas", Kept),
        "BUSY" => told(Unavailable, "is busy with a script", Kept),
        "MISCONF" => told(
            Unavailable,
            "takes no writes because it cannot save to its disk",
            Kept,
        ),
        "CLUSTERDOWN" | "TRYAGAIN" => {
            told(Unavailable, "has a cluster that is not whole now", Kept)
        }
        "MOVED" | "ASK" => told(
            Unavailable,
            "is part of a cluster: open it as one, with `open_cluster`",
            Replaced,
        ),
        "OOM" => told(Full, "has reached its `maxmemory`", Kept),
        "CROSSSLOT" => told(
            InvalidClaims,
            "is a cluster, where one operation cannot have claims of several subjects",
            Kept,
        ),
        "NOAUTH" | "WRONGPASS" | "NOPERM" => refused_access(code),
        "ERR" if let Some(code) = code_within(detail) => said(code, ""),
        // What a stranger may send is shorter than a call, and it gets no further.
        "ERR" if detail.contains("unauthenticated") => refused_access("NOAUTH"),
        "ERR" if detail.starts_with("The user executing the script") => refused_access("NOPERM"),
        // A script that failed: what it says is about itself.
        "ERR" | "WRONGTYPE" => (
            Internal,
            format!("Redis says {code}: {}", cut(detail)),
            Kept,
        ),
        _ => told(Internal, "failed", Kept),
    }
}

/// The code of a command that failed in a script, which servers before Redis 7 put into the text.
fn code_within(detail: &str) -> Option<&str> {
    let (_, rest) = detail.split_once(": -")?;
    let code = rest.split(' ').next().unwrap_or_default();
    let is_code = code != "ERR" && code.len() > 2 && code.bytes().all(|it| it.is_ascii_uppercase());
    is_code.then_some(code)
}

fn refused_access(code: &str) -> (StoreErrorKind, String, Afterwards) {
    let detail = format!(
        "Redis refused access ({code}): the user needs its password, all keys under the prefix, and \
         the commands that the documentation of `RedisUsage` lists"
    );
    (StoreErrorKind::Unavailable, detail, Afterwards::Replaced)
}

fn cut(text: &str) -> &str {
    let end = (0..=200.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NotConnected(why) => Self::new(StoreErrorKind::Unavailable)
                .with_detail(format!("no connection to Redis: {why}")),
            Fault::Broken(why) => Self::new(StoreErrorKind::Unavailable)
                .with_detail(format!("the connection to Redis broke: {why}")),
            Fault::NoScript => Self::new(StoreErrorKind::Internal)
                .with_detail("Redis does not know a script that it was just given"),
            Fault::TimedOut(deadline) => Self::new(StoreErrorKind::TimedOut)
                .with_detail(format!("Redis did not answer within {deadline:?}")),
            Fault::Said { kind, detail, .. } => Self::new(kind).with_detail(detail.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(code: &str) -> StoreErrorKind {
        let error = redis::make_extension_error(code.to_owned(), Some("x".repeat(500)));
        let error = StoreError::from(Fault::of(&error));
        assert!(error.detail().unwrap().len() < 300, "{error}");
        error.kind()
    }

    #[test]
    fn what_a_server_says_is_told_by_kinds() {
        for code in [
            "READONLY",
            "LOADING",
            "MASTERDOWN",
            "MISCONF",
            "CLUSTERDOWN",
            "TRYAGAIN",
        ] {
            assert_eq!(kind_of(code), StoreErrorKind::Unavailable, "{code}");
        }
        for code in [
            "NOAUTH",
            "WRONGPASS",
            "NOPERM",
            "MOVED",
            "ASK",
            "BUSY",
            "NOREPLICAS",
        ] {
            assert_eq!(kind_of(code), StoreErrorKind::Unavailable, "{code}");
        }
        assert_eq!(kind_of("OOM"), StoreErrorKind::Full);
        assert_eq!(kind_of("CROSSSLOT"), StoreErrorKind::InvalidClaims);
        assert_eq!(kind_of("ERR"), StoreErrorKind::Internal);
        assert_eq!(kind_of("ELSE"), StoreErrorKind::Internal);
    }

    #[test]
    fn what_failed_in_a_script_of_an_older_server_is_found() {
        let text =
            "Error running script (call to f_2b1): @user_script:1: @user_script: 1: -READONLY You";
        let error = redis::make_extension_error("ERR".to_owned(), Some(text.to_owned()));
        let error = StoreError::from(Fault::of(&error));
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
        assert_eq!(code_within("no code: -here it is"), None);
        assert_eq!(code_within("again: -ERR it is"), None);
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut(&"é".repeat(150)).len(), 200);
        assert_eq!(cut(&format!("a{}", "é".repeat(150))).len(), 199);
    }
}
