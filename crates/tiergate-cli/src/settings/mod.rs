//! Settings: read from flags, the environment and a file, and checked as a whole.
//!
//! Reading changes nothing. Whatever is wrong is told at once, each fault with the setting's name, where
//! its value came from and a remedy. `table` says which settings there are.

mod callers;
mod catalog;
mod database;
mod fault;
mod file;
mod flags;
mod http;
mod log;
mod nearest;
mod origin;
mod reader;
mod sources;
mod stripe;
mod table;
mod text;
mod thresholds;
mod value;

#[cfg(test)]
mod tests;

pub(crate) use callers::{CallerSettings, DevelopmentSecret, KeySource, MIN_SECRET_BYTES};
pub(crate) use catalog::{CatalogSource, LoadedCatalog};
pub(crate) use database::{DatabaseSettings, MigrationPolicy};
pub(crate) use fault::{ConfigError, Problem};
pub(crate) use file::MAX_BYTES;
pub(crate) use flags::{
    CheckFlags, Flags, MigrateFlags, ReportFlags, Scope, ServeFlags, TokenFlags,
};
pub(crate) use http::{HttpSettings, RateLimit};
pub(crate) use log::{LogFormat, LogSettings};
pub(crate) use reader::Loaded;
pub(crate) use sources::{Environment, Sources};
pub(crate) use stripe::{PublishableKey, StripeSettings};
pub(crate) use text::echo;
pub(crate) use value::duration;

use tiergate_billing::usage::Thresholds;
use value::{choice, number};

/// Everything that `tiergate serve` needs to know.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) catalog: LoadedCatalog,
    pub(crate) database: DatabaseSettings,
    pub(crate) migrate: MigrationPolicy,
    pub(crate) http: HttpSettings,
    pub(crate) callers: CallerSettings,
    /// How many days a subscription that is past due keeps its tier.
    pub(crate) grace_days: u16,
    /// Which shares of a limit are told when usage reaches them.
    pub(crate) usage_thresholds: Thresholds,
    pub(crate) stripe: StripeSettings,
    pub(crate) log: LogSettings,
}

impl Settings {
    /// Reads all settings.
    ///
    /// # Errors
    ///
    /// When anything is wrong: then everything that is.
    pub(crate) fn read(sources: &Sources) -> Result<Loaded<Self>, ConfigError> {
        reader::load(sources, |reader| {
            let catalog = LoadedCatalog::read(reader);
            let http = HttpSettings::read(reader);
            let grace_days = reader.required(&table::GRACE_DAYS, number(0..=365));
            let usage_thresholds = reader.required(&table::USAGE_THRESHOLDS, thresholds::read);
            let database = DatabaseSettings::read(reader);
            let address = match &database {
                Ok(database) => Ok(&database.address),
                Err(refused) => Err(*refused),
            };
            let callers = CallerSettings::read(reader, address);
            let migrate = reader.required(&table::MIGRATE, choice);
            let known = match &catalog {
                Ok(loaded) => Ok(&loaded.catalog),
                Err(refused) => Err(*refused),
            };
            let stripe = StripeSettings::read(reader, known);
            let log = LogSettings::read(reader);
            Ok(Self {
                catalog: catalog?,
                database: database?,
                migrate: migrate?,
                http: http?,
                callers: callers?,
                grace_days: grace_days?,
                usage_thresholds: usage_thresholds?,
                stripe: stripe?,
                log: log?,
            })
        })
    }
}

/// What `tiergate migrate` needs to know.
#[derive(Debug)]
pub(crate) struct MigrateSettings {
    pub(crate) database: DatabaseSettings,
    pub(crate) log: LogSettings,
}

impl MigrateSettings {
    /// Reads the settings of the database and the log.
    ///
    /// # Errors
    ///
    /// When anything is wrong with them: then everything that is.
    pub(crate) fn read(sources: &Sources) -> Result<Loaded<Self>, ConfigError> {
        reader::load(sources, |reader| {
            let database = DatabaseSettings::read(reader);
            let log = LogSettings::read(reader);
            Ok(Self {
                database: database?,
                log: log?,
            })
        })
    }
}

/// What `tiergate report` needs to know.
#[derive(Debug)]
pub(crate) struct ReportSettings {
    pub(crate) catalog: LoadedCatalog,
    pub(crate) database: DatabaseSettings,
    pub(crate) log: LogSettings,
}

impl ReportSettings {
    /// Reads the settings of the catalog, the database and the log.
    ///
    /// # Errors
    ///
    /// When anything is wrong with them: then everything that is.
    pub(crate) fn read(sources: &Sources) -> Result<Loaded<Self>, ConfigError> {
        reader::load(sources, |reader| {
            let catalog = LoadedCatalog::read(reader);
            let database = DatabaseSettings::read(reader);
            let log = LogSettings::read(reader);
            Ok(Self {
                catalog: catalog?,
                database: database?,
                log: log?,
            })
        })
    }
}

impl CallerSettings {
    /// Reads how callers are known, which is what `tiergate token` needs.
    ///
    /// # Errors
    ///
    /// When anything is wrong: then everything that is.
    pub(crate) fn load(sources: &Sources) -> Result<Loaded<Self>, ConfigError> {
        reader::load(sources, |reader| {
            let address = database::address(reader);
            Self::read(reader, address.as_ref().map_err(|refused| *refused))
        })
    }
}

impl CatalogSource {
    /// Reads where the catalog is, which is what `tiergate check` needs.
    ///
    /// # Errors
    ///
    /// When that cannot be told.
    pub(crate) fn load(sources: &Sources) -> Result<Loaded<Self>, ConfigError> {
        reader::load(sources, catalog::source)
    }
}
