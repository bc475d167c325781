//! Sums over subscriptions and invoices, for reports. What they mean is decided in `reports/`.

use crate::database::{DatabaseError, Handle, Session, on};
use crate::record::Time;

/// Subscriptions that are sold alike.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct SoldRow {
    pub(crate) tier: String,
    pub(crate) billing_cycle: Option<String>,
    pub(crate) seats: Option<i64>,
    pub(crate) discount: i64,
    pub(crate) subscriptions: i64,
}

/// Subscriptions of one tier and status.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct StandingRow {
    pub(crate) tier: String,
    pub(crate) status: String,
    pub(crate) subscriptions: i64,
}

/// Invoices of one tier and currency.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct PaidRow {
    pub(crate) tier: String,
    pub(crate) currency: String,
    pub(crate) invoices: i64,
    pub(crate) paid: i64,
    pub(crate) tax: i64,
    pub(crate) refunded: i64,
}

/// Subscriptions that were there at the start of a span, and went the same way in it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct CustomerRow {
    /// The tier at the start.
    pub(crate) tier_at_start: String,
    /// The tier that their owners have at the end; none if they have no subscription then.
    pub(crate) tier_now: Option<String>,
    pub(crate) subscriptions: i64,
}

const SOLD: &str = "SELECT tier, billing_cycle, seats, discount, COUNT(*) AS subscriptions \
     FROM subscriptions \
     WHERE status = 'active' OR (status = 'trialing' AND (trial_end IS NULL OR trial_end > $1)) \
     GROUP BY tier, billing_cycle, seats, discount";

const STANDINGS: &str = "SELECT tier, status, COUNT(*) AS subscriptions \
     FROM subscriptions GROUP BY tier, status";

// The sum of integers is a wider type on PostgreSQL.
const PAID: &str = "SELECT tier, currency, COUNT(*) AS invoices, \
     CAST(SUM(total) AS BIGINT) AS paid, CAST(SUM(tax) AS BIGINT) AS tax, \
     CAST(SUM(refunded) AS BIGINT) AS refunded \
     FROM invoices WHERE status = 'paid' AND paid_at >= $1 AND paid_at < $2 \
     GROUP BY tier, currency";

/// When a subscription ended; null if it has not.
macro_rules! ended {
    () => {
        "CASE WHEN s.status = 'canceled' THEN CASE WHEN s.cancel_at_period_end \
         THEN COALESCE(s.period_end, s.canceled_at, s.updated_at) \
         ELSE COALESCE(s.canceled_at, s.updated_at) END END"
    };
}

/// Subscriptions as they were at $1 and what their owners have at $2. The audit log names a subscription
/// by the text of its id, which each database makes in its own way; it is asked only about what has
/// changed since $1. Materialized, or SQLite would look everything up twice.
macro_rules! customers {
    ($id_text:literal) => {
        concat!(
            "WITH customers AS MATERIALIZED (SELECT CASE WHEN s.updated_at <= $1 THEN s.tier \
                 ELSE COALESCE((SELECT a.after ->> 'tier' FROM audit_log a \
                     WHERE a.object_kind = 'subscription' AND a.object_id = ",
            $id_text,
            " AND a.at <= $1 AND a.after ->> 'tier' IS NOT NULL \
                     ORDER BY a.at DESC, a.id DESC LIMIT 1), s.tier) END AS tier_at_start, \
                 CASE WHEN (",
            ended!(),
            ") <= $2 THEN (SELECT n.tier FROM subscriptions n \
                     WHERE (n.user_id = s.user_id OR n.organization_id = s.organization_id) \
                     AND n.status NOT IN ('canceled', 'incomplete_expired') LIMIT 1) \
                 ELSE s.tier END AS tier_now \
             FROM subscriptions s \
             WHERE s.created_at <= $1 AND s.status NOT IN ('incomplete', 'incomplete_expired') \
             AND (s.trial_end IS NULL OR s.trial_end <= $1) \
             AND ((",
            ended!(),
            ") IS NULL OR (",
            ended!(),
            ") > $1)) \
             SELECT tier_at_start, tier_now, COUNT(*) AS subscriptions FROM customers \
             GROUP BY tier_at_start, tier_now"
        )
    };
}

const CUSTOMERS_POSTGRES: &str = customers!("CAST(s.id AS TEXT)");

const CUSTOMERS_SQLITE: &str = customers!(
    "LOWER(SUBSTR(HEX(s.id), 1, 8) || '-' || SUBSTR(HEX(s.id), 9, 4) || '-' || \
     SUBSTR(HEX(s.id), 13, 4) || '-' || SUBSTR(HEX(s.id), 17, 4) || '-' || SUBSTR(HEX(s.id), 21))"
);

/// What is sold at `now`: active, or in a trial that lasts.
pub(crate) async fn sold(
    session: &mut impl Session,
    now: Time,
) -> Result<Vec<SoldRow>, DatabaseError> {
    Ok(on!(session, connection => sqlx::query_as(SOLD)
        .bind(now)
        .fetch_all(connection)
        .await?))
}

/// All subscriptions, counted by tier and status.
pub(crate) async fn standings(
    session: &mut impl Session,
) -> Result<Vec<StandingRow>, DatabaseError> {
    Ok(on!(session, connection => sqlx::query_as(STANDINGS)
        .fetch_all(connection)
        .await?))
}

/// Invoices that were paid from `start` on and before `end`.
pub(crate) async fn paid(
    session: &mut impl Session,
    start: Time,
    end: Time,
) -> Result<Vec<PaidRow>, DatabaseError> {
    Ok(on!(session, connection => sqlx::query_as(PAID)
        .bind(start)
        .bind(end)
        .fetch_all(connection)
        .await?))
}

/// Subscriptions that were past their trial and had not ended at `start`, and what became of them until
/// `end`.
pub(crate) async fn customers(
    session: &mut impl Session,
    start: Time,
    end: Time,
) -> Result<Vec<CustomerRow>, DatabaseError> {
    let statement = match session.handle() {
        Handle::Sqlite(_) => CUSTOMERS_SQLITE,
        Handle::Postgres(_) => CUSTOMERS_POSTGRES,
    };
    Ok(on!(session, connection => sqlx::query_as(statement)
        .bind(start)
        .bind(end)
        .fetch_all(connection)
        .await?))
}

statements![SOLD, STANDINGS, PAID, CUSTOMERS_POSTGRES, CUSTOMERS_SQLITE];
