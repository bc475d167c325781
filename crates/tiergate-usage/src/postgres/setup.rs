//! Making the schema, or finding that it is there.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Error, PgConnection};

use super::config::MissingSchema;
use super::error::PostgresUsageError;
use super::fault::{Fault, Remedy};
use super::observe;
use super::schema::{SchemaName, VERSION};

/// How long all of it may take, waiting for another program that does the same included.
const DEADLINE: Duration = Duration::from_secs(30);

/// Sees to it that the schema is there, in the version that this program knows.
pub(super) async fn prepare(
    options: &PgConnectOptions,
    schema: &SchemaName,
    missing: MissingSchema,
) -> Result<(), PostgresUsageError> {
    match tokio::time::timeout(DEADLINE, connect_and_prepare(options, schema, missing)).await {
        Ok(result) => result,
        Err(_) => Err(PostgresUsageError::Unavailable(format!(
            "no answer within {DEADLINE:?}"
        ))),
    }
}

async fn connect_and_prepare(
    options: &PgConnectOptions,
    schema: &SchemaName,
    missing: MissingSchema,
) -> Result<(), PostgresUsageError> {
    let mut connection = options.connect().await.map_err(|error| match error {
        Error::Tls(told) => PostgresUsageError::Encryption(told.to_string()),
        error => PostgresUsageError::Unavailable(Fault::from(error).detail().to_owned()),
    })?;
    let encoding: String = sqlx::query_scalar("SELECT current_setting('server_encoding')")
        .persistent(false)
        .fetch_one(&mut connection)
        .await
        .map_err(|error| explain(error, schema))?;
    if encoding != "UTF8" {
        return Err(PostgresUsageError::Encoding(encoding));
    }
    let result = match (version(&mut connection, schema).await, missing) {
        (Ok(None), MissingSchema::Make) => make(&mut connection, schema).await,
        (Ok(None), MissingSchema::Refuse) => {
            let schema = schema.as_str().to_owned();
            return Err(PostgresUsageError::NoSchema { schema });
        }
        (found, _) => found,
    };
    let found = result.map_err(|error| explain(error, schema))?;
    // Whether or not the server hears of it, the connection ends here.
    drop(connection.close().await);
    match found {
        None | Some(VERSION) => Ok(()),
        Some(found) => Err(PostgresUsageError::OtherVersion {
            schema: schema.as_str().to_owned(),
            found,
            known: VERSION,
        }),
    }
}

/// Makes the schema, unless another program has made it since. Tells the version that was found then.
async fn make(connection: &mut PgConnection, schema: &SchemaName) -> Result<Option<i32>, Error> {
    let mut transaction = connection
        .begin_with("BEGIN ISOLATION LEVEL READ COMMITTED")
        .await?;
    // No subject has an empty text, so it is nobody else's lock.
    let lock = format!(
        "SELECT pg_advisory_xact_lock({}, hashtext(''))",
        schema.lock_class()
    );
    sqlx::raw_sql(AssertSqlSafe(lock))
        .execute(&mut *transaction)
        .await?;
    if let Some(found) = version(&mut transaction, schema).await? {
        return Ok(Some(found));
    }
    sqlx::raw_sql(AssertSqlSafe(schema.definition()))
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    observe::schema_made(schema.as_str(), VERSION);
    Ok(None)
}

/// The version of the schema, if it has been made.
async fn version(connection: &mut PgConnection, schema: &SchemaName) -> Result<Option<i32>, Error> {
    // Not `to_regclass`, for which a schema that the role may not use is an error.
    let is_there: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = $1 AND c.relname = 'version')",
    )
    .bind(schema.as_str().to_owned())
    .persistent(false)
    .fetch_one(&mut *connection)
    .await?;
    if !is_there {
        return Ok(None);
    }
    let read = format!("SELECT number FROM \"{}\".version", schema.as_str());
    let number = sqlx::query_scalar(AssertSqlSafe(read))
        .persistent(false)
        .fetch_one(connection);
    number.await.map(Some)
}

fn explain(error: Error, schema: &SchemaName) -> PostgresUsageError {
    let is_privilege = error
        .as_database_error()
        .is_some_and(|error| error.code().as_deref() == Some("42501"));
    let fault = Fault::from(error);
    let detail = fault.detail().to_owned();
    let schema = schema.as_str().to_owned();
    if is_privilege {
        PostgresUsageError::NotAllowed { schema, detail }
    } else if fault.remedy == Remedy::Reconnect {
        PostgresUsageError::Unavailable(detail)
    } else {
        PostgresUsageError::Failed { schema, detail }
    }
}
