//! A billing service with a database of its own, behind a socket, at a time that is told.

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tiergate::testing::platform_catalog;
use tiergate_billing::Billing;
use tiergate_billing::api::Api;
use tiergate_billing::auth::Verifier;
use tiergate_billing::database::{Database, DatabaseOptions, Durability as Commits};
use tiergate_billing::payment::ManualProvider;
use tiergate_billing::webhook::{PriceMap, StripeWebhooks};
use tiergate_clock::{Clock, ManualClock};
use tiergate_stripe::WebhookSecrets;
use tiergate_tests::{Client, Postgres, Reply, Server};

use crate::signatures::sign;
use crate::sql::Sql;

/// What the events are signed with. A second secret is on its way in.
pub(crate) const SECRET: &str = "whsec_0123456789abcdefghijklmnopqrstuv";
pub(crate) const NEXT_SECRET: &str = "whsec_vutsrqponmlkjihgfedcba9876543210";

/// The first moment on the clock.
pub(crate) const OPENING: &str = "2026-06-01T00:00:00Z";

/// A service, and everything around it.
pub(crate) struct Office {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) webhooks: StripeWebhooks,
    pub(crate) client: Client,
    pub(crate) address: String,
    _server: Server,
    _folder: TempDir,
}

impl Office {
    /// Over a SQLite file.
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite://{}", folder.path().join("billing.db").display());
        Self::over(address, folder).await
    }

    /// Over a new database of a PostgreSQL server.
    pub(crate) async fn postgres(server: &Postgres) -> Self {
        let address = server.create_database().await;
        Self::over(address, tempfile::tempdir().unwrap()).await
    }

    /// One over each database that is installed.
    pub(crate) async fn each() -> Vec<Self> {
        let mut offices = vec![Self::sqlite().await];
        if let Some(server) = Postgres::shared().await {
            offices.push(Self::postgres(server).await);
        }
        offices
    }

    async fn over(address: String, folder: TempDir) -> Self {
        let clock = Arc::new(ManualClock::at(OPENING.parse().unwrap()));
        let webhooks = another(&address, clock.clone()).await;
        let api = api(&webhooks).with_webhooks(webhooks.0.clone());
        let server = Server::start(api.router()).await;
        Self {
            clock,
            webhooks: webhooks.0,
            client: server.client(),
            address,
            _server: server,
            _folder: folder,
        }
    }

    /// The worker of another process over the same database.
    pub(crate) async fn another_worker(&self) -> StripeWebhooks {
        another(&self.address, self.clock.clone()).await.0
    }

    /// Sends an event as Stripe does.
    pub(crate) async fn deliver(&self, body: &str) -> Reply {
        let signature = sign(SECRET, self.clock.now(), body.as_bytes());
        self.send(&signature, body.as_bytes().to_vec()).await
    }

    /// Sends a body under a signature.
    pub(crate) async fn send(&self, signature: &str, body: Vec<u8>) -> Reply {
        let ask = self.client.post("/webhooks/stripe");
        ask.header("content-type", "application/json")
            .header("stripe-signature", signature)
            .body(body)
            .send()
            .await
    }

    /// Works until nothing is due.
    pub(crate) async fn work(&self) {
        // Each event is tried once at one moment, but for those that others wake.
        for _ in 0..10_000 {
            if self.webhooks.work().await.unwrap().total() == 0 {
                return;
            }
        }
        panic!("there is always something due");
    }

    /// Lets time pass and works, until nothing of a customer is open any more.
    ///
    /// # Panics
    ///
    /// When something stays open for two days.
    pub(crate) async fn settle(&self, sql: &mut Sql, customer: &str) {
        let open = format!(
            "webhook_inbox WHERE state IN ('received', 'waiting', 'failed') \
             AND customer_ref = '{customer}'"
        );
        for _ in 0..48 {
            self.work().await;
            if sql.count(&open).await == 0 {
                return;
            }
            self.clock.advance(Duration::from_secs(60 * 60 + 1));
        }
        let open = format!("SELECT event_id, state, fault FROM {open}");
        panic!("still open: {:?}", sql.lines(&open).await);
    }

    pub(crate) async fn sql(&self) -> Sql {
        Sql::connect(&self.address).await
    }
}

/// An API without webhooks over the same service.
pub(crate) fn api(of: &(StripeWebhooks, Billing)) -> Api {
    let secret = "a secret of the callers' tokens, long enough".into();
    let verifier = Verifier::shared_secret(&secret, of.1.clock().clone()).unwrap();
    Api::new(of.1.clone(), verifier)
}

/// A service over that database, which is brought up to date.
pub(crate) async fn another(address: &str, clock: Arc<ManualClock>) -> (StripeWebhooks, Billing) {
    let options = DatabaseOptions::new(address.parse().unwrap())
        .with_durability(Commits::Normal)
        .with_connections(8);
    let database = Database::connect(&options).await.unwrap();
    database.migrate().await.unwrap();
    let provider = Arc::new(ManualProvider);
    let billing = Billing::assemble(database, platform_catalog(), provider, clock);
    let secrets = WebhookSecrets::parse(&format!("{SECRET},{NEXT_SECRET}")).unwrap();
    let webhooks = StripeWebhooks::new(billing.clone(), secrets, PriceMap::default());
    (webhooks, billing)
}
