//! The inbox of webhooks: every event once, with what has become of it.

use std::time::Duration;

use sqlx::types::Json;
use tiergate_core::Subject;
use tiergate_core::time::Timestamp;

use crate::InboxId;
use crate::database::{DatabaseError, Handle, Kind, Session, Write, on};
use crate::record::{Time, organization_id, user_id};

/// An event as it came.
#[derive(Clone, Debug)]
pub(crate) struct NewEntry<'a> {
    /// Who sent it.
    pub(crate) provider: &'static str,
    /// What the sender calls it.
    pub(crate) event_id: &'a str,
    /// What kind of event it is, in the sender's words.
    pub(crate) kind: &'a str,
    /// What kind of object it is about.
    pub(crate) object_kind: Option<String>,
    /// Which one.
    pub(crate) object_id: Option<String>,
    /// The subscription it belongs to.
    pub(crate) subscription_ref: Option<String>,
    /// The customer it belongs to.
    pub(crate) customer_ref: Option<String>,
    /// Whether it is about real money.
    pub(crate) livemode: bool,
    /// When the sender made it.
    pub(crate) created: Timestamp,
    /// The body, byte for byte.
    pub(crate) payload: &'a [u8],
}

/// An event that is to be processed, or that others are processed with.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Its id here.
    pub(crate) id: InboxId,
    /// The body, byte for byte.
    pub(crate) payload: Vec<u8>,
    /// How often it was tried, this time counted. So it tells this claim from every other.
    pub(crate) attempts: i64,
    /// When it came.
    pub(crate) received_at: Time,
    /// Whether it is stored with the names of its object. It is not if it could not be read then.
    pub(crate) is_named: bool,
}

/// An event of a subscription, without its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Heading {
    id: uuid::Uuid,
    /// Whether what it says is in the records already.
    pub(crate) is_done: bool,
}

impl Heading {
    /// Its id here.
    pub(crate) fn id(self) -> InboxId {
        self.id.into()
    }
}

/// What has become of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome<'a> {
    /// What it says is in the records.
    Done,
    /// It concerns nothing here.
    Ignored,
    /// Something it needs has not come yet; it is tried again at that time, or when that comes.
    Waiting { why: &'a str, until: Timestamp },
    /// It could not be processed, and is tried again at that time.
    Failed { why: &'a str, until: Timestamp },
    /// It could not be processed, and is tried no more unless somebody says so.
    Dead { why: &'a str },
}

impl Outcome<'_> {
    fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Ignored => "ignored",
            Self::Waiting { .. } => "waiting",
            Self::Failed { .. } => "failed",
            Self::Dead { .. } => "dead",
        }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: uuid::Uuid,
    payload: Vec<u8>,
    attempts: i64,
    received_at: Time,
    is_named: bool,
}

impl From<Row> for Entry {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.into(),
            payload: row.payload,
            attempts: row.attempts,
            received_at: row.received_at,
            is_named: row.is_named,
        }
    }
}

const INSERT: &str = "INSERT INTO webhook_inbox (id, provider, event_id, kind, object_kind, \
     object_id, subscription_ref, customer_ref, livemode, created, payload, state, \
     next_attempt_at, received_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'received', $12, $12) \
     ON CONFLICT (provider, event_id) DO NOTHING";

// `SKIP LOCKED` lets several processes share the work: none waits for what another is taking. The rows
// are picked before anything else (`MATERIALIZED`): a plan that picks anew for each row would take more
// than it was told to.
const CLAIM_ON_POSTGRES: &str = "WITH due AS MATERIALIZED (SELECT id FROM webhook_inbox \
     WHERE state IN ('received', 'waiting', 'failed') AND next_attempt_at <= $1 \
     AND (claimed_until IS NULL OR claimed_until <= $1) \
     ORDER BY next_attempt_at, created, id LIMIT $3 FOR UPDATE SKIP LOCKED) \
     UPDATE webhook_inbox SET claimed_until = $2, attempts = attempts + 1 \
     FROM due WHERE webhook_inbox.id = due.id \
     RETURNING webhook_inbox.id, payload, attempts, received_at, object_kind IS NOT NULL AS is_named";

const CLAIM_ON_SQLITE: &str = "UPDATE webhook_inbox SET claimed_until = $2, \
     attempts = attempts + 1 WHERE id IN (SELECT id FROM webhook_inbox \
     WHERE state IN ('received', 'waiting', 'failed') AND next_attempt_at <= $1 \
     AND (claimed_until IS NULL OR claimed_until <= $1) \
     ORDER BY next_attempt_at, created, id LIMIT $3) \
     RETURNING id, payload, attempts, received_at, object_kind IS NOT NULL AS is_named";

// Only as long as the claim holds: by now somebody else may have taken the event, settled it together
// with others, or woken it.
const SETTLE: &str = "UPDATE webhook_inbox SET state = $2, next_attempt_at = $3, fault = $4, \
     finished_at = $5, claimed_until = NULL \
     WHERE id = $1 AND attempts = $6 AND claimed_until IS NOT NULL \
     AND state IN ('received', 'waiting', 'failed')";

