//! The guarded service of the platform, and its clients.

use std::error::Error;
use std::net::SocketAddr;

use axum::Router;
use axum::routing::{get, post};
use tiergate::TierGate;
use tokio::net::TcpListener;
use tower::util::MapRequestLayer;

use crate::sign_in;

/// A service that runs until the program ends.
pub(crate) struct Service {
    address: SocketAddr,
    client: reqwest::Client,
}

impl Service {
    pub(crate) async fn start(gate: &TierGate) -> Result<Self, Box<dyn Error>> {
        let application = Router::new()
            .route(
                "/contacts",
                get(async || "Ada Lovelace, Grace Hopper\n")
                    .layer(gate.require_feature("crm_enabled")?),
            )
            .route(
                "/execute",
                post(async || "executed\n")
                    .layer(gate.check_usage_limit("workflow_executions_monthly")?),
            )
            .layer(MapRequestLayer::new(sign_in::sign_in));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, application).await {
                eprintln!("the service ended: {error}");
            }
        });
        Ok(Self {
            address,
            client: reqwest::Client::builder().no_proxy().build()?,
        })
    }

    /// Reads the contacts as a user. Returns the status.
    pub(crate) async fn contacts(&self, user: &str) -> Result<u16, Box<dyn Error>> {
        let request = self
            .client
            .get(format!("http://{}/contacts", self.address))
            .bearer_auth(format!("demo-{user}"));
        Ok(request.send().await?.status().as_u16())
    }

    /// Executes a workflow as a user. Returns the status.
    pub(crate) async fn execute(&self, user: &str) -> Result<u16, Box<dyn Error>> {
        let request = self
            .client
            .post(format!("http://{}/execute", self.address))
            .bearer_auth(format!("demo-{user}"));
        Ok(request.send().await?.status().as_u16())
    }

    /// Sends an event to billing, as Stripe does.
    pub(crate) async fn webhook(
        &self,
        billing: SocketAddr,
        signature: &str,
        body: String,
    ) -> Result<(), Box<dyn Error>> {
        let request = self
            .client
            .post(format!("http://{billing}/webhooks/stripe"))
            .header("stripe-signature", signature)
            .header("content-type", "application/json")
            .body(body);
        let answer = request.send().await?;
        match answer.status().as_u16() {
            200 => Ok(()),
            status => Err(format!(
                "the webhook was answered {status}: {}",
                answer.text().await?
            )
            .into()),
        }
    }
}
