//! What owners used, over all subscriptions that they had: many questions at once.

use serde_json::{Value, json};
use tiergate_core::{Subject, SubjectKind, Window};

use crate::database::{DatabaseError, Handle, Session, on};
use crate::record::{BillingMonth, Time};

/// How much of a metric did somebody use within a window?
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    /// Whose usage it is.
    pub(crate) owner: Subject,
    /// The key of the metric.
    pub(crate) metric: String,
    /// When it happened.
    pub(crate) window: Window,
    /// The months in which a record of the window can be billed.
    pub(crate) months: (BillingMonth, BillingMonth),
}

/// What the ledger says to a question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Booked {
    /// How much it was.
    pub(crate) total: i64,
    /// When the last of it was recorded; none where nothing was.
    pub(crate) latest: Option<Time>,
}

// Each question is answered by itself, by index: without LATERAL and the order of SQLite's joins, a
// database may choose to read the whole table for a few of them.
macro_rules! postgres {
    ($column:literal) => {
        concat!(
            "SELECT told.place, used.total, used.latest FROM UNNEST($1::bigint[], $2::text[], \
             $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[]) \
             AS told (place, owner, metric, window_start, window_end, first_month, last_month) \
             CROSS JOIN LATERAL (SELECT CAST(COALESCE(SUM(u.quantity), 0) AS BIGINT) AS total, \
             MAX(u.recorded_at) AS latest FROM subscriptions s \
             JOIN usage_records u ON u.subscription_id = s.id WHERE s.",
            $column,
            " = told.owner AND u.metric = told.metric \
             AND u.billing_month BETWEEN told.first_month AND told.last_month \
             AND u.occurred_at >= told.window_start AND u.occurred_at < told.window_end) used"
        )
    };
}

macro_rules! sqlite {
    ($column:literal) => {
        concat!(
            "SELECT told.value ->> 0 AS place, COALESCE(SUM(u.quantity), 0) AS total, \
             MAX(u.recorded_at) AS latest FROM json_each($1) told CROSS JOIN subscriptions s ON s.",
            $column,
            " = told.value ->> 1 CROSS JOIN usage_records u ON u.subscription_id = s.id \
             AND u.metric = told.value ->> 2 \
             AND u.billing_month BETWEEN told.value ->> 5 AND told.value ->> 6 \
             AND u.occurred_at >= told.value ->> 3 AND u.occurred_at < told.value ->> 4 \
             GROUP BY told.value ->> 0"
        )
    };
}

const OF_USERS_POSTGRES: &str = postgres!("user_id");
const OF_USERS_SQLITE: &str = sqlite!("user_id");
const OF_ORGANIZATIONS_POSTGRES: &str = postgres!("organization_id");
const OF_ORGANIZATIONS_SQLITE: &str = sqlite!("organization_id");

const USERS: &str = "SELECT DISTINCT user_id FROM subscriptions WHERE user_id > $1 \
     ORDER BY user_id LIMIT $2";

const ORGANIZATIONS: &str = "SELECT DISTINCT organization_id FROM subscriptions \
     WHERE organization_id > $1 ORDER BY organization_id LIMIT $2";

#[derive(sqlx::FromRow)]
struct Row {
    place: i64,
    total: i64,
    latest: Option<Time>,
}

type Placed<'q> = (i64, &'q Question);

/// What the ledger says to each question, in their order.
pub(crate) async fn booked(
    session: &mut impl Session,
    questions: &[Question],
) -> Result<Vec<Booked>, DatabaseError> {
    let mut booked = vec![Booked::default(); questions.len()];
    for kind in [SubjectKind::User, SubjectKind::Organization] {
        let placed = (0_i64..).zip(questions);
        let of_kind = placed.filter(|(_, question)| question.owner.kind() == kind);
        let of_kind: Vec<_> = of_kind.collect();
        if of_kind.is_empty() {
            continue;
        }
        for row in of_owners(session, kind, &of_kind).await? {
            let place = usize::try_from(row.place).ok();
            if let Some(answer) = place.and_then(|place| booked.get_mut(place)) {
                *answer = Booked {
                    total: row.total,
                    latest: row.latest,
                };
            }
        }
    }
    Ok(booked)
}

async fn of_owners(
    session: &mut impl Session,
    kind: SubjectKind,
    placed: &[Placed<'_>],
) -> Result<Vec<Row>, DatabaseError> {
    let (sqlite, postgres) = match kind {
        SubjectKind::User => (OF_USERS_SQLITE, OF_USERS_POSTGRES),
        SubjectKind::Organization => (OF_ORGANIZATIONS_SQLITE, OF_ORGANIZATIONS_POSTGRES),
    };
    Ok(match session.handle() {
        Handle::Sqlite(connection) => {
            sqlx::query_as(sqlite)
                .bind(json_rows(placed))
                .fetch_all(connection)
                .await?
        }
        Handle::Postgres(connection) => {
            postgres_query(postgres, placed)
                .fetch_all(connection)
                .await?
        }
    })
}

fn json_rows(placed: &[Placed<'_>]) -> String {
    let rows = placed.iter().map(|(place, question)| {
        json!([
            place,
            question.owner.id(),
            question.metric,
            question.window.start().as_micros(),
            question.window.end().as_micros(),
            question.months.0,
            question.months.1,
        ])
    });
    Value::from_iter(rows).to_string()
}

type PostgresRows<'q> = sqlx::query::QueryAs<'q, sqlx::Postgres, Row, sqlx::postgres::PgArguments>;

fn postgres_query<'q>(statement: &'static str, placed: &[Placed<'q>]) -> PostgresRows<'q> {
    fn column<'q, T>(placed: &[Placed<'q>], value: impl Fn(&'q Question) -> T) -> Vec<T> {
        placed.iter().map(|(_, question)| value(question)).collect()
    }
    let places: Vec<_> = placed.iter().map(|(place, _)| *place).collect();
    sqlx::query_as(statement)
        .bind(places)
        .bind(column(placed, |question| question.owner.id()))
        .bind(column(placed, |question| question.metric.as_str()))
        .bind(column(placed, |question| {
            question.window.start().as_micros()
        }))
        .bind(column(placed, |question| question.window.end().as_micros()))
        .bind(column(placed, |question| question.months.0.to_string()))
        .bind(column(placed, |question| question.months.1.to_string()))
}

/// The ids of the owners of a kind that have or had a subscription, after one of them, `most` at most.
pub(crate) async fn owners(
    session: &mut impl Session,
    kind: SubjectKind,
    after: &str,
    most: u32,
) -> Result<Vec<String>, DatabaseError> {
    let statement = match kind {
        SubjectKind::User => USERS,
        SubjectKind::Organization => ORGANIZATIONS,
    };
    Ok(on!(session, connection => sqlx::query_scalar(statement)
        .bind(after)
        .bind(i64::from(most))
        .fetch_all(connection)
        .await?))
}

statements![
    OF_USERS_POSTGRES,
    OF_USERS_SQLITE,
    OF_ORGANIZATIONS_POSTGRES,
    OF_ORGANIZATIONS_SQLITE,
    USERS,
    ORGANIZATIONS
];
