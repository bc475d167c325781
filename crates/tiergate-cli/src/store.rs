//! Opens a store of counters by its URL. Another kind of store is one more scheme here, and a feature.

use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use tiergate_usage::SharedStore;

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
    #[cfg(feature = "sqlite")]
    #[error("a SQLite file has no namespaces\n    leave --namespace out, and name the file")]
    NoNamespaces,
    #[cfg(feature = "sqlite")]
    #[error("the store of counters cannot be opened: {0}")]
    Sqlite(#[from] tiergate_usage::StoreError),
    #[cfg(feature = "postgres")]
    #[error("the store of counters cannot be opened: {0}\n    {REMEDY}")]
    Postgres(#[from] tiergate_usage::PostgresUsageError),
    #[cfg(feature = "redis")]
    #[error("the store of counters cannot be opened: {0}\n    {REMEDY}")]
    Redis(#[from] tiergate_usage::RedisConfigError),
}

/// What to do about a store that cannot be used.
pub(crate) const REMEDY: &str = "check --store and --namespace, that the store is there, and that this \
     program may reach and write it";

/// How long a call of the store may take. Longer than for those who serve requests meanwhile.
const DEADLINE: Duration = Duration::from_secs(8);

/// Reads the address of a store from the command line. Clap by itself would repeat a value that is wrong,
/// with the password in it.
#[derive(Clone, Debug)]
pub(crate) struct StoreAddressParser;

impl TypedValueParser for StoreAddressParser {
    type Value = StoreAddress;

    fn parse_ref(
        &self,
        command: &clap::Command,
        _: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<StoreAddress, clap::Error> {
        let text = value.to_str().unwrap_or_default();
        text.parse().map_err(|why| {
            let told = format!("invalid value for '--store <URL>': {why}\n");
            clap::Error::raw(ErrorKind::ValueValidation, told).with_cmd(command)
        })
    }
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
    /// Opens the store. One that is not there is not made: it would be an empty one, and all counters
    /// would seem lost.
    ///
    /// # Errors
    ///
    /// When it is not there or cannot be used. Of Redis that is seen with the first call.
    pub(crate) async fn open(
        &self,
        namespace: Option<&str>,
    ) -> Result<Arc<dyn SharedStore>, OpenError> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) if namespace.is_some() => Err(OpenError::NoNamespaces),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(path) => {
                let store = tiergate_usage::SqliteUsage::builder(path)
                    .when_absent(tiergate_usage::WhenAbsent::Refuse)
                    .deadline(DEADLINE);
                Ok(Arc::new(store.open().await?))
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(Url(url)) => {
                let mut store = tiergate_usage::PostgresUsage::builder(url)
                    .when_absent(tiergate_usage::WhenAbsent::Refuse)
                    .deadline(DEADLINE);
                if let Some(schema) = namespace {
                    store = store.schema(schema);
                }
                Ok(Arc::new(store.connect().await?))
            }
            #[cfg(feature = "redis")]
            Self::Redis(Url(url)) => {
                let mut store = tiergate_usage::RedisUsage::builder().deadline(DEADLINE);
                if let Some(prefix) = namespace {
                    store = store.prefix(prefix);
                }
                Ok(Arc::new(store.open(url)?))
            }
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
