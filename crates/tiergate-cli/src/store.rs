//! Opens a store of counters by its URL. Another kind of store is one more scheme here, and a feature.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use tiergate_usage::{SharedStore, StoreError};

/// The schemes that a build may know.
const KINDS: [&str; 5] = ["sqlite", "postgres", "postgresql", "redis", "rediss"];

/// Where a store of counters is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StoreAddress {
    /// In a SQLite file.
    #[cfg(feature = "sqlite")]
    Sqlite(PathBuf),
    /// In a PostgreSQL database.
    #[cfg(feature = "postgres")]
    Postgres(Url),
    /// In Redis.
    #[cfg(feature = "redis")]
    Redis(Url),
}

/// A URL that may have a password in it, and is not shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Url(String);

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<url>")
    }
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("there is no store in {}\n    name the file that the guarded services use", .0.display())]
    Absent(PathBuf),
    #[error("the store of counters cannot be opened: {0}")]
    Store(#[from] StoreError),
    #[cfg(feature = "postgres")]
    #[error("the store of counters cannot be opened: {0}")]
    Postgres(#[from] tiergate_usage::PostgresUsageError),
    #[cfg(feature = "redis")]
    #[error("the store of counters cannot be opened: {0}")]
    Redis(#[from] tiergate_usage::RedisConfigError),
}

impl FromStr for StoreAddress {
    type Err = String;

    // The rest of a URL may have a password in it, so no message repeats it.
    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once(':').unwrap_or_default();
        let path = rest.strip_prefix("//").unwrap_or(rest);
        match scheme {
            #[cfg(feature = "sqlite")]
            "sqlite" if !path.is_empty() => Ok(Self::Sqlite(path.into())),
            "sqlite" if path.is_empty() => {
                Err("it names no file: write it like `sqlite:usage.db`".to_owned())
            }
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => Ok(Self::Postgres(Url(text.to_owned()))),
            #[cfg(feature = "redis")]
            "redis" | "rediss" => Ok(Self::Redis(Url(text.to_owned()))),
            kind if KINDS.contains(&kind) => Err(format!(
                "this program is built without stores of the kind `{kind}`"
            )),
            _ => Err(
                "it is no URL of a store: write it like `sqlite:usage.db`, `postgres://host/database` or \
                 `redis://host`"
                    .to_owned(),
            ),
        }
    }
}

impl StoreAddress {
    /// Opens the store. A file that is not there is not made: it would be an empty one, and all counters
    /// would seem lost.
    ///
    /// # Errors
    ///
    /// When it is not there or cannot be used.
    pub(crate) async fn open(&self) -> Result<Arc<dyn SharedStore>, OpenError> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(path) => {
                if !path.is_file() {
                    return Err(OpenError::Absent(path.clone()));
                }
                Ok(Arc::new(tiergate_usage::SqliteUsage::open(path).await?))
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(Url(url)) => {
                Ok(Arc::new(tiergate_usage::PostgresUsage::connect(url).await?))
            }
            #[cfg(feature = "redis")]
            Self::Redis(Url(url)) => Ok(Arc::new(tiergate_usage::RedisUsage::builder().open(url)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_named_by_a_url_and_a_password_is_never_repeated() {
        let file = |text: &str| text.parse::<StoreAddress>();
        assert_eq!(
            file("sqlite:a/b.db"),
            Ok(StoreAddress::Sqlite("a/b.db".into()))
        );
        assert_eq!(
            file("sqlite:///a.db"),
            Ok(StoreAddress::Sqlite("/a.db".into()))
        );
        for odd in [
            "",
            "usage.db",
            "sqlite:",
            "sqlite://",
            "hush:hush",
            "http://:hush@host",
        ] {
            let fault = file(odd).unwrap_err();
            assert!(!fault.contains("hush@"), "{fault}");
        }
        for url in ["redis://:hush@host", "postgres://user:hush@host/counters"] {
            assert!(!format!("{:?}", file(url).unwrap()).contains("hush"));
        }
    }
}
