//! Reads the audit log.

use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::filter::Filter;
use crate::database::{DatabaseError, Session};
use crate::record::{AuditRecord, Cursor, Page, PageRequest, Time};

/// Which entries are looked for. What is not said admits all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AuditQuery {
    /// Those about things of that kind.
    pub(crate) object_kind: Option<String>,
    /// Those about the thing of that id.
    pub(crate) object_id: Option<String>,
    /// Those of actors of that kind.
    pub(crate) actor_kind: Option<String>,
    /// Those of the actor of that id.
    pub(crate) actor_id: Option<String>,
    /// Those in which that was done.
    pub(crate) action: Option<String>,
    /// Those from that moment on.
    pub(crate) from: Option<Time>,
    /// Those before that moment.
    pub(crate) to: Option<Time>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    at: Time,
    actor_kind: String,
    actor_id: String,
    action: String,
    object_kind: String,
    object_id: String,
    before: Option<Json<Value>>,
    after: Option<Json<Value>>,
    reason: Option<String>,
    request_id: Option<String>,
}

impl From<Row> for AuditRecord {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.into(),
            at: row.at,
            actor_kind: row.actor_kind,
            actor_id: row.actor_id,
            action: row.action,
            object_kind: row.object_kind,
            object_id: row.object_id,
            before: row.before.map(|before| before.0),
            after: row.after.map(|after| after.0),
            reason: row.reason,
            request_id: row.request_id,
        }
    }
}

const SELECT: &str = "SELECT id, at, actor_kind, actor_id, action, object_kind, object_id, before, \
     after, reason, request_id FROM audit_log";

/// The entries that are looked for, newest first.
pub(crate) async fn search(
    session: &mut impl Session,
    query: &AuditQuery,
    page: PageRequest,
) -> Result<Page<AuditRecord>, DatabaseError> {
    let mut filter = Filter::new(SELECT);
    filter.and_if("object_kind = $?", query.object_kind.as_deref());
    filter.and_if("object_id = $?", query.object_id.as_deref());
    filter.and_if("actor_kind = $?", query.actor_kind.as_deref());
    filter.and_if("actor_id = $?", query.actor_id.as_deref());
    filter.and_if("action = $?", query.action.as_deref());
    filter.and_if("at >= $?", query.from.map(Time::as_micros));
    filter.and_if("at < $?", query.to.map(Time::as_micros));
    filter.page("at", page);
    let rows: Vec<Row> = filter.fetch(session).await?;
    let items = rows.into_iter().map(AuditRecord::from).collect();
    Ok(Page::cut(items, page, |entry| Cursor {
        at: entry.at,
        id: entry.id.uuid(),
    }))
}

statements![SELECT];
