//! Where a database is, read from a URL.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::sqlite::SqliteConnectOptions;
use url::Url;

use super::Kind;

/// Where a database is: `sqlite://tiergate.db` or `postgres://user:password@host/name`.
///
/// `Debug` and `Display` show no password.
///
/// ```
/// use tiergate_billing::database::{DatabaseAddress, Kind};
///
/// let address: DatabaseAddress = "sqlite://tiergate.db".parse()?;
/// assert_eq!(address.kind(), Kind::Sqlite);
/// assert!("mysql://localhost".parse::<DatabaseAddress>().is_err());
/// # Ok::<(), tiergate_billing::database::AddressError>(())
/// ```
#[derive(Clone)]
pub enum DatabaseAddress {
    /// A file.
    Sqlite(Box<SqliteConnectOptions>),
    /// A server.
    Postgres(Box<PgConnectOptions>),
}

impl DatabaseAddress {
    /// The database in that SQLite file.
    #[must_use]
    pub fn sqlite(file: impl AsRef<Path>) -> Self {
        Self::Sqlite(Box::new(SqliteConnectOptions::new().filename(file)))
    }

    /// Which database it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Sqlite(_) => Kind::Sqlite,
            Self::Postgres(_) => Kind::Postgres,
        }
    }

    /// The file of a SQLite database.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(options) => Some(options.get_filename()),
            Self::Postgres(_) => None,
        }
    }
}

impl FromStr for DatabaseAddress {
    type Err = AddressError;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        match url.split_once(':') {
            Some(("sqlite", rest)) => sqlite(url, rest.strip_prefix("//").unwrap_or(rest)),
            Some(("postgres" | "postgresql", _)) => postgres(url),
            // Without `://` it may be anything, with a password in it.
            Some((scheme, rest))
                if rest.starts_with("//")
                    && scheme.len() <= MAX_SCHEME
                    && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) =>
            {
                Err(AddressError::UnknownScheme(scheme.to_owned()))
            }
            _ => Err(AddressError::NoUrl),
        }
    }
}

/// A longer scheme is none, and is not repeated.
const MAX_SCHEME: usize = 20;

fn sqlite(url: &str, rest: &str) -> Result<DatabaseAddress, AddressError> {
    let (path, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    if path == ":memory:" || parameters.split('&').any(|one| one == "mode=memory") {
        return Err(AddressError::InMemory);
    }
    // How the file is opened is not the URL's business: durability depends on it.
    if !matches!(parameters, "" | "mode=rwc" | "mode=rw") {
        return Err(AddressError::Parameters);
    }
    let options = SqliteConnectOptions::from_str(url).map_err(|_| AddressError::NoFile)?;
    let file = options.get_filename().to_string_lossy();
    if file.is_empty() || file.ends_with('/') || file.contains('\0') {
        return Err(AddressError::NoFile);
    }
    Ok(DatabaseAddress::Sqlite(Box::new(options)))
}

fn postgres(text: &str) -> Result<DatabaseAddress, AddressError> {
    let url = Url::parse(text).map_err(|error| AddressError::Malformed(error.to_string()))?;
    let unknown = url.query_pairs().find_map(|(name, value)| {
        let is_mode = matches!(&*name, "sslmode" | "ssl-mode");
        (is_mode && value.parse::<PgSslMode>().is_err()).then(|| value.chars().take(20).collect())
    });
    if let Some(mode) = unknown {
        return Err(AddressError::SslMode(mode));
    }
    // The driver would write what it does not know into the log, value and all: `passwrd=…` too.
    let unknown = url.query_pairs().map(|(name, _)| name);
    if let Some(name) = unknown.into_iter().find(|name| !is_parameter(name)) {
        return Err(AddressError::UnknownParameter(
            name.chars().take(40).collect(),
        ));
    }
    PgConnectOptions::from_str(text)
        .map(|options| DatabaseAddress::Postgres(Box::new(options)))
        .map_err(|_| AddressError::Malformed("a part of it cannot be read".to_owned()))
}

/// Whether PostgreSQL's driver knows a parameter of a URL.
fn is_parameter(name: &str) -> bool {
    let spelled = name.replace('-', "");
    matches!(
        spelled.as_str(),
        "sslmode"
            | "sslrootcert"
            | "sslca"
            | "sslcert"
            | "sslkey"
            | "statementcachecapacity"
            | "host"
            | "hostaddr"
            | "port"
            | "dbname"
            | "user"
            | "password"
            | "application_name"
            | "options"
    ) || name.starts_with("options[")
}

impl fmt::Display for DatabaseAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(options) => write!(f, "sqlite://{}", options.get_filename().display()),
            Self::Postgres(options) => {
                write!(f, "postgres://{}@", options.get_username())?;
                match options.get_socket() {
                    Some(folder) => write!(f, "{}", folder.display())?,
                    None => write!(f, "{}:{}", options.get_host(), options.get_port())?,
                }
                write!(f, "/{}", options.get_database().unwrap_or_default())
            }
        }
    }
}