// A list is an array to PostgreSQL and JSON to SQLite. Without the subscription, SQLite would have to
// look at every row there is.
const DONE_ON_POSTGRES: &str = "UPDATE webhook_inbox SET state = 'done', next_attempt_at = $3, \
     fault = NULL, finished_at = $3, claimed_until = NULL \
     WHERE provider = $1 AND subscription_ref = $2 AND id = ANY($4)";

const DONE_ON_SQLITE: &str = "UPDATE webhook_inbox SET state = 'done', next_attempt_at = $3, \
     fault = NULL, finished_at = $3, claimed_until = NULL \
     WHERE provider = $1 AND subscription_ref = $2 \
     AND hex(id) IN (SELECT value FROM json_each($4))";

const IS_SETTLED: &str =
    "SELECT COUNT(*) FROM webhook_inbox WHERE id = $1 AND state IN ('done', 'ignored', 'dead')";

const NAME: &str = "UPDATE webhook_inbox SET object_kind = $2, object_id = $3, \
     subscription_ref = $4, customer_ref = $5 WHERE id = $1";

const HEADINGS: &str = "SELECT id, state = 'done' AS is_done FROM webhook_inbox \
     WHERE provider = $1 AND subscription_ref = $2";

const OF_SUBSCRIPTION: &str = "SELECT id, payload FROM webhook_inbox \
     WHERE provider = $1 AND subscription_ref = $2";

const PAYLOAD: &str = "SELECT payload FROM webhook_inbox WHERE id = $1";

const OF_OBJECT: &str = "SELECT payload FROM webhook_inbox \
     WHERE provider = $1 AND object_kind = $2 AND object_id = $3 ORDER BY created, id";

const OF_CUSTOMER: &str = "SELECT payload FROM webhook_inbox \
     WHERE provider = $1 AND object_kind = $2 AND customer_ref = $3 ORDER BY created, id";

// What somebody is working on at the moment may be about to wait for the very thing that has come. It
// is taken from them: what they then write down does not count.
const WAKE: &str = "UPDATE webhook_inbox SET next_attempt_at = $4, claimed_until = NULL \
     WHERE provider = $1 AND (state = 'waiting' \
     OR (state IN ('received', 'failed') AND claimed_until IS NOT NULL)) \
     AND object_kind IN ('subscription', 'invoice') AND customer_ref IN (\
     SELECT customer_ref FROM customers WHERE provider = $1 \
     AND (user_id = $2 OR organization_id = $3))";

/// Stores an event, unless it is there already. Says whether it is new.
pub(crate) async fn insert(
    write: &mut Write,
    entry: &NewEntry<'_>,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    Ok(on!(write, connection => sqlx::query(INSERT)
        .bind(InboxId::new(now).uuid())
        .bind(entry.provider)
        .bind(entry.event_id)
        .bind(entry.kind)
        .bind(&entry.object_kind)
        .bind(&entry.object_id)
        .bind(&entry.subscription_ref)
        .bind(&entry.customer_ref)
        .bind(entry.livemode)
        .bind(entry.created.as_micros())
        .bind(entry.payload)
        .bind(now.as_micros())
        .execute(connection)
        .await?
        .rows_affected())
        > 0)
}

/// Takes up to `most` events that are due, for `lease`: if whoever takes them does not settle them by
/// then, others may.
pub(crate) async fn claim(
    write: &mut Write,
    kind: Kind,
    most: u32,
    lease: Duration,
    now: Timestamp,
) -> Result<Vec<Entry>, DatabaseError> {
    let statement = match kind {
        Kind::Sqlite => CLAIM_ON_SQLITE,
        Kind::Postgres => CLAIM_ON_POSTGRES,
    };
    let rows = on!(write, connection => sqlx::query_as::<_, Row>(statement)
        .bind(now.as_micros())
        .bind(now.saturating_add(lease).as_micros())
        .bind(i64::from(most))
        .fetch_all(connection)
        .await?);
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Writes down what has become of an event, for as long as it is claimed.
pub(crate) async fn settle(
    write: &mut Write,
    entry: &Entry,
    outcome: Outcome<'_>,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let (until, why) = match outcome {
        Outcome::Done | Outcome::Ignored => (now, None),
        Outcome::Waiting { why, until } | Outcome::Failed { why, until } => (until, Some(why)),
        Outcome::Dead { why } => (now, Some(why)),
    };
    let finished = match outcome {
        Outcome::Waiting { .. } | Outcome::Failed { .. } => None,
        Outcome::Done | Outcome::Ignored | Outcome::Dead { .. } => Some(now.as_micros()),
    };
    on!(write, connection => sqlx::query(SETTLE)
        .bind(entry.id.uuid())
        .bind(outcome.word())
        .bind(until.as_micros())
        .bind(why)
        .bind(finished)
        .bind(entry.attempts)
        .execute(connection)
        .await?
        .rows_affected());
    Ok(())
}

