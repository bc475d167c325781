//! A database with room for the store of each test, and short words for what tests do to stores.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};
use tiergate::usage::{
    Admitted, Claim, CounterKey, CounterWindow, PostgresUsage, PostgresUsageBuilder, Reserve,
    ReserveOutcome, UsageStore,
};
use tiergate_clock::ManualClock;
use tiergate_core::{Limit, Subject};
use tiergate_tests::Postgres;
use tokio::sync::OnceCell;

pub(crate) const TTL: Duration = Duration::from_secs(600);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// Longer than any call takes on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(15);

static DATABASE: OnceCell<String> = OnceCell::const_new();
static SCHEMAS: AtomicU32 = AtomicU32::new(0);

/// A schema of a database, for one test.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) schema: String,
}

impl Place {
    /// One of the shared server. None when PostgreSQL is not installed, which is told.
    pub(crate) async fn new() -> Option<Self> {
        let server = Postgres::shared().await?;
        let database = DATABASE.get_or_init(|| server.create_database()).await;
        Some(Self::at(database))
    }

    /// One of the database at `url`.
    pub(crate) fn at(url: &str) -> Self {
        let number = SCHEMAS.fetch_add(1, Ordering::Relaxed);
        Self {
            url: url.to_owned(),
            schema: format!("usage_{number}"),
        }
    }

    /// The same schema, reached by another URL.
    pub(crate) fn through(&self, url: String) -> Self {
        let schema = self.schema.clone();
        Self { url, schema }
    }

    /// A store that takes its time from the server.
    pub(crate) fn builder(&self) -> PostgresUsageBuilder {
        PostgresUsage::builder(&self.url)
            .schema(&self.schema)
            .deadline(PATIENCE)
            .connections(3)
    }

    /// A store that reads `clock`.
    pub(crate) async fn store(&self, clock: &ManualClock) -> PostgresUsage {
        let builder = self.builder().clock(Arc::new(clock.clone()));
        builder.connect().await.unwrap()
    }

    /// A connection of the test's own.
    pub(crate) async fn connection(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap()
    }

    /// Runs a statement, in which `@` is the schema.
    pub(crate) async fn execute(&self, statement: &str) {
        let statement = statement.replace('@', &self.schema);
        let mut connection = self.connection().await;
        connection.execute(AssertSqlSafe(statement)).await.unwrap();
        connection.close().await.unwrap();
    }

    /// How many rows a table of the schema has.
    pub(crate) async fn rows(&self, table: &str) -> i64 {
        self.number(&format!("SELECT count(*) FROM @.{table}"))
            .await
    }

    /// The one number that a query gives.
    pub(crate) async fn number(&self, query: &str) -> i64 {
        let query = query.replace('@', &self.schema);
        let mut connection = self.connection().await;
        let row = connection.fetch_one(AssertSqlSafe(query)).await.unwrap();
        row.get(0)
    }
}

pub(crate) fn gauge(subject: &str) -> CounterKey {
    CounterKey::new(Subject::user(subject), "units", CounterWindow::Level)
}

pub(crate) fn rate(subject: &str) -> CounterKey {
    let window = CounterWindow::Sliding { length: MINUTE };
    CounterKey::new(Subject::user(subject), "units", window)
}

pub(crate) fn claim(key: &CounterKey, units: u64, limit: u64) -> Claim {
    Claim::new(key.clone(), units, Limit::AtMost(limit))
}

pub(crate) async fn admitted(store: &PostgresUsage, claims: &[Claim]) -> Admitted {
    match store.reserve(Reserve::new(claims, TTL)).await.unwrap() {
        ReserveOutcome::Admitted(admitted) => admitted,
        ReserveOutcome::Refused(refused) => panic!("{claims:?} should fit, but {refused:?}"),
    }
}

pub(crate) async fn used(store: &PostgresUsage, key: &CounterKey) -> u64 {
    let states = store.peek(std::slice::from_ref(key)).await.unwrap();
    states[0].used()
}
