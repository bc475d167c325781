//! The tables of the catalog: which one was loaded last, and a row for each of its features.

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::types::Json;

use crate::database::{DatabaseError, Session, Write, on};
use crate::record::{Time, ValueOnWire};

/// A catalog that was loaded.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Version {
    /// The SHA-256 of its text, in hexadecimal.
    pub(crate) digest: String,
    /// When it was loaded last.
    pub(crate) seeded_at: Time,
}

/// A feature, as it is written down.
#[derive(Clone, Debug)]
pub(crate) struct Flag {
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) category: &'static str,
    pub(crate) tiers: BTreeMap<String, ValueOnWire>,
    pub(crate) enabled: bool,
    pub(crate) metadata: Value,
}

const CURRENT: &str =
    "SELECT digest, seeded_at FROM catalog_versions ORDER BY seeded_at DESC, digest LIMIT 1";

// A catalog that comes back is the current one again.
const INSERT_VERSION: &str = "INSERT INTO catalog_versions (digest, yaml, seeded_at) \
     VALUES ($1, $2, $3) ON CONFLICT (digest) DO UPDATE SET seeded_at = excluded.seeded_at";

const UPSERT_FLAG: &str = "INSERT INTO feature_flags (key, name, description, category, tiers, \
     enabled, metadata, catalog, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
     ON CONFLICT (key) DO UPDATE SET name = excluded.name, description = excluded.description, \
     category = excluded.category, tiers = excluded.tiers, enabled = excluded.enabled, \
     metadata = excluded.metadata, catalog = excluded.catalog, updated_at = excluded.updated_at";

const DELETE_OTHERS: &str = "DELETE FROM feature_flags WHERE catalog <> $1";

/// The catalog that was loaded last.
pub(crate) async fn current(session: &mut impl Session) -> Result<Option<Version>, DatabaseError> {
    Ok(on!(session, connection => sqlx::query_as(CURRENT)
        .fetch_optional(connection)
        .await?))
}

/// Makes a catalog the one that was loaded last. `version` has to be later than the current one.
pub(crate) async fn insert(
    write: &mut Write,
    version: &Version,
    yaml: &str,
    flags: &[Flag],
) -> Result<(), DatabaseError> {
    on!(write, connection => sqlx::query(INSERT_VERSION)
        .bind(&version.digest)
        .bind(yaml)
        .bind(version.seeded_at)
        .execute(connection)
        .await?
        .rows_affected());
    for flag in flags {
        on!(write, connection => sqlx::query(UPSERT_FLAG)
            .bind(&flag.key)
            .bind(&flag.name)
            .bind(&flag.description)
            .bind(flag.category)
            .bind(Json(&flag.tiers))
            .bind(flag.enabled)
            .bind(Json(&flag.metadata))
            .bind(&version.digest)
            .bind(version.seeded_at)
            .execute(connection)
            .await?
            .rows_affected());
    }
    // What the catalog no longer names.
    on!(write, connection => sqlx::query(DELETE_OTHERS)
        .bind(&version.digest)
        .execute(connection)
        .await?
        .rows_affected());
    Ok(())
}

statements![CURRENT, INSERT_VERSION, UPSERT_FLAG, DELETE_OTHERS];
