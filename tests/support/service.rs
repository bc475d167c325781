//! The billing service as a process, over a database of its own.

use std::fs;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;
use tiergate_clock::SystemClock;
use tokio::time::sleep;

use crate::stripe::{Stripe, StripeEvent};
use crate::tokens::{Mint, Token};
use crate::{Ask, Client, Launch, Postgres, Program, Reply};

const CATALOG: &str = include_str!("../../crates/tiergate/feature-flags.yaml");
const JWT_SECRET: &str = "a secret of the tests, long enough to be one";
const WEBHOOK_SECRET: &str = "whsec_a_secret_of_the_tests_long_enough";

/// Which database a service keeps its records in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// A file in the folder that the service works in.
    Sqlite,
    /// A database of the server that the tests of one program share.
    Postgres,
}

/// What an owner's first subscription begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trial {
    /// The days of the catalog.
    Days,
    /// An invoice.
    None,
}

/// The billing service, as a process.
#[derive(Debug)]
pub struct Service {
    program: Program,
    client: Client,
    mint: Mint,
    stripe: Stripe,
    database: Option<String>,
    _catalog: TempDir,
}

/// The rows that a query gives, on whichever database: each a list of texts.
pub type Rows = Vec<Vec<String>>;

impl Service {
    /// A service over a new database. None when PostgreSQL is not installed, which is told.
    pub async fn start(store: Store, trial: Trial) -> Option<Self> {
        Self::start_interrupted(store, trial, &[]).await
    }

    /// The same, killed so long after it began, as often as there are times, before it is waited for.
    pub async fn start_interrupted(store: Store, trial: Trial, kills: &[Duration]) -> Option<Self> {
        let database = store.database().await?;
        Some(Self::over(database, trial, kills).await)
    }

    /// A service over a new database, with a catalog of the test's own. None when PostgreSQL is not
    /// installed, which is told.
    pub async fn start_with(store: Store, catalog: &str) -> Option<Self> {
        let database = store.database().await?;
        Some(Self::with_catalog(database, catalog, &[]).await)
    }

    /// Another service over the same database.
    ///
    /// # Panics
    ///
    /// When that is a file, which is in the other's folder.
    pub async fn another(&self, trial: Trial) -> Self {
        assert!(self.database.is_some(), "a file is not shared here");
        Self::over(self.database.clone(), trial, &[]).await
    }

    async fn over(database: Option<String>, trial: Trial, kills: &[Duration]) -> Self {
        let text = match trial {
            Trial::Days => CATALOG.to_owned(),
            Trial::None => CATALOG.replace("trial_days: 14 ", "trial_days: 0 "),
        };
        Self::with_catalog(database, &text, kills).await
    }

    async fn with_catalog(database: Option<String>, catalog: &str, kills: &[Duration]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("feature-flags.yaml");
        fs::write(&file, catalog).unwrap();
        let url = database.as_deref().unwrap_or("sqlite://tiergate.db");
        let launch = Launch::tiergate()
            .await
            .arg("serve")
            .env("DATABASE_URL", url)
            .env("TIERGATE_CATALOG", file)
            .env("TIERGATE_JWT_SECRET", JWT_SECRET)
            .env("TIERGATE_RATE_LIMIT_USERS", "unlimited")
            .env("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET);
        let program = match kills.split_first() {
            None => launch.start().await,
            Some((first, others)) => {
                let program = launch.begin();
                sleep(*first).await;
                program.kill().await;
                for run in others {
                    program.rerun();
                    sleep(*run).await;
                    program.kill().await;
                }
                program.restart().await;
                program
            }
        };
        Self {
            client: program.client(),
            program,
            mint: Mint::new(JWT_SECRET),
            stripe: Stripe::new(WEBHOOK_SECRET),
            database,
            _catalog: folder,
        }
    }

    /// The process.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Where its records are.
    #[must_use]
    pub fn database_url(&self) -> String {
        let file = self.program.folder().join("tiergate.db");
        let of_file = || format!("sqlite://{}", file.display());
        self.database.clone().unwrap_or_else(of_file)
    }

    /// Where it is reached.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.program.address())
    }

    /// Who sends it events.
    #[must_use]
    pub fn stripe(&self) -> &Stripe {
        &self.stripe
    }

