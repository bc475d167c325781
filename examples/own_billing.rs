//! The billing service, run by the program that asks it.
//!
//! It is what `tiergate serve` runs, on a database that ends with the program. A real service would leave
//! the folder out, and keep the file.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use secrecy::SecretString;
use tempfile::TempDir;
use tiergate::Catalog;
use tiergate_billing::api::Api;
use tiergate_billing::auth::Verifier;
use tiergate_billing::database::{Database, DatabaseAddress, DatabaseOptions};
use tiergate_billing::server::{Server, ServerOptions, Shutdown};
use tiergate_billing::webhook::{PriceMap, StripeWebhooks};
use tiergate_billing::{Billing, Context};
use tiergate_stripe::WebhookSecrets;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

/// A billing service that can be stopped and started.
pub(crate) struct OwnBilling {
    billing: Billing,
    verifier: Verifier,
    secrets: WebhookSecrets,
    address: SocketAddr,
    running: Mutex<Option<Running>>,
    /// Removed at the end, with the database in it.
    _folder: TempDir,
}

struct Running {
    shutdown: Shutdown,
    server: JoinHandle<()>,
}

impl OwnBilling {
    /// Starts the service on a port of this machine. Callers' tokens are signed with `tokens`, and
    /// Stripe's webhooks with one of `secrets`.
    pub(crate) async fn start(
        catalog: Catalog,
        port: u16,
        tokens: &SecretString,
        secrets: WebhookSecrets,
    ) -> Result<Self, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let address = DatabaseAddress::sqlite(folder.path().join("tiergate.db"));
        let database = Database::connect(&DatabaseOptions::new(address)).await?;
        database.migrate().await?;
        let billing = Billing::new(database, catalog);
        let context = Context::system("start", billing.clock().now());
        billing.seed_catalog(&context).await?;
        let verifier = Verifier::shared_secret(tokens, Arc::clone(billing.clock()))?;
        let mut own = Self {
            billing,
            verifier,
            secrets,
            address: ([127, 0, 0, 1], port).into(),
            running: Mutex::new(None),
            _folder: folder,
        };
        let server = own.bind().await?;
        // A port of 0 is another one now, and stays that over stops and starts.
        own.address = server.address();
        own.running = Mutex::new(Some(Running::of(server)));
        Ok(own)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts every connection off, and takes no more, as if the service had died.
    pub(crate) async fn stop(&self) {
        if let Some(running) = self.running.lock().await.take() {
            running.shutdown.at_once();
            // It ends whether it ended well or not.
            let _ = running.server.await;
        }
    }

    /// Starts it again, unless it runs.
    pub(crate) async fn resume(&self) -> Result<(), Box<dyn Error>> {
        let mut running = self.running.lock().await;
        if running.is_none() {
            *running = Some(Running::of(self.bind().await?));
        }
        Ok(())
    }

    async fn bind(&self) -> Result<Server, Box<dyn Error>> {
        let secrets = self.secrets.clone();
        let webhooks = StripeWebhooks::new(self.billing.clone(), secrets, PriceMap::default());
        let api = Api::new(self.billing.clone(), self.verifier.clone()).with_webhooks(webhooks);
        Ok(Server::bind(api, ServerOptions::new(self.address)).await?)
    }
}

impl Running {
    fn of(server: Server) -> Self {
        let shutdown = Shutdown::new();
        let until = shutdown.clone();
        let server = tokio::spawn(async move {
            server.run(until).await;
        });
        Self { shutdown, server }
    }
}
