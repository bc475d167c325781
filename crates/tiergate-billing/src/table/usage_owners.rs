//! Whose usage the records of a batch are: many subscriptions at once, and of each only what places a
//! record in time.

use std::collections::HashMap;

use tiergate_core::Subject;
use tiergate_core::SubjectKind;
use tiergate_core::time::Timestamp;
use tiergate_core::window::BillingAnchor;
use uuid::Uuid;

use crate::SubscriptionId;
use crate::database::{DatabaseError, Handle, Session};
use crate::record::{Time, is_live};

/// A subscription that usage counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Its id.
    pub(crate) id: SubscriptionId,
    /// Where its months begin; none if it has no period.
    pub(crate) anchor: Option<BillingAnchor>,
}

#[derive(sqlx::FromRow)]
struct ById {
    id: Uuid,
    period_start: Option<Time>,
    period_end: Option<Time>,
}

#[derive(sqlx::FromRow)]
struct ByOwner {
    owner: String,
    id: Uuid,
    status: String,
    cancel_at_period_end: bool,
    period_start: Option<Time>,
    period_end: Option<Time>,
}

// A list is one array on PostgreSQL, and the text of a JSON array on SQLite, which has no arrays.
macro_rules! by_id {
    ($list:literal) => {
        concat!(
            "SELECT id, period_start, period_end FROM subscriptions WHERE id ",
            $list
        )
    };
}

// The one that lives stands first; else the newest.
macro_rules! by_owner {
    ($column:literal, $list:literal) => {
        concat!(
            "SELECT owner, id, status, cancel_at_period_end, period_start, period_end FROM (SELECT ",
            $column,
            " AS owner, id, status, cancel_at_period_end, period_start, period_end, \
             ROW_NUMBER() OVER (PARTITION BY ",
            $column,
            " ORDER BY CASE WHEN status IN ('canceled', 'incomplete_expired') THEN 1 ELSE 0 END, \
             created_at DESC, id DESC) AS place FROM subscriptions WHERE ",
            $column,
            $list,
            ") ranked WHERE place = 1"
        )
    };
}

const BY_ID_POSTGRES: &str = by_id!("= ANY($1)");
const BY_ID_SQLITE: &str = by_id!("IN (SELECT unhex(value) FROM json_each($1))");
const BY_USER_POSTGRES: &str = by_owner!("user_id", " = ANY($1)");
const BY_USER_SQLITE: &str = by_owner!("user_id", " IN (SELECT value FROM json_each($1))");
const BY_ORGANIZATION_POSTGRES: &str = by_owner!("organization_id", " = ANY($1)");
const BY_ORGANIZATION_SQLITE: &str =
    by_owner!("organization_id", " IN (SELECT value FROM json_each($1))");

/// The subscriptions with those ids. What is missing is in none of them.
pub(crate) async fn by_ids(
    session: &mut impl Session,
    ids: &[SubscriptionId],
) -> Result<HashMap<SubscriptionId, Counted>, DatabaseError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<ById> = match session.handle() {
        Handle::Sqlite(connection) => {
            sqlx::query_as(BY_ID_SQLITE)
                .bind(SubscriptionId::texts(ids))
                .fetch_all(connection)
                .await?
        }
        Handle::Postgres(connection) => {
            sqlx::query_as(BY_ID_POSTGRES)
                .bind(SubscriptionId::uuids(ids))
                .fetch_all(connection)
                .await?
        }
    };
    let counted = rows.into_iter().map(|row| {
        let id = SubscriptionId::from(row.id);
        (id, counted(id, row.period_start, row.period_end))
    });
    Ok(counted.collect())
}

/// The subscriptions that owners have at `now`: the one that lives, else one that was canceled and has
/// not ended. Who has neither is left out.
pub(crate) async fn of_owners(
    session: &mut impl Session,
    owners: &[Subject],
    now: Timestamp,
) -> Result<HashMap<Subject, Counted>, DatabaseError> {
    let mut found = HashMap::new();
    for kind in [SubjectKind::User, SubjectKind::Organization] {
        let of_kind = owners.iter().filter(|owner| owner.kind() == kind);
        let ids: Vec<_> = of_kind.map(Subject::id).collect();
        if ids.is_empty() {
            continue;
        }
        for row in of_kind_with_ids(session, kind, &ids).await? {
            let ends = row.period_end.filter(|_| row.cancel_at_period_end);
            if is_live(&row.status) || ends.is_some_and(|end| now < end.0) {
                found.insert(
                    Subject::new(kind, row.owner),
                    counted(row.id.into(), row.period_start, row.period_end),
                );
            }
        }
    }
    Ok(found)
}

async fn of_kind_with_ids(
    session: &mut impl Session,
    kind: SubjectKind,
    ids: &[&str],
) -> Result<Vec<ByOwner>, DatabaseError> {
    let (sqlite, postgres) = match kind {
        SubjectKind::User => (BY_USER_SQLITE, BY_USER_POSTGRES),
        SubjectKind::Organization => (BY_ORGANIZATION_SQLITE, BY_ORGANIZATION_POSTGRES),
    };
    Ok(match session.handle() {
        Handle::Sqlite(connection) => {
            sqlx::query_as(sqlite)
                .bind(sqlx::types::Json(ids))
                .fetch_all(connection)
                .await?
        }
        Handle::Postgres(connection) => {
            sqlx::query_as(postgres)
                .bind(ids)
                .fetch_all(connection)
                .await?
        }
    })
}

fn counted(id: SubscriptionId, start: Option<Time>, end: Option<Time>) -> Counted {
    Counted {
        id,
        anchor: start.map(|start| BillingAnchor::from_period(start.0, end.map(|end| end.0))),
    }
}

statements![
    BY_ID_POSTGRES,
    BY_ID_SQLITE,
    BY_USER_POSTGRES,
    BY_USER_SQLITE,
    BY_ORGANIZATION_POSTGRES,
    BY_ORGANIZATION_SQLITE
];
