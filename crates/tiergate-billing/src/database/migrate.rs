//! The schema, brought up to date by migrations that are part of the program.

use sqlx::migrate::{Migrate, MigrateError, Migrator};

use super::{Database, DatabaseError, Pools};

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// How the schema of a database stands to this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schema {
    /// It is the one this program needs.
    Current,
    /// Migrations are missing: how many.
    Behind(usize),
    /// A newer program made it, or a migration was changed after it ran: what the difference is.
    Foreign(String),
}

impl Database {
    /// Brings the schema up to date. Programs that do so at once wait for each other on PostgreSQL.
    ///
    /// # Errors
    ///
    /// When the database fails, or its schema was made by a newer version of the program.
    pub async fn migrate(&self) -> Result<(), DatabaseError> {
        match &self.pools {
            Pools::Sqlite { writer, .. } => SQLITE.run(writer).await,
            Pools::Postgres(pool) => POSTGRES.run(pool).await,
        }
        .map_err(from_migrate)
    }

    /// How the schema stands to this program. Changes nothing but a table in which migrations are
    /// written down, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn schema(&self) -> Result<Schema, DatabaseError> {
        let (migrator, applied) = match &self.pools {
            Pools::Sqlite { writer, .. } => {
                let mut connection = writer.acquire().await?;
                (&SQLITE, applied(&mut *connection, &SQLITE).await?)
            }
            Pools::Postgres(pool) => {
                let mut connection = pool.acquire().await?;
                (&POSTGRES, applied(&mut *connection, &POSTGRES).await?)
            }
        };
        let known: Vec<_> = migrator.iter().collect();
        for (version, checksum) in &applied {
            match known.iter().find(|migration| migration.version == *version) {
                None => {
                    return Ok(Schema::Foreign(format!(
                        "migration {version} is not known to this version of the program"
                    )));
                }
                Some(migration) if *migration.checksum != **checksum => {
                    return Ok(Schema::Foreign(format!(
                        "migration {version} was changed after it had run"
                    )));
                }
                Some(_) => {}
            }
        }
        let missing = known.len().saturating_sub(applied.len());
        Ok(if missing == 0 {
            Schema::Current
        } else {
            Schema::Behind(missing)
        })
    }
}

async fn applied<C: Migrate>(
    connection: &mut C,
    migrator: &Migrator,
) -> Result<Vec<(i64, Vec<u8>)>, DatabaseError> {
    let table = &migrator.table_name;
    connection
        .ensure_migrations_table(table)
        .await
        .map_err(from_migrate)?;
    let applied = connection
        .list_applied_migrations(table)
        .await
        .map_err(from_migrate)?;
    Ok(applied
        .into_iter()
        .map(|migration| (migration.version, migration.checksum.into_owned()))
        .collect())
}

fn from_migrate(error: MigrateError) -> DatabaseError {
    DatabaseError::from(sqlx::Error::from(error))
}
