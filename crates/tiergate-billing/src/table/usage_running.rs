//! The table of running totals: what a subscription used of a metric within a window, after each batch.
//!
//! Batches that add to one total at once take turns at its row, and each learns what it was before and
//! after it. So the steps of all batches lie one after the other, without a gap and without an overlap,
//! in every isolation level: PostgreSQL reads a row that somebody else has just changed anew before it
//! adds to it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sqlx::types::Json;
use tiergate_core::time::Timestamp;
use uuid::Uuid;

use crate::SubscriptionId;
use crate::database::{DatabaseError, Handle, Session, Write, on};
use crate::record::{BillingMonth, Time};

/// Which total it is. In the order of totals, batches take their turns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Total {
    /// Whose it is.
    pub(crate) subscription: SubscriptionId,
    /// The key of the metric.
    pub(crate) metric: String,
    /// Where its window starts.
    pub(crate) start: Time,
    /// Where its window ends.
    pub(crate) end: Time,
}

/// What is added to a total. The records that it is the sum of are stored by then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Added {
    /// How much.
    pub(crate) quantity: i64,
    /// The months in which a record of the window can be billed.
    pub(crate) months: (BillingMonth, BillingMonth),
}

/// A total before a batch and after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// What it was.
    pub(crate) before: i64,
    /// What it is.
    pub(crate) after: i64,
}

macro_rules! add {
    ($told:literal) => {
        concat!(
            "INSERT INTO usage_running_totals AS running \
             (subscription_id, metric, window_start, window_end, total, added, batches) SELECT ",
            $told,
            " WHERE TRUE ON CONFLICT (subscription_id, metric, window_start, window_end) \
             DO UPDATE SET total = running.total + excluded.added, added = excluded.added, \
             batches = running.batches + 1 \
             RETURNING subscription_id, metric, window_start, window_end, total, added, batches"
        )
    };
}

const ADD_POSTGRES: &str = add!(
    "subscription_id, metric, window_start, window_end, added, added, 1 FROM UNNEST($1::uuid[], \
     $2::text[], $3::bigint[], $4::bigint[], $5::bigint[]) \
     AS told (subscription_id, metric, window_start, window_end, added)"
);

const ADD_SQLITE: &str = add!(
    "unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 4, 1 \
     FROM json_each($1)"
);

// The names in `told` are others than the table's: SQLite takes no qualified names in RETURNING.
macro_rules! sum {
    ($told:literal) => {
        concat!(
            "UPDATE usage_running_totals AS running SET total = \
             (SELECT CAST(COALESCE(SUM(u.quantity), 0) AS BIGINT) FROM usage_records u \
             WHERE u.subscription_id = running.subscription_id AND u.metric = running.metric \
             AND u.billing_month BETWEEN told.first_month AND told.last_month \
             AND u.occurred_at >= running.window_start AND u.occurred_at < running.window_end) FROM ",
            $told,
            " WHERE running.subscription_id = told.of_subscription \
             AND running.metric = told.of_metric AND running.window_start = told.starts_at \
             AND running.window_end = told.ends_at \
             RETURNING subscription_id, metric, window_start, window_end, total, added, batches"
        )
    };
}

const SUM_POSTGRES: &str = sum!(
    "UNNEST($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::text[]) \
     AS told (of_subscription, of_metric, starts_at, ends_at, first_month, last_month)"
);

const SUM_SQLITE: &str = sum!(
    "(SELECT unhex(value ->> 0) AS of_subscription, value ->> 1 AS of_metric, \
     value ->> 2 AS starts_at, value ->> 3 AS ends_at, value ->> 4 AS first_month, \
     value ->> 5 AS last_month FROM json_each($1)) told"
);

const FORGET: &str = "DELETE FROM usage_running_totals WHERE window_end <= $1";

#[derive(sqlx::FromRow)]
struct Row {
    subscription_id: Uuid,
    metric: String,
    window_start: Time,
    window_end: Time,
    total: i64,
    added: i64,
    batches: i64,
}

impl Row {
    fn step(self) -> (Total, Step) {
        let step = Step {
            before: self.total.saturating_sub(self.added),
            after: self.total,
        };
        let total = Total {
            subscription: self.subscription_id.into(),
            metric: self.metric,
            start: self.window_start,
            end: self.window_end,
        };
        (total, step)
    }
}

