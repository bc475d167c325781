//! What is done now and then to the inbox of webhooks: counting what waits, deleting what is of no use.

use tiergate_core::time::Timestamp;

use crate::database::{DatabaseError, Session, Write, on};

/// Events that are not done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Backlog {
    /// How many wait for their turn or for another try.
    pub(crate) waiting: i64,
    /// When the oldest of them came, in microseconds since 1970.
    pub(crate) oldest: Option<i64>,
}

const BACKLOG: &str = "SELECT COUNT(*) AS waiting, MIN(received_at) AS oldest FROM webhook_inbox \
     WHERE state IN ('received', 'waiting', 'failed')";

const DEAD: &str = "SELECT COUNT(*) FROM webhook_inbox WHERE state = 'dead'";

const FORGET_IGNORED: &str =
    "DELETE FROM webhook_inbox WHERE state = 'ignored' AND received_at <= $1";

/// The events of the inbox that are not done with.
pub(crate) async fn inbox_backlog(session: &mut impl Session) -> Result<Backlog, DatabaseError> {
    Ok(
        on!(session, connection => sqlx::query_as::<_, Backlog>(BACKLOG)
        .fetch_one(connection)
        .await?),
    )
}

/// How many events of the inbox were given up.
pub(crate) async fn dead_in_inbox(session: &mut impl Session) -> Result<i64, DatabaseError> {
    Ok(on!(session, connection => sqlx::query_scalar(DEAD)
        .fetch_one(connection)
        .await?))
}

/// Deletes events that changed nothing because nothing here follows from their type. Others stay: the
/// state of a subscription follows from all of its events.
pub(crate) async fn forget_ignored(
    write: &mut Write,
    before: Timestamp,
) -> Result<u64, DatabaseError> {
    Ok(on!(write, connection => sqlx::query(FORGET_IGNORED)
        .bind(before.as_micros())
        .execute(connection)
        .await?
        .rows_affected()))
}

statements![BACKLOG, DEAD, FORGET_IGNORED];
