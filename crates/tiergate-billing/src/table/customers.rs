//! The table of customers: whose a provider's customer is.

use tiergate_core::Subject;
use tiergate_core::time::Timestamp;

use crate::database::{DatabaseError, Session, Write, on};
use crate::record::{organization_id, user_id};

#[derive(sqlx::FromRow)]
struct Row {
    user_id: Option<String>,
    organization_id: Option<String>,
}

const FIND: &str =
    "SELECT user_id, organization_id FROM customers WHERE provider = $1 AND customer_ref = $2";

const BIND: &str = "INSERT INTO customers (provider, customer_ref, user_id, organization_id, \
     created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (provider, customer_ref) DO NOTHING";

/// Whose a customer is, if that is known.
pub(crate) async fn owner_of(
    session: &mut impl Session,
    provider: &str,
    customer_ref: &str,
) -> Result<Option<Subject>, DatabaseError> {
    let row = on!(session, connection => sqlx::query_as::<_, Row>(FIND)
        .bind(provider)
        .bind(customer_ref)
        .fetch_optional(connection)
        .await?);
    Ok(
        row.and_then(|row| match (row.user_id, row.organization_id) {
            (Some(user), _) => Some(Subject::user(user)),
            (None, Some(organization)) => Some(Subject::organization(organization)),
            (None, None) => None,
        }),
    )
}

/// Says whose a customer is, if nobody has said so before. Says whether it was new.
pub(crate) async fn bind(
    write: &mut Write,
    provider: &str,
    customer_ref: &str,
    owner: &Subject,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let bound = on!(write, connection => sqlx::query(BIND)
        .bind(provider)
        .bind(customer_ref)
        .bind(user_id(owner))
        .bind(organization_id(owner))
        .bind(now.as_micros())
        .execute(connection)
        .await?
        .rows_affected());
    Ok(bound > 0)
}

statements![FIND, BIND];
