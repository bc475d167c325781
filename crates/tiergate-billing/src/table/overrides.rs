//! The table of overrides: values that one subscription has in place of its tier's.

use serde_json::Value;
use sqlx::types::Json;

use crate::SubscriptionId;
use crate::database::{DatabaseError, Session, Write, on};
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

statements![OF, PUT, DELETE];
