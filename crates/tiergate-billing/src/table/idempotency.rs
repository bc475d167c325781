//! The table of idempotency keys: the first answer to each.

use std::collections::BTreeMap;

use sqlx::types::Json;
use tiergate_core::time::Timestamp;

use crate::change::{IdempotencyKey, Reply};
use crate::database::{DatabaseError, Session, Write, on};

#[derive(sqlx::FromRow)]
struct Row {
    fingerprint: Vec<u8>,
    status: i64,
    headers: Json<BTreeMap<String, String>>,
    body: Vec<u8>,
}

/// What is known of a key.
pub(crate) enum Known {
    /// Nothing: it is new.
    New,
    /// This is what was answered when the same request came with it.
    Answered(Reply),
    /// It came with another request.
    Reused,
}

const FIND: &str = "SELECT fingerprint, status, headers, body FROM idempotency_keys \
     WHERE scope = $1 AND key = $2 AND created_at > $3";

const INSERT: &str = "INSERT INTO idempotency_keys (scope, key, fingerprint, status, headers, \
     body, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7) \
     ON CONFLICT (scope, key) DO UPDATE SET fingerprint = excluded.fingerprint, \
     status = excluded.status, headers = excluded.headers, body = excluded.body, \
     created_at = excluded.created_at WHERE idempotency_keys.created_at <= $8";

const FORGET: &str = "DELETE FROM idempotency_keys WHERE created_at <= $1";

/// What was answered to a key, if it has not been forgotten.
pub(crate) async fn find(
    session: &mut impl Session,
    key: &IdempotencyKey,
    now: Timestamp,
) -> Result<Known, DatabaseError> {
    let row = on!(session, connection => sqlx::query_as::<_, Row>(FIND)
        .bind(&key.scope)
        .bind(&key.key)
        .bind(forgotten_before(now))
        .fetch_optional(connection)
        .await?);
    Ok(match row {
        None => Known::New,
        Some(row) if row.fingerprint != key.fingerprint => Known::Reused,
        Some(row) => Known::Answered(Reply {
            status: u16::try_from(row.status).unwrap_or(200),
            headers: row.headers.0.into_iter().collect(),
            body: row.body.into(),
        }),
    })
}

/// Keeps an answer, unless the key has one.
pub(crate) async fn insert(
    write: &mut Write,
    key: &IdempotencyKey,
    reply: &Reply,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let headers: BTreeMap<_, _> = reply.headers.iter().cloned().collect();
    on!(write, connection => sqlx::query(INSERT)
        .bind(&key.scope)
        .bind(&key.key)
        .bind(&key.fingerprint)
        .bind(i64::from(reply.status))
        .bind(Json(&headers))
        .bind(reply.body.to_vec())
        .bind(now.as_micros())
        .bind(forgotten_before(now))
        .execute(connection)
        .await?
        .rows_affected());
    Ok(())
}

/// Deletes what is forgotten, and says how much it was.
pub(crate) async fn forget(write: &mut Write, now: Timestamp) -> Result<u64, DatabaseError> {
    Ok(on!(write, connection => sqlx::query(FORGET)
        .bind(forgotten_before(now))
        .execute(connection)
        .await?
        .rows_affected()))
}

fn forgotten_before(now: Timestamp) -> i64 {
    now.saturating_sub(IdempotencyKey::KEPT).as_micros()
}

statements![FIND, INSERT, FORGET];
