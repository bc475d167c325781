//! The table of usage records.
//!
//! A batch is written by one statement, because a round trip for each record would cost more than
//! the record. The two databases take lists in different ways: PostgreSQL as one array for each column,
//! SQLite as the text of a JSON array.

use std::collections::HashSet;

use serde_json::{Map, Value, json};
use sqlx::types::Json;
use tiergate_core::Window;
use uuid::Uuid;

use crate::database::{DatabaseError, Handle, Session, Write, on};
use crate::record::{Amount, BillingMonth, Time, UsageRecord};
use crate::{SubscriptionId, UsageId};

macro_rules! columns {
    ($table:literal) => {
        concat!(
            $table,
            "id, ",
            $table,
            "subscription_id, ",
            $table,
            "idempotency_key, ",
            $table,
            "user_id, ",
            $table,
            "metric, ",
            $table,
            "quantity, ",
            $table,
            "unit, ",
            $table,
            "cost, ",
            $table,
            "currency, ",
            $table,
            "period_start, ",
            $table,
            "period_end, ",
            $table,
            "billing_month, ",
            $table,
            "metadata, ",
            $table,
            "occurred_at, ",
            $table,
            "recorded_at"
        )
    };
}

const INSERT_POSTGRES: &str = concat!(
    "INSERT INTO usage_records (",
    columns!(""),
    ") SELECT id, subscription_id, idempotency_key, user_id, metric, quantity, unit, cost, \
     currency, period_start, period_end, billing_month, metadata::jsonb, occurred_at, recorded_at \
     FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::bigint[], \
     $7::text[], $8::bigint[], $9::text[], $10::bigint[], $11::bigint[], $12::text[], $13::text[], \
     $14::bigint[], $15::bigint[]) AS told (",
    columns!(""),
    ") ON CONFLICT (subscription_id, idempotency_key) DO NOTHING RETURNING id"
);

// Without `WHERE TRUE`, SQLite would read ON CONFLICT as the condition of a join.
const INSERT_SQLITE: &str = concat!(
    "INSERT INTO usage_records (",
    columns!(""),
    ") SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, \
     value ->> 5, value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, \
     value ->> 12, value ->> 13, value ->> 14 FROM json_each($1) WHERE TRUE \
     ON CONFLICT (subscription_id, idempotency_key) DO NOTHING RETURNING id"
);

const BY_KEYS_POSTGRES: &str = concat!(
    "SELECT ",
    columns!("u."),
    " FROM UNNEST($1::uuid[], $2::text[]) AS told (subscription_id, idempotency_key) \
     JOIN usage_records u ON u.subscription_id = told.subscription_id \
     AND u.idempotency_key = told.idempotency_key"
);

// A cross join keeps SQLite from scanning the table for each key.
const BY_KEYS_SQLITE: &str = concat!(
    "SELECT ",
    columns!("u."),
    " FROM json_each($1) told CROSS JOIN usage_records u \
     ON u.subscription_id = unhex(told.value ->> 0) AND u.idempotency_key = told.value ->> 1"
);

// The month narrows it down by an index. The sum of integers is a wider type on PostgreSQL; quantities
// are bounded, so that it fits.
const USED_WITHIN: &str = "SELECT CAST(COALESCE(SUM(quantity), 0) AS BIGINT) FROM usage_records \
     WHERE subscription_id = $1 AND metric = $2 AND billing_month BETWEEN $3 AND $4 \
     AND occurred_at >= $5 AND occurred_at < $6";

const USED_EVER: &str = "SELECT CAST(COALESCE(SUM(quantity), 0) AS BIGINT) FROM usage_records \
     WHERE subscription_id = $1 AND metric = $2";

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    subscription_id: Uuid,
    idempotency_key: String,
    user_id: Option<String>,
    metric: String,
    quantity: i64,
    unit: Option<String>,
    cost: Option<i64>,
    currency: Option<String>,
    period_start: Time,
    period_end: Time,
    billing_month: String,
    metadata: Json<Map<String, Value>>,
    occurred_at: Time,
    recorded_at: Time,
}

impl From<Row> for UsageRecord {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.into(),
            idempotency_key: row.idempotency_key,
            subscription_id: row.subscription_id.into(),
            user_id: row.user_id,
            metric: row.metric,
            quantity: row.quantity,
            unit: row.unit,
            cost: row
                .cost
                .zip(row.currency)
                .map(|(cost, currency)| Amount::new(cost, currency)),
            period_start: row.period_start,
            period_end: row.period_end,
            billing_month: row.billing_month,
            metadata: row.metadata.0,
            occurred_at: row.occurred_at,
            recorded_at: row.recorded_at,
        }
    }
}

/// Adds the records whose keys are new, and says which they are.
///
/// Two batches that share keys do not wait for each other in a circle if both come sorted by
/// subscription and key.
pub(crate) async fn insert(
    write: &mut Write,
    records: &[UsageRecord],
) -> Result<HashSet<UsageId>, DatabaseError> {
    if records.is_empty() {
        return Ok(HashSet::new());
    }
    let ids: Vec<Uuid> = match write.handle() {
        Handle::Sqlite(connection) => {
            sqlx::query_scalar(INSERT_SQLITE)
                .bind(json_rows(records))
                .fetch_all(connection)
                .await?
        }
        Handle::Postgres(connection) => insert_query(records).fetch_all(connection).await?,
    };
    Ok(ids.into_iter().map(UsageId::from).collect())
}