impl fmt::Debug for DatabaseAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What is wrong with a text that should say where a database is. It does not repeat the text, which may
/// hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It is no URL.
    #[error("is not a URL")]
    NoUrl,
    /// It names another kind of database: which.
    #[error("names a database of the kind `{0}`")]
    UnknownScheme(String),
    /// It is no URL of PostgreSQL: why.
    #[error("is not a URL of PostgreSQL: {0}")]
    Malformed(String),
    /// It asks for a way of encrypting that there is not: which.
    #[error("has the unknown sslmode `{}`", .0.escape_debug())]
    SslMode(String),
    /// PostgreSQL with a parameter that nobody knows: its name.
    #[error("has a parameter `{0}` that PostgreSQL's driver does not know")]
    UnknownParameter(String),
    /// SQLite in memory: it would be another database for each connection.
    #[error("names a database in memory, which would be lost at every end")]
    InMemory,
    /// SQLite with parameters.
    #[error("has parameters that are not read for SQLite")]
    Parameters,
    /// SQLite without a file.
    #[error("names no file")]
    NoFile,
}

impl AddressError {
    /// What to write instead.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NoUrl | Self::UnknownScheme(_) => {
                "write a URL that starts with `sqlite://` or `postgres://`"
            }
            Self::Malformed(_) => {
                "write it like `postgres://user:password@host:5432/database`; special characters in a \
                 password are percent-encoded"
            }
            Self::SslMode(_) => {
                "write one of disable, allow, prefer, require, verify-ca, verify-full"
            }
            Self::UnknownParameter(_) => {
                "remove it, or write one of sslmode, sslrootcert, sslcert, sslkey, host, port, dbname, \
                 user, password, application_name, options, statement-cache-capacity"
            }
            Self::Parameters => "remove what follows the `?`",
            Self::InMemory | Self::NoFile => {
                "write `sqlite://` and the path of a file, like `sqlite://tiergate.db` or \
                 `sqlite:///var/lib/tiergate/tiergate.db`"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> DatabaseAddress {
        text.parse().unwrap()
    }

    #[test]
    fn a_sqlite_url_names_a_file() {
        for (url, path) in [
            ("sqlite://tiergate.db", "tiergate.db"),
            ("sqlite:tiergate.db", "tiergate.db"),
            ("sqlite:///var/lib/t.db", "/var/lib/t.db"),
            ("sqlite://data/a%20b.db?mode=rwc", "data/a b.db"),
        ] {
            assert_eq!(read(url).file(), Some(Path::new(path)), "{url}");
        }
        assert_eq!(
            DatabaseAddress::sqlite("a b.db").file(),
            Some(Path::new("a b.db"))
        );
    }

    #[test]
    fn what_is_no_file_of_its_own_is_refused() {
        for url in [
            "sqlite:",
            "sqlite://",
            "sqlite://folder/",
            "sqlite::memory:",
            "sqlite://:memory:",
            "sqlite://x?mode=memory",
            "sqlite://x?cache=shared&mode=memory",
            "sqlite://x?mode=ro",
            "sqlite://x?vfs=other",
            "sqlite://%ff",
        ] {
            assert!(url.parse::<DatabaseAddress>().is_err(), "{url}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for (text, shown) in [
            (
                "postgres://pia:hush@db:5433/tiers?sslmode=require&password=hush",
                "postgres://pia@db:5433/tiers",
            ),
            ("postgresql://pia@db/tiers", "postgres://pia@db:5432/tiers"),
            (
                "postgres:///tiers?host=/run/postgresql&user=pia",
                "postgres://pia@/run/postgresql/tiers",
            ),
        ] {
            let address = read(text);
            assert_eq!(address.to_string(), shown);
            assert_eq!(format!("{address:?}"), shown);
            assert_eq!(address.kind(), Kind::Postgres);
            assert_eq!(address.file(), None);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_repeated() {
        for text in [
            "",
            "tiergate.db",
            "hush:tiergate.db",
            "pia:hush@db",
            "pia:hush@db://x",
            "mysql://pia:hush@db/tiers",
            "postgres://pia:hush@db:port/tiers",
            "postgres://pia:hush@db/tiers?sslmode=sometimes",
            "postgres://pia:hush@db/tiers?port=hush",
            "sqlite://file?key=hush",
        ] {
            let error = text.parse::<DatabaseAddress>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
            assert!(!error.remedy().is_empty());
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let what = |text: &str| text.parse::<DatabaseAddress>().unwrap_err().to_string();
        assert!(what("mysql://db/tiers").contains("`mysql`"));
        assert!(what("postgres://db/tiers?sslmode=on").contains("`on`"));
        assert_eq!(what("tiergate.db"), "is not a URL");
    }

    #[test]
    fn a_parameter_that_nobody_knows_is_refused_before_anything_can_log_its_value() {
        let url = "postgres://ada@127.0.0.1/billing?passwrd=s3cret";
        let error = url.parse::<DatabaseAddress>().unwrap_err();
        assert_eq!(error, AddressError::UnknownParameter("passwrd".to_owned()));
        let known = "postgres:///billing?host=/run/db&ssl-mode=require&options[geqo]=off";
        known.parse::<DatabaseAddress>().unwrap();
    }
}