/// Adds to totals, and tells of each what it was and what it is.
///
/// Two batches that add to the same totals do not wait for each other in a circle, because both take
/// them in their order.
pub(crate) async fn add(
    write: &mut Write,
    mut totals: Vec<(Total, Added)>,
) -> Result<BTreeMap<Total, Step>, DatabaseError> {
    if totals.is_empty() {
        return Ok(BTreeMap::new());
    }
    totals.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    let rows: Vec<Row> = match write.handle() {
        Handle::Sqlite(connection) => {
            let rows = json_rows(&totals, |added| vec![json!(added.quantity)]);
            sqlx::query_as(ADD_SQLITE)
                .bind(rows)
                .fetch_all(connection)
                .await?
        }
        Handle::Postgres(connection) => {
            let quantities: Vec<_> = totals.iter().map(|(_, added)| added.quantity).collect();
            bound(ADD_POSTGRES, &totals)
                .bind(quantities)
                .fetch_all(connection)
                .await?
        }
    };
    let (fresh, known): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.batches == 1);
    let mut steps: BTreeMap<_, _> = known.into_iter().map(Row::step).collect();
    let fresh: BTreeSet<_> = fresh.into_iter().map(|row| row.step().0).collect();
    totals.retain(|(total, _)| fresh.contains(total));
    let summed = sum(write, &totals).await?;
    steps.extend(summed.into_iter().map(Row::step));
    Ok(steps)
}

/// Makes totals that have just been begun the sums of the records that are there.
///
/// Those of this batch are among them. Whoever has others that are not seen here has yet to add them:
/// they wait for the row that is ours since it was begun.
async fn sum(write: &mut Write, fresh: &[(Total, Added)]) -> Result<Vec<Row>, DatabaseError> {
    if fresh.is_empty() {
        return Ok(Vec::new());
    }
    Ok(match write.handle() {
        Handle::Sqlite(connection) => {
            let months = |added: &Added| vec![json!(added.months.0), json!(added.months.1)];
            sqlx::query_as(SUM_SQLITE)
                .bind(json_rows(fresh, months))
                .fetch_all(connection)
                .await?
        }
        Handle::Postgres(connection) => {
            let months = fresh.iter().map(|(_, added)| added.months);
            let (first, last): (Vec<_>, Vec<_>) = months
                .map(|(first, last)| (first.to_string(), last.to_string()))
                .unzip();
            bound(SUM_POSTGRES, fresh)
                .bind(first)
                .bind(last)
                .fetch_all(connection)
                .await?
        }
    })
}

/// The names of totals, each with more values behind it.
fn json_rows(
    totals: &[(Total, Added)],
    more: impl Fn(&Added) -> Vec<Value>,
) -> Json<Vec<Vec<Value>>> {
    let rows = totals.iter().map(|(total, added)| {
        let mut row = vec![
            json!(total.subscription.uuid().simple()),
            json!(total.metric),
            json!(total.start.as_micros()),
            json!(total.end.as_micros()),
        ];
        row.extend(more(added));
        row
    });
    Json(rows.collect())
}

type PostgresRows<'q> = sqlx::query::QueryAs<'q, sqlx::Postgres, Row, sqlx::postgres::PgArguments>;

/// A statement with the names of totals bound to its first four places.
fn bound<'t>(statement: &'static str, totals: &'t [(Total, Added)]) -> PostgresRows<'t> {
    fn column<'t, T>(totals: &'t [(Total, Added)], value: impl Fn(&'t Total) -> T) -> Vec<T> {
        totals.iter().map(|(total, _)| value(total)).collect()
    }
    sqlx::query_as(statement)
        .bind(column(totals, |total| total.subscription.uuid()))
        .bind(column(totals, |total| total.metric.as_str()))
        .bind(column(totals, |total| total.start.as_micros()))
        .bind(column(totals, |total| total.end.as_micros()))
}

/// Deletes the totals of windows that had ended by `before`, in which nothing is recorded any more.
pub(crate) async fn forget(write: &mut Write, before: Timestamp) -> Result<u64, DatabaseError> {
    Ok(on!(write, connection => sqlx::query(FORGET)
        .bind(before.as_micros())
        .execute(connection)
        .await?
        .rows_affected()))
}

statements![ADD_POSTGRES, ADD_SQLITE, SUM_POSTGRES, SUM_SQLITE, FORGET];