/// Writes down that what some events of a subscription say is in the records, whoever has claimed them.
pub(crate) async fn settle_all(
    write: &mut Write,
    provider: &str,
    subscription_ref: &str,
    ids: &[InboxId],
    now: Timestamp,
) -> Result<(), DatabaseError> {
    match write.handle() {
        Handle::Postgres(connection) => {
            let ids: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
            sqlx::query(DONE_ON_POSTGRES)
                .bind(provider)
                .bind(subscription_ref)
                .bind(now.as_micros())
                .bind(ids)
                .execute(connection)
                .await?;
        }
        Handle::Sqlite(connection) => {
            let ids = ids
                .iter()
                .map(|id| format!("{:X}", id.uuid().simple()))
                .collect();
            sqlx::query(DONE_ON_SQLITE)
                .bind(provider)
                .bind(subscription_ref)
                .bind(now.as_micros())
                .bind(Json::<Vec<String>>(ids))
                .execute(connection)
                .await?;
        }
    }
    Ok(())
}

/// Whether an event is settled by now, by whomever.
pub(crate) async fn is_settled(
    session: &mut impl Session,
    id: InboxId,
) -> Result<bool, DatabaseError> {
    let count: i64 = on!(session, connection => sqlx::query_scalar(IS_SETTLED)
        .bind(id.uuid())
        .fetch_one(connection)
        .await?);
    Ok(count > 0)
}

/// Adds the names of its object to an event that could not be read when it came.
pub(crate) async fn name(
    write: &mut Write,
    id: InboxId,
    entry: &NewEntry<'_>,
) -> Result<(), DatabaseError> {
    on!(write, connection => sqlx::query(NAME)
        .bind(id.uuid())
        .bind(&entry.object_kind)
        .bind(&entry.object_id)
        .bind(&entry.subscription_ref)
        .bind(&entry.customer_ref)
        .execute(connection)
        .await?
        .rows_affected());
    Ok(())
}

/// Which events belong to a subscription: its own, and those of its invoices.
pub(crate) async fn headings(
    session: &mut impl Session,
    provider: &str,
    subscription_ref: &str,
) -> Result<Vec<Heading>, DatabaseError> {
    Ok(
        on!(session, connection => sqlx::query_as::<_, Heading>(HEADINGS)
        .bind(provider)
        .bind(subscription_ref)
        .fetch_all(connection)
        .await?),
    )
}

/// The events that belong to a subscription, byte for byte as they came.
pub(crate) async fn of_subscription(
    session: &mut impl Session,
    provider: &str,
    subscription_ref: &str,
) -> Result<Vec<(InboxId, Vec<u8>)>, DatabaseError> {
    let rows = on!(session, connection => {
        sqlx::query_as::<_, (uuid::Uuid, Vec<u8>)>(OF_SUBSCRIPTION)
            .bind(provider)
            .bind(subscription_ref)
            .fetch_all(connection)
            .await?
    });
    let with_id = |(id, payload): (uuid::Uuid, _)| (id.into(), payload);
    Ok(rows.into_iter().map(with_id).collect())
}

/// An event as it came, byte for byte.
pub(crate) async fn payload(
    session: &mut impl Session,
    id: InboxId,
) -> Result<Vec<u8>, DatabaseError> {
    Ok(on!(session, connection => sqlx::query_scalar(PAYLOAD)
        .bind(id.uuid())
        .fetch_one(connection)
        .await?))
}

/// All events about one object, byte for byte as they came.
pub(crate) async fn of_object(
    session: &mut impl Session,
    provider: &str,
    object_kind: &str,
    object_id: &str,
) -> Result<Vec<Vec<u8>>, DatabaseError> {
    Ok(on!(session, connection => sqlx::query_scalar(OF_OBJECT)
        .bind(provider)
        .bind(object_kind)
        .bind(object_id)
        .fetch_all(connection)
        .await?))
}

/// All events about one kind of object that belong to a customer, byte for byte as they came.
pub(crate) async fn of_customer(
    session: &mut impl Session,
    provider: &str,
    object_kind: &str,
    customer_ref: &str,
) -> Result<Vec<Vec<u8>>, DatabaseError> {
    Ok(on!(session, connection => sqlx::query_scalar(OF_CUSTOMER)
        .bind(provider)
        .bind(object_kind)
        .bind(customer_ref)
        .fetch_all(connection)
        .await?))
}

/// Makes due what waits for something of an owner, in whichever of their customers' names it came.
pub(crate) async fn wake(
    write: &mut Write,
    provider: &str,
    owner: &Subject,
    now: Timestamp,
) -> Result<u64, DatabaseError> {
    Ok(on!(write, connection => sqlx::query(WAKE)
        .bind(provider)
        .bind(user_id(owner))
        .bind(organization_id(owner))
        .bind(now.as_micros())
        .execute(connection)
        .await?
        .rows_affected()))
}

statements![
    INSERT,
    CLAIM_ON_POSTGRES,
    CLAIM_ON_SQLITE,
    SETTLE,
    DONE_ON_POSTGRES,
    DONE_ON_SQLITE,
    IS_SETTLED,
    NAME,
    HEADINGS,
    OF_SUBSCRIPTION,
    PAYLOAD,
    OF_OBJECT,
    OF_CUSTOMER,
    WAKE
];