type PostgresScalars<'q> =
    sqlx::query::QueryScalar<'q, sqlx::Postgres, Uuid, sqlx::postgres::PgArguments>;

fn insert_query(records: &[UsageRecord]) -> PostgresScalars<'_> {
    fn column<'a, T>(records: &'a [UsageRecord], value: impl Fn(&'a UsageRecord) -> T) -> Vec<T> {
        records.iter().map(value).collect()
    }
    sqlx::query_scalar(INSERT_POSTGRES)
        .bind(column(records, |record| record.id.uuid()))
        .bind(column(records, |record| record.subscription_id.uuid()))
        .bind(column(records, |record| record.idempotency_key.as_str()))
        .bind(column(records, |record| record.user_id.as_deref()))
        .bind(column(records, |record| record.metric.as_str()))
        .bind(column(records, |record| record.quantity))
        .bind(column(records, |record| record.unit.as_deref()))
        .bind(column(records, |record| {
            record.cost.as_ref().map(|cost| cost.amount)
        }))
        .bind(column(records, |record| {
            record.cost.as_ref().map(|cost| cost.currency.as_str())
        }))
        .bind(column(records, |record| record.period_start.as_micros()))
        .bind(column(records, |record| record.period_end.as_micros()))
        .bind(column(records, |record| record.billing_month.as_str()))
        .bind(column(records, metadata_text))
        .bind(column(records, |record| record.occurred_at.as_micros()))
        .bind(column(records, |record| record.recorded_at.as_micros()))
}

fn json_rows(records: &[UsageRecord]) -> String {
    let rows = records.iter().map(|record| {
        json!([
            record.id.uuid().simple(),
            record.subscription_id.uuid().simple(),
            record.idempotency_key,
            record.user_id,
            record.metric,
            record.quantity,
            record.unit,
            record.cost.as_ref().map(|cost| cost.amount),
            record.cost.as_ref().map(|cost| &cost.currency),
            record.period_start.as_micros(),
            record.period_end.as_micros(),
            record.billing_month,
            metadata_text(record),
            record.occurred_at.as_micros(),
            record.recorded_at.as_micros(),
        ])
    });
    Value::from_iter(rows).to_string()
}

fn metadata_text(record: &UsageRecord) -> String {
    // Keys are text, so it is always JSON.
    serde_json::to_string(&record.metadata).unwrap_or_else(|_| "{}".to_owned())
}

/// The records that were stored under those keys.
pub(crate) async fn by_keys(
    session: &mut impl Session,
    keys: &[(SubscriptionId, &str)],
) -> Result<Vec<UsageRecord>, DatabaseError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> = match session.handle() {
        Handle::Sqlite(connection) => {
            let keys: Vec<_> = keys
                .iter()
                .map(|(id, key)| (id.uuid().simple(), key))
                .collect();
            sqlx::query_as(BY_KEYS_SQLITE)
                .bind(Json(keys))
                .fetch_all(connection)
                .await?
        }
        Handle::Postgres(connection) => {
            let (ids, keys): (Vec<_>, Vec<_>) =
                keys.iter().map(|(id, key)| (id.uuid(), *key)).unzip();
            sqlx::query_as(BY_KEYS_POSTGRES)
                .bind(ids)
                .bind(keys)
                .fetch_all(connection)
                .await?
        }
    };
    Ok(rows.into_iter().map(Into::into).collect())
}

/// How much of a metric a subscription used within a window; `months` are those that a record of that
/// window can be billed in.
pub(crate) async fn used_within(
    session: &mut impl Session,
    subscription: SubscriptionId,
    metric: &str,
    window: Window,
    months: (BillingMonth, BillingMonth),
) -> Result<i64, DatabaseError> {
    Ok(on!(session, connection => sqlx::query_scalar(USED_WITHIN)
        .bind(subscription.uuid())
        .bind(metric)
        .bind(months.0.to_string())
        .bind(months.1.to_string())
        .bind(window.start().as_micros())
        .bind(window.end().as_micros())
        .fetch_one(connection)
        .await?))
}

/// How much of a metric a subscription used since it began: for a level, where it stands.
pub(crate) async fn used_ever(
    session: &mut impl Session,
    subscription: SubscriptionId,
    metric: &str,
) -> Result<i64, DatabaseError> {
    Ok(on!(session, connection => sqlx::query_scalar(USED_EVER)
        .bind(subscription.uuid())
        .bind(metric)
        .fetch_one(connection)
        .await?))
}

statements![
    INSERT_POSTGRES,
    INSERT_SQLITE,
    BY_KEYS_POSTGRES,
    BY_KEYS_SQLITE,
    USED_WITHIN,
    USED_EVER
];
