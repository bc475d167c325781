//! The table of overrides: values that one subscription has in place of its tier's.

use std::collections::HashSet;

use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use crate::SubscriptionId;
use crate::database::{DatabaseError, Handle, Session, Write, on};
use crate::record::{OverrideRecord, Time};

#[derive(sqlx::FromRow)]
struct Row {
    feature_key: String,
    value: Json<Value>,
    reason: String,
    expires_at: Option<Time>,
    created_by: String,
    created_at: Time,
}

#[derive(sqlx::FromRow)]
struct OwnedRow {
    subscription_id: Uuid,
    #[sqlx(flatten)]
    row: Row,
}

impl From<Row> for OverrideRecord {
    fn from(row: Row) -> Self {
        Self {
            feature_key: row.feature_key,
            value: row.value.0,
            reason: row.reason,
            expires_at: row.expires_at,
            created_by: row.created_by,
            created_at: row.created_at,
        }
    }
}

const OF: &str = "SELECT feature_key, value, reason, expires_at, created_by, created_at \
     FROM overrides WHERE subscription_id = $1 ORDER BY feature_key";

const PUT: &str = "INSERT INTO overrides (subscription_id, feature_key, value, reason, expires_at, \
     created_by, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7) \
     ON CONFLICT (subscription_id, feature_key) DO UPDATE SET value = excluded.value, \
     reason = excluded.reason, expires_at = excluded.expires_at, \
     created_by = excluded.created_by, created_at = excluded.created_at";

// A list is one array on PostgreSQL, and the text of a JSON array on SQLite, which has no arrays.
macro_rules! among {
    ($columns:literal, $list:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM overrides WHERE subscription_id ",
            $list
        )
    };
}

const AMONG_POSTGRES: &str = among!("DISTINCT subscription_id", "= ANY($1)");
const AMONG_SQLITE: &str = among!(
    "DISTINCT subscription_id",
    "IN (SELECT unhex(value) FROM json_each($1))"
);
const OF_EACH_POSTGRES: &str = among!(
    "subscription_id, feature_key, value, reason, expires_at, created_by, created_at",
    "= ANY($1) ORDER BY subscription_id, feature_key"
);
const OF_EACH_SQLITE: &str = among!(
    "subscription_id, feature_key, value, reason, expires_at, created_by, created_at",
    "IN (SELECT unhex(value) FROM json_each($1)) ORDER BY subscription_id, feature_key"
);

const DELETE: &str = "DELETE FROM overrides WHERE subscription_id = $1 AND feature_key = $2";

/// Stores an override, in place of the one that the feature had.
pub(crate) async fn put(
    write: &mut Write,
    subscription: SubscriptionId,
    record: &OverrideRecord,
) -> Result<(), DatabaseError> {
    on!(write, connection => sqlx::query(PUT)
        .bind(subscription.uuid())
        .bind(&record.feature_key)
        .bind(Json(&record.value))
        .bind(&record.reason)
        .bind(record.expires_at)
        .bind(&record.created_by)
        .bind(record.created_at)
        .execute(connection)
        .await?
        .rows_affected());
    Ok(())
}

/// Deletes the override of a feature.
pub(crate) async fn delete(
    write: &mut Write,
    subscription: SubscriptionId,
    feature: &str,
) -> Result<(), DatabaseError> {
    on!(write, connection => sqlx::query(DELETE)
        .bind(subscription.uuid())
        .bind(feature)
        .execute(connection)
        .await?
        .rows_affected());
    Ok(())
}

/// The overrides of a subscription, by feature. Those that have expired are among them.
pub(crate) async fn of(
    session: &mut impl Session,
    subscription: SubscriptionId,
) -> Result<Vec<OverrideRecord>, DatabaseError> {
    let rows = on!(session, connection => sqlx::query_as::<_, Row>(OF)
        .bind(subscription.uuid())
        .fetch_all(connection)
        .await?);
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Which of some subscriptions have overrides, expired or not.
pub(crate) async fn among(
    session: &mut impl Session,
    subscriptions: &[SubscriptionId],
) -> Result<HashSet<SubscriptionId>, DatabaseError> {
    if subscriptions.is_empty() {
        return Ok(HashSet::new());
    }
    let ids: Vec<Uuid> = match session.handle() {
        Handle::Sqlite(connection) => {
            sqlx::query_scalar(AMONG_SQLITE)
                .bind(SubscriptionId::texts(subscriptions))
                .fetch_all(connection)
                .await?
        }
        Handle::Postgres(connection) => {
            sqlx::query_scalar(AMONG_POSTGRES)
                .bind(SubscriptionId::uuids(subscriptions))
                .fetch_all(connection)
                .await?
        }
    };
    Ok(ids.into_iter().map(SubscriptionId::from).collect())
}

/// The overrides of some subscriptions, each with whose it is.
pub(crate) async fn of_each(
    session: &mut impl Session,
    subscriptions: &[SubscriptionId],
) -> Result<Vec<(SubscriptionId, OverrideRecord)>, DatabaseError> {
    if subscriptions.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<OwnedRow> = match session.handle() {
        Handle::Sqlite(connection) => {
            sqlx::query_as(OF_EACH_SQLITE)
                .bind(SubscriptionId::texts(subscriptions))
                .fetch_all(connection)
                .await?
        }
        Handle::Postgres(connection) => {
            sqlx::query_as(OF_EACH_POSTGRES)
                .bind(SubscriptionId::uuids(subscriptions))
                .fetch_all(connection)
                .await?
        }
    };
    let owned = rows.into_iter();
    Ok(owned
        .map(|owned| (owned.subscription_id.into(), owned.row.into()))
        .collect())
}

statements![
    OF,
    PUT,
    DELETE,
    AMONG_POSTGRES,
    AMONG_SQLITE,
    OF_EACH_POSTGRES,
    OF_EACH_SQLITE
];
