//! The outbox: what others have to hear of, in the order in which it was committed.

use serde_json::Value;
use sqlx::types::Json;
use tiergate_core::Subject;
use tiergate_core::time::Timestamp;

use crate::database::{DatabaseError, Handle, Session, Write, on};
use crate::record::{organization_id, user_id};

/// Something to tell.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// The type of the event: `subscription`, `catalog` or `notification`.
    pub(crate) kind: &'static str,
    /// Whom it is about; none if it concerns everybody.
    pub(crate) subject: Option<Subject>,
    /// The version of what changed.
    pub(crate) version: Option<i64>,
    /// The data of the event.
    pub(crate) payload: Value,
    /// What happened to what; a second message that says the same is dropped.
    pub(crate) dedupe_key: Option<String>,
}

const KNOWN: &str = "SELECT COUNT(*) FROM outbox WHERE dedupe_key = $1";

const NEXT: &str = "UPDATE outbox_position SET last = last + 1 WHERE id = 1 RETURNING last";

const INSERT: &str = "INSERT INTO outbox (sequence, kind, user_id, organization_id, version, \
     payload, dedupe_key, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

/// Adds messages. Numbers come from a row that stays locked until the transaction ends, which is what
/// makes their order that of the commits; so this belongs right before the commit.
pub(crate) async fn insert(
    write: &mut Write,
    messages: &[Message],
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let mut grew = false;
    for message in messages {
        let sequence: i64 = on!(write, connection => sqlx::query_scalar(NEXT)
            .fetch_one(connection)
            .await?);
        if let Some(key) = &message.dedupe_key {
            // Nobody else can add it in between: the row of the position is locked by now. The number
            // that was just taken stays unused; nobody counts on there being no gap.
            let known: i64 = on!(write, connection => sqlx::query_scalar(KNOWN)
                .bind(key)
                .fetch_one(connection)
                .await?);
            if known > 0 {
                continue;
            }
        }
        on!(write, connection => sqlx::query(INSERT)
            .bind(sequence)
            .bind(message.kind)
            .bind(message.subject.as_ref().and_then(user_id))
            .bind(message.subject.as_ref().and_then(organization_id))
            .bind(message.version)
            .bind(Json(&message.payload))
            .bind(&message.dedupe_key)
            .bind(now.as_micros())
            .execute(connection)
            .await?
            .rows_affected());
        grew = true;
    }
    // PostgreSQL tells other processes at the commit, and not if there is none. SQLite has nothing of
    // the kind; processes that share a file look now and then.
    if grew && let Handle::Postgres(connection) = write.handle() {
        sqlx::query("SELECT pg_notify($1, '')")
            .bind(CHANNEL)
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// What is told on PostgreSQL when the outbox grew.
pub(crate) const CHANNEL: &str = "tiergate_outbox";

/// A message as it is stored.
#[derive(Debug)]
pub(crate) struct Stored {
    /// Its place in the order of commits.
    pub(crate) sequence: i64,
    /// The type of the event.
    pub(crate) kind: String,
    /// Whom it is about; none if it concerns everybody.
    pub(crate) subject: Option<Subject>,
    /// The data of the event.
    pub(crate) payload: Value,
}

#[derive(sqlx::FromRow)]
struct Row {
    sequence: i64,
    kind: String,
    user_id: Option<String>,
    organization_id: Option<String>,
    payload: Json<Value>,
}

impl From<Row> for Stored {
    fn from(row: Row) -> Self {
        let organization = row.organization_id.map(Subject::organization);
        Self {
            sequence: row.sequence,
            kind: row.kind,
            subject: row.user_id.map(Subject::user).or(organization),
            payload: row.payload.0,
        }
    }
}

const AFTER: &str = "SELECT sequence, kind, user_id, organization_id, payload FROM outbox \
     WHERE sequence > $1 ORDER BY sequence LIMIT $2";

/// The first messages after a place in the order, `most` of them at most.
pub(crate) async fn after(
    session: &mut impl Session,
    sequence: i64,
    most: u32,
) -> Result<Vec<Stored>, DatabaseError> {
    let rows = on!(session, connection => sqlx::query_as::<_, Row>(AFTER)
        .bind(sequence)
        .bind(i64::from(most))
        .fetch_all(connection)
        .await?);
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Which part of the order there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Extent {
    /// The last number that was given.
    pub(crate) last: i64,
    /// The first message that is still stored.
    oldest: Option<i64>,
}

impl Extent {
    /// Whether everything after `sequence` is still stored.
    ///
    /// A number that was given to no message, right before the oldest that is stored, counts as one
    /// that was deleted: then this says no where it could say yes, which costs a reader one fresh look.
    pub(crate) fn goes_on_from(&self, sequence: i64) -> bool {
        let kept = self
            .oldest
            .map_or(self.last, |oldest| oldest.saturating_sub(1));
        (kept..=self.last).contains(&sequence)
    }
}

const EXTENT: &str = "SELECT last, (SELECT MIN(sequence) FROM outbox) AS oldest \
     FROM outbox_position WHERE id = 1";

/// Which part of the order there is.
pub(crate) async fn extent(session: &mut impl Session) -> Result<Extent, DatabaseError> {
    Ok(
        on!(session, connection => sqlx::query_as::<_, Extent>(EXTENT)
        .fetch_one(connection)
        .await?),
    )
}

const FORGET: &str = "DELETE FROM outbox WHERE sequence <= $1 AND sequence < \
     (SELECT COALESCE(MIN(sequence), $1 + 1) FROM outbox WHERE created_at > $2)";

/// Deletes the beginning of the order up to the first message that is younger than `before`, and says
/// how many that were.
pub(crate) async fn forget(write: &mut Write, before: Timestamp) -> Result<u64, DatabaseError> {
    let last = extent(write).await?.last;
    Ok(on!(write, connection => sqlx::query(FORGET)
        .bind(last)
        .bind(before.as_micros())
        .execute(connection)
        .await?
        .rows_affected()))
}

statements![KNOWN, NEXT, INSERT, AFTER, EXTENT, FORGET];
