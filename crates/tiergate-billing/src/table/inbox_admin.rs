//! The inbox of webhooks, as the operator's people see it.

use uuid::Uuid;

use super::filter::Filter;
use crate::InboxId;
use crate::database::{DatabaseError, Session, Write, on};
use crate::record::{Cursor, EventState, Page, PageRequest, Time, WebhookEventRecord};

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    provider: String,
    event_id: String,
    kind: String,
    object_kind: Option<String>,
    object_id: Option<String>,
    subscription_ref: Option<String>,
    customer_ref: Option<String>,
    livemode: bool,
    created: i64,
    state: String,
    attempts: i64,
    next_attempt_at: Time,
    fault: Option<String>,
    received_at: Time,
    finished_at: Option<Time>,
}

impl From<Row> for WebhookEventRecord {
    fn from(row: Row) -> Self {
        // The schema knows no other words.
        let state = EventState::from_word(&row.state).unwrap_or(EventState::Received);
        let is_open = matches!(
            state,
            EventState::Received | EventState::Waiting | EventState::Failed
        );
        Self {
            id: row.id.into(),
            provider: row.provider,
            event_id: row.event_id,
            kind: row.kind,
            object_kind: row.object_kind,
            object_id: row.object_id,
            subscription_ref: row.subscription_ref,
            customer_ref: row.customer_ref,
            livemode: row.livemode,
            created_at: tiergate_core::time::Timestamp::from_seconds(row.created).into(),
            state,
            attempts: row.attempts,
            next_attempt_at: is_open.then_some(row.next_attempt_at),
            fault: row.fault,
            received_at: row.received_at,
            finished_at: row.finished_at,
        }
    }
}

macro_rules! columns {
    () => {
        "id, provider, event_id, kind, object_kind, object_id, subscription_ref, customer_ref, \
         livemode, created, state, attempts, next_attempt_at, fault, received_at, finished_at"
    };
}

const SELECT: &str = concat!("SELECT ", columns!(), " FROM webhook_inbox");

const BY_ID: &str = concat!("SELECT ", columns!(), " FROM webhook_inbox WHERE id = $1");

// What is being tried at this moment is left to whoever tries it.
const RETRY: &str = concat!(
    "UPDATE webhook_inbox SET state = 'received', attempts = 0, next_attempt_at = $2, \
     claimed_until = NULL, finished_at = NULL \
     WHERE id = $1 AND state IN ('dead', 'failed', 'waiting') \
     AND (claimed_until IS NULL OR claimed_until <= $2) RETURNING ",
    columns!()
);

/// The events of a state, or all, those first that came last.
pub(crate) async fn list(
    session: &mut impl Session,
    state: Option<EventState>,
    page: PageRequest,
) -> Result<Page<WebhookEventRecord>, DatabaseError> {
    let mut filter = Filter::new(SELECT);
    filter.and_if("state = $?", state.map(EventState::as_str));
    filter.page("received_at", page);
    let rows: Vec<Row> = filter.fetch(session).await?;
    let items = rows.into_iter().map(WebhookEventRecord::from).collect();
    Ok(Page::cut(items, page, |event| Cursor {
        at: event.received_at,
        id: event.id.uuid(),
    }))
}

/// The event of that id.
pub(crate) async fn by_id(
    session: &mut impl Session,
    id: InboxId,
) -> Result<Option<WebhookEventRecord>, DatabaseError> {
    let row = on!(session, connection => sqlx::query_as::<_, Row>(BY_ID)
        .bind(id.uuid())
        .fetch_optional(connection)
        .await?);
    Ok(row.map(Into::into))
}

/// Has an event tried again at once, and returns what it is then; none if it is not one that
/// was tried in vain or waits, or is being tried right now.
pub(crate) async fn retry(
    write: &mut Write,
    id: InboxId,
    now: Time,
) -> Result<Option<WebhookEventRecord>, DatabaseError> {
    let row = on!(write, connection => sqlx::query_as::<_, Row>(RETRY)
        .bind(id.uuid())
        .bind(now)
        .fetch_optional(connection)
        .await?);
    Ok(row.map(Into::into))
}

statements![SELECT, BY_ID, RETRY];
