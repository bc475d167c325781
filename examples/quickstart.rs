//! A service whose routes are guarded by tier, feature and limit, and the billing service that it asks.
//!
//! ```console
//! $ cargo run -p tiergate-examples --example quickstart
//! ```
//!
//! It prints what to try. Both servers run in this one process and listen on this machine only. With
//! `--billing URL` the guarded service alone runs here, and asks a billing service that runs elsewhere.

mod billing_client;
mod demo;
mod own_billing;
mod quickstart_guide;
mod quickstart_subscribers;
mod sign_in;
mod tokens;

use std::cell::OnceCell;
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use http::{Extensions, HeaderName, StatusCode};
use tiergate::lookup::StaticToken;
use tiergate::request::FromExtensions;
use tiergate::{Access, Catalog, HttpLookup, Principal, TierGate};
use tiergate_stripe::WebhookSecrets;
use tower::util::MapRequestLayer;

use billing_client::BillingClient;
use demo::Arguments;
use own_billing::OwnBilling;
use tokens::IdentityProvider;

const BILLING_HELP: &str = "\
--billing URL   ask the billing service there, and show it the token in TIERGATE_TOKEN";

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(std::io::stderr)
        .init();
    let billing = OnceCell::new();
    let extras = [("--billing", BILLING_HELP, &billing)];
    demo::run(8080, &extras, async |arguments| {
        serve(arguments, billing.get()).await
    })
    .await
}

async fn serve(arguments: Arguments, billing: Option<&String>) -> Result<(), Box<dyn Error>> {
    let listener = demo::listen(arguments.port).await?;
    let address = listener.local_addr()?;
    let catalog = Catalog::from_path(&arguments.catalog)?;
    let own = match billing {
        None => Some(open_billing(catalog.clone(), next_port(arguments.port)?).await?),
        Some(_) => None,
    };
    let (url, token) = match (&own, billing) {
        (Some((billing, identity)), _) => (
            format!("http://{}", billing.address()),
            identity.token("crm", &["service"])?,
        ),
        (None, url) => (
            url.cloned().unwrap_or_default(),
            std::env::var("TIERGATE_TOKEN").map_err(|_| NO_TOKEN)?,
        ),
    };

    // Here it begins. A gate is a catalog of what each tier gives, and a lookup of who has which.
    let lookup = HttpLookup::builder(&url)
        .token(StaticToken::new(token))
        .build()?;
    let gate = TierGate::builder(catalog)
        .live_lookup(lookup)
        .subject(
            FromExtensions::new().organization_header(HeaderName::from_static("x-organization-id")),
        )
        .build()?;
    let watcher = gate.watch_catalog(&arguments.catalog, Duration::from_secs(1));

    let mut application = application(&gate)?;

    println!("application  http://{address}");
    println!("billing      {url}");
    println!(
        "catalog      {} (watched: save it, and it is in force)",
        arguments.catalog.display()
    );
    match own {
        Some((billing, identity)) => {
            quickstart_guide::print(address, billing.address(), &identity.token("fay", &[])?);
            application = application.merge(switch(billing));
        }
        None => quickstart_guide::print_for_running(address, &url),
    }

    axum::serve(listener, application)
        .with_graceful_shutdown(demo::interrupted())
        .await?;
    drop(watcher);
    println!("\nStopped.");
    Ok(())
}

const NO_TOKEN: &str = "TIERGATE_TOKEN is not set, so the billing service would not answer; \
    `tiergate token --user crm --role service` prints one";

/// A billing service in this process, with a few subscribers, and who signs tokens for it.
async fn open_billing(
    catalog: Catalog,
    port: u16,
) -> Result<(Arc<OwnBilling>, IdentityProvider), Box<dyn Error>> {
    let identity = IdentityProvider::new();
    // Nobody sends webhooks here.
    let secrets = WebhookSecrets::parse(&format!("whsec_{}", uuid::Uuid::new_v4().simple()))?;
    let billing = OwnBilling::start(catalog, port, identity.secret(), secrets).await?;
    let client = BillingClient::new(billing.address())?;
    quickstart_subscribers::subscribe_all(&client, &identity).await?;
    Ok((Arc::new(billing), identity))
}

/// Switches billing off and on, to see what becomes of the application.
fn switch(billing: Arc<OwnBilling>) -> Router {
    Router::new()
        .route("/demo/billing/stop", post(stop))
        .route("/demo/billing/start", post(start))
        .with_state(billing)
}

async fn stop(State(billing): State<Arc<OwnBilling>>) -> &'static str {
    billing.stop().await;
    "billing is down\n"
}

async fn start(State(billing): State<Arc<OwnBilling>>) -> Result<&'static str, StatusCode> {
    match billing.resume().await {
        Ok(()) => Ok("billing is up\n"),
        Err(error) => {
            tracing::error!(%error, "billing cannot be started again");
            Err(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

fn application(gate: &TierGate) -> Result<Router, Box<dyn Error>> {
    Ok(Router::new()
        .route(
            "/api/crm/contacts",
            get(contacts).layer(gate.require_feature("crm_enabled")?),
        )
        .route(
            "/api/workflows/execute",
            post(execute).layer(gate.check_usage_limit("workflow_executions_monthly")?),
        )
        .route(
            "/api/branding/white-label",
            post(brand).layer(gate.require_min_tier("premium")?),
        )
        .route("/api/notifications", post(notify))
        // What is added last runs first: who is asking must be known before a layer decides.
        .layer(MapRequestLayer::new(sign_in::sign_in))
        .with_state(gate.clone()))
}

async fn contacts() -> &'static str {
    "Ada Lovelace, Grace Hopper\n"
}

/// Layers leave on the request what they found out.
async fn execute(extensions: Extensions) -> String {
    let taken = Access::of(&extensions).and_then(|access| access.metered().first());
    match taken {
        Some(units) => format!("executed, {} of {} used\n", units.used, units.limit),
        None => "executed\n".to_owned(),
    }
}

async fn brand(extensions: Extensions) -> String {
    match Access::of(&extensions) {
        Some(access) => format!("branding changed for {}\n", access.subject()),
        None => "branding changed\n".to_owned(),
    }
}

/// Plain code asks where a layer does not fit: everybody is notified, in one way or the other.
async fn notify(
    State(gate): State<TierGate>,
    extensions: Extensions,
) -> Result<&'static str, StatusCode> {
    let principal = Principal::of(&extensions).ok_or(StatusCode::UNAUTHORIZED)?;
    match gate
        .has_feature_access(principal.subject(), "sms_messages")
        .await
    {
        Ok(true) => Ok("notified by SMS\n"),
        Ok(false) => Ok("notified by e-mail\n"),
        // A fault is not a 'no'. What to do about one is decided here, where it is known what is at
        // stake: an e-mail instead of an SMS.
        Err(error) => {
            tracing::warn!(%error, "whether to send an SMS cannot be told");
            Ok("notified by e-mail\n")
        }
    }
}

/// The port of billing: the one after the application's, or any if that is any.
fn next_port(port: u16) -> Result<u16, &'static str> {
    match port {
        0 => Ok(0),
        port => port
            .checked_add(1)
            .ok_or("billing takes the port after the application's, and 65535 has none"),
    }
}