    /// The token of a service, without the word before it.
    #[must_use]
    pub fn service_token(&self) -> String {
        self.mint
            .sign(&Token::service("guard", &SystemClock::new()))
    }

    /// A request of a user.
    pub fn as_user(&self, id: &str, method: Method, path: &str) -> Ask {
        self.ask(&Token::user(id, &SystemClock::new()), method, path)
    }

    /// A request of an administrator.
    pub fn as_admin(&self, id: &str, method: Method, path: &str) -> Ask {
        self.ask(&Token::admin(id, &SystemClock::new()), method, path)
    }

    /// A request of another service.
    pub fn as_service(&self, method: Method, path: &str) -> Ask {
        self.ask(&Token::service("guard", &SystemClock::new()), method, path)
    }

    fn ask(&self, token: &Token, method: Method, path: &str) -> Ask {
        let bearer = self.mint.bearer(token);
        self.client
            .ask(method, path)
            .header("authorization", &bearer)
            .header("content-type", "application/json")
    }

    /// A request to subscribe to a tier that is paid every month.
    pub fn subscribe(&self, user: &str, tier: &str) -> Ask {
        let body = json!({"tier": tier, "billingCycle": "monthly"});
        self.as_user(user, Method::POST, "/api/subscriptions")
            .body(body.to_string())
    }

    /// A request to change a subscription.
    pub fn change(&self, user: &str, id: &str, change: &Value) -> Ask {
        self.as_user(user, Method::PATCH, &format!("/api/subscriptions/{id}"))
            .body(change.to_string())
    }

    /// The delivery of an event.
    pub fn deliver(&self, event: &StripeEvent) -> Ask {
        self.stripe
            .sign(self.client.post("/webhooks/stripe"), event)
    }

    /// What a user has, as the service tells it.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub async fn standing(&self, user: &str) -> Value {
        let path = format!("/api/subscriptions/user/{user}");
        let reply = self.as_service(Method::GET, &path).send().await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.data()
    }

    /// Changes the database itself, beside the service.
    ///
    /// # Panics
    ///
    /// When it does not do so.
    pub async fn execute(&self, statement: &'static str) {
        match &self.database {
            Some(url) => {
                let mut connection = PgConnection::connect(url).await.unwrap();
                let done = sqlx::query(statement).execute(&mut connection).await;
                done.map(drop).unwrap();
            }
            None => {
                let mut connection = SqliteConnection::connect(&self.file("rw")).await.unwrap();
                let done = sqlx::query(statement).execute(&mut connection).await;
                done.map(drop).unwrap();
                connection.close().await.unwrap();
            }
        }
    }

    fn file(&self, mode: &str) -> String {
        format!("{}?mode={mode}", self.database_url())
    }

    /// Asks the database itself, beside the service. Every column has to be a text.
    ///
    /// # Panics
    ///
    /// When it does not answer.
    pub async fn rows(&self, query: &'static str) -> Rows {
        use sqlx::Row;
        macro_rules! all {
            ($connection:expr) => {{
                let mut connection = $connection;
                let rows = sqlx::query(query).fetch_all(&mut connection).await;
                let rows = rows.unwrap_or_else(|why| panic!("{query}: {why}"));
                let texts = |row: &_| {
                    (0..Row::len(row))
                        .map(|column| Row::get(row, column))
                        .collect()
                };
                rows.iter().map(texts).collect()
            }};
        }
        match &self.database {
            Some(url) => all!(PgConnection::connect(url).await.unwrap()),
            None => all!(SqliteConnection::connect(&self.file("ro")).await.unwrap()),
        }
    }
}

impl Store {
    /// The URL of a new database; none of a file, which its service makes. None when PostgreSQL is not
    /// installed, which is told.
    async fn database(self) -> Option<Option<String>> {
        match self {
            Self::Sqlite => Some(None),
            Self::Postgres => Some(Some(Postgres::shared().await?.create_database().await)),
        }
    }
}

impl Reply {
    /// What a success says.
    #[must_use]
    pub fn data(&self) -> Value {
        self.json().get("data").cloned().unwrap_or_default()
    }
}

/// A key that was never used.
#[must_use]
pub fn fresh_key() -> String {
    format!("{:032x}", fastrand::u128(..))
}
