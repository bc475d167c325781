//! Brings the schema of the database up to date.

use std::io;

use tiergate_billing::database::{Database, DatabaseError, Schema};
use tracing::info;
use tracing_subscriber::util::TryInitError;

use crate::logging;
use crate::settings::MigrateSettings;

/// Why the schema is not up to date.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MigrateError {
    #[error("the log could not be started: {0}")]
    Log(#[from] TryInitError),
    #[error("the threads of the program could not be started: {0}")]
    Threads(#[from] io::Error),
    #[error("{address} could not be migrated: {source}\n    {REMEDY}")]
    Database {
        address: String,
        source: DatabaseError,
    },
    #[error(
        "the schema of {address} is not this program's: {difference}\n    run the version of tiergate \
         that made it, or a newer one"
    )]
    Foreign { address: String, difference: String },
}

/// Brings the schema up to date, and gives what was done in one line.
///
/// # Errors
///
/// When that fails. What was done until then is kept or taken back as a whole.
pub(crate) fn run(settings: MigrateSettings) -> Result<String, MigrateError> {
    let MigrateSettings { database, log } = settings;
    logging::start(log)?;
    let address = database.address.to_string();
    info!(database = address, "migrating");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let done = runtime.block_on(async {
        let database = Database::connect(&database.options()).await?;
        let done = migrate(&database).await;
        database.close().await;
        done
    });
    match done {
        Ok(Done::Nothing) => Ok(format!("{address} was up to date")),
        Ok(Done::Migrated(1)) => Ok(format!("{address} is up to date, after one migration")),
        Ok(Done::Migrated(count)) => {
            Ok(format!("{address} is up to date, after {count} migrations"))
        }
        Ok(Done::Refused(difference)) => Err(MigrateError::Foreign {
            address,
            difference,
        }),
        Err(source) => Err(MigrateError::Database { address, source }),
    }
}

enum Done {
    Nothing,
    Migrated(usize),
    /// It is another program's.
    Refused(String),
}

async fn migrate(database: &Database) -> Result<Done, DatabaseError> {
    match database.schema().await? {
        Schema::Current => Ok(Done::Nothing),
        Schema::Behind(count) => {
            database.migrate().await?;
            Ok(Done::Migrated(count))
        }
        Schema::Foreign(difference) => Ok(Done::Refused(difference)),
    }
}

/// What to do about a database that cannot be used.
pub(crate) const REMEDY: &str =
    "check DATABASE_URL, that the database is there, and that this program may reach and write it";
