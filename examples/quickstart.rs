//! A service whose routes are guarded by tier, feature and limit, with a billing service to ask.
//!
//! ```console
//! $ cargo run -p tiergate-examples --example quickstart
//! ```
//!
//! It prints what to try. Both servers run in this one process and listen on this machine only.

mod billing_stand_in;
mod demo;
mod quickstart_guide;
mod sign_in;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use http::{Extensions, HeaderName, StatusCode};
use tiergate::lookup::StaticLookup;
use tiergate::request::FromExtensions;
use tiergate::{Access, Catalog, HttpLookup, Principal, TierGate};
use tower::util::MapRequestLayer;

use demo::Arguments;

const SUBSCRIBERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/subscribers.json");

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    demo::run(8080, serve).await
}

async fn serve(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let listener = demo::listen(arguments.port).await?;
    let address = listener.local_addr()?;

    let billing_listener = demo::listen(next_port(arguments.port)?).await?;
    let billing = billing_listener.local_addr()?;
    let billing_server =
        billing_stand_in::serve(billing_listener, StaticLookup::from_path(SUBSCRIBERS)?);

    // Here it begins. A gate is a catalog of what each tier gives, and a lookup of who has which.
    let gate = TierGate::builder(Catalog::from_path(&arguments.catalog)?)
        .lookup(HttpLookup::new(&format!("http://{billing}"))?)
        .subject(
            FromExtensions::new().organization_header(HeaderName::from_static("x-organization-id")),
        )
        .build()?;
    let watcher = gate.watch_catalog(&arguments.catalog, Duration::from_secs(1));

    let application = application(&gate)?;

    println!("application  http://{address}");
    println!("billing      http://{billing} (a stand-in that answers from {SUBSCRIBERS})");
    println!(
        "catalog      {} (watched: save it, and it is in force)",
        arguments.catalog.display()
    );
    quickstart_guide::print(address, billing);

    let server = axum::serve(listener, application).with_graceful_shutdown(demo::interrupted());
    tokio::select! {
        ended = server.into_future() => ended?,
        ended = billing_server => match ended? {},
    }
    drop(watcher);
    println!("\nStopped.");
    Ok(())
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
