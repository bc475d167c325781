//! The outbox: what others have to hear of, in the order in which it was committed.

use serde_json::{Value, json};
use sqlx::types::Json;
use tiergate_core::Subject;
use tiergate_core::time::Timestamp;

use crate::database::{DatabaseError, Handle, Session, Write, on};
use crate::record::{organization_id, user_id};

/// Something to tell.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// The type of the event: `subscription`, `catalog`, `notification` or `usage.threshold_reached`.
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

const TAKE: &str = "UPDATE outbox_position SET last = last + $1 WHERE id = 1 RETURNING last";

const INSERT_POSTGRES: &str = "INSERT INTO outbox (sequence, kind, user_id, organization_id, \
     version, payload, dedupe_key, created_at) \
     SELECT sequence, kind, user_id, organization_id, version, payload::jsonb, dedupe_key, $8 \
     FROM UNNEST($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], \
     $7::text[]) AS told (sequence, kind, user_id, organization_id, version, payload, dedupe_key) \
     ON CONFLICT (dedupe_key) DO NOTHING";

// Without `WHERE TRUE`, SQLite would read ON CONFLICT as the condition of a join.
const INSERT_SQLITE: &str = "INSERT INTO outbox (sequence, kind, user_id, organization_id, \
     version, payload, dedupe_key, created_at) \
     SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, \
     value ->> 6, $2 FROM json_each($1) WHERE TRUE ON CONFLICT (dedupe_key) DO NOTHING";

/// A message with its place in the order.
type Placed<'m> = (i64, &'m Message);

/// Adds messages. Numbers come from a row that stays locked until the transaction ends, which is what
/// makes their order that of the commits; so this belongs right before the commit.
///
/// A message whose key is known is dropped. Nobody else can add it in between, because of that row. Its
/// number stays unused; nobody counts on there being no gap.
pub(crate) async fn insert(
    write: &mut Write,
    messages: &[Message],
    now: Timestamp,
) -> Result<(), DatabaseError> {
    if messages.is_empty() {
        return Ok(());
    }
    let count = i64::try_from(messages.len()).unwrap_or(i64::MAX);
    let last: i64 = on!(write, connection => sqlx::query_scalar(TAKE)
        .bind(count)
        .fetch_one(connection)
        .await?);
    let first = last.saturating_sub(count).saturating_add(1);
    let placed: Vec<Placed<'_>> = (first..=last).zip(messages).collect();
    match write.handle() {
        Handle::Sqlite(connection) => {
            sqlx::query(INSERT_SQLITE)
                .bind(json_rows(&placed))
                .bind(now.as_micros())
                .execute(connection)
                .await?;
        }
        Handle::Postgres(connection) => {
            let added = insert_query(&placed, now).execute(&mut *connection).await?;
            // PostgreSQL tells other processes at the commit, and not if there is none. SQLite has
            // nothing of the kind; processes that share a file look now and then.
            if added.rows_affected() > 0 {
                sqlx::query("SELECT pg_notify($1, '')")
                    .bind(CHANNEL)
                    .execute(connection)
                    .await?;
            }
        }
    }
    Ok(())
}

type PostgresQuery<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

fn insert_query<'m>(placed: &[Placed<'m>], now: Timestamp) -> PostgresQuery<'m> {
    fn column<'m, T>(placed: &[Placed<'m>], value: impl Fn(&'m Message) -> T) -> Vec<T> {
        placed.iter().map(|(_, message)| value(message)).collect()
    }
    let sequences: Vec<_> = placed.iter().map(|(sequence, _)| *sequence).collect();
    sqlx::query(INSERT_POSTGRES)
        .bind(sequences)
        .bind(column(placed, |message| message.kind))
        .bind(column(placed, user_of))
        .bind(column(placed, organization_of))
        .bind(column(placed, |message| message.version))
        .bind(column(placed, |message| message.payload.to_string()))
        .bind(column(placed, |message| message.dedupe_key.as_deref()))
        .bind(now.as_micros())
}

fn json_rows(placed: &[Placed<'_>]) -> String {
    let rows = placed.iter().map(|(sequence, message)| {
        json!([
            sequence,
            message.kind,
            user_of(message),
            organization_of(message),
            message.version,
            message.payload.to_string(),
            message.dedupe_key,
        ])
    });
    Value::from_iter(rows).to_string()
}

fn user_of(message: &Message) -> Option<String> {
    message.subject.as_ref().and_then(user_id)
}

fn organization_of(message: &Message) -> Option<String> {
    message.subject.as_ref().and_then(organization_id)
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

statements![TAKE, INSERT_POSTGRES, INSERT_SQLITE, AFTER, EXTENT, FORGET];
