//! The settings of the database.

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use tiergate_billing::database::{AddressError, DatabaseAddress, DatabaseOptions, Durability};

use super::fault::{Problem, Refused};
use super::origin::Origin;
use super::reader::Reader;
use super::sources::Sources;
use super::table;
use super::text::echo;
use super::value::{Choice, choice, duration, number};

/// The most connections that a pool can have.
const MAX_POOL: u32 = 1_000;

/// Where records are kept, and how.
#[derive(Debug)]
pub(crate) struct DatabaseSettings {
    pub(crate) address: DatabaseAddress,
    pub(crate) synchronous: Durability,
    pub(crate) pool: PoolSettings,
}

/// How many connections there are, and how long is waited for one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolSettings {
    pub(crate) max_connections: NonZeroU32,
    /// At most `max_connections`.
    pub(crate) min_connections: u32,
    pub(crate) acquire_timeout: Duration,
}

/// When SQLite waits for the disk (`PRAGMA synchronous`).
impl Choice for Durability {
    const WORDS: &'static [(&'static str, Self)] =
        &[("full", Self::Full), ("normal", Self::Normal)];
}

/// What happens at start when the schema is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MigrationPolicy {
    /// It is brought up to date.
    Auto,
    /// The service does not start.
    Manual,
}

impl Choice for MigrationPolicy {
    const WORDS: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("manual", Self::Manual)];
}

impl DatabaseSettings {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Refused> {
        let address = address(reader);
        let synchronous = reader.required(&table::SQLITE_SYNCHRONOUS, choice);
        let pool = PoolSettings::read(reader);
        Ok(Self {
            address: address?,
            synchronous: synchronous?,
            pool: pool?,
        })
    }

    /// How to connect to it.
    pub(crate) fn options(&self) -> DatabaseOptions {
        DatabaseOptions::new(self.address.clone())
            .with_connections(self.pool.max_connections.get())
            .with_idle_connections(self.pool.min_connections)
            .with_acquire_timeout(self.pool.acquire_timeout)
            .with_durability(self.synchronous)
    }
}

/// Where the database is. The folder of a file exists.
pub(crate) fn address(reader: &mut Reader<'_>) -> Result<DatabaseAddress, Refused> {
    let sources = reader.sources;
    reader.required(&table::DATABASE_URL, |text| {
        let address: DatabaseAddress = text
            .parse()
            .map_err(|error: AddressError| Problem::new(error.to_string(), error.remedy()))?;
        if let Some(file) = address.file() {
            require_folder(sources, file)?;
        }
        Ok(address)
    })
}

fn require_folder(sources: &Sources, file: &Path) -> Result<(), Problem> {
    let file = sources.path(file);
    if file.is_dir() {
        let shown = echo(&file.display().to_string());
        return Err(Problem::new(
            format!("{shown} is a folder"),
            "name a file in it, like `tiergate.db`",
        ));
    }
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            let shown = echo(&folder.display().to_string());
            Err(Problem::new(
                format!("there is no folder {shown}"),
                "create it, or name another",
            ))
        }
        _ => Ok(()),
    }
}

impl PoolSettings {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Refused> {
        let most = reader.required(&table::DATABASE_MAX_CONNECTIONS, |text| {
            let count = number(1..=MAX_POOL)(text)?;
            // One at least is in the range.
            Ok(NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN))
        });
        let least = reader.located(&table::DATABASE_MIN_CONNECTIONS, number(0..=MAX_POOL));
        let range = Duration::from_millis(100)..=Duration::from_secs(60);
        let wait = reader.required(&table::DATABASE_ACQUIRE_TIMEOUT, duration(range));
        let (max_connections, (min_connections, origin)) = (most?, least?);
        if min_connections > max_connections.get() {
            return Err(refuse_order(
                reader,
                origin,
                min_connections,
                max_connections,
            ));
        }
        Ok(Self {
            max_connections,
            min_connections,
            acquire_timeout: wait?,
        })
    }
}

fn refuse_order(reader: &mut Reader<'_>, origin: Origin, least: u32, most: NonZeroU32) -> Refused {
    let most_name = table::DATABASE_MAX_CONNECTIONS.variable;
    let problem = Problem::new(
        format!("is {least}, more than the {most} of {most_name}"),
        format!("lower it, or raise {most_name}"),
    );
    reader.refuse(&table::DATABASE_MIN_CONNECTIONS, origin, problem)
}
