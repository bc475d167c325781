//! Members of an organization share what it has subscribed to.
//!
//! ```console
//! $ cargo run -p tiergate-examples --example organization
//! ```

mod demo;
mod sign_in;

use std::error::Error;
use std::process::ExitCode;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use http::{Extensions, HeaderName, StatusCode};
use tiergate::request::FromExtensions;
use tiergate::{Access, Catalog, StaticLookup, TierGate};
use tower::util::MapRequestLayer;

use demo::Arguments;

const SUBSCRIBERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/subscribers.json");

#[tokio::main]
async fn main() -> ExitCode {
    demo::run(8080, &[], serve).await
}

async fn serve(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let listener = demo::listen(arguments.port).await?;

    // The header chooses among the organizations that the principal is a member of, as this
    // service's own authentication found out. It never makes anybody a member.
    let subject =
        FromExtensions::new().organization_header(HeaderName::from_static("x-organization-id"));
    let gate = TierGate::builder(Catalog::from_path(&arguments.catalog)?)
        .lookup(StaticLookup::from_path(SUBSCRIBERS)?)
        .subject(subject)
        .build()?;

    let application = Router::new()
        .route(
            "/execute",
            post(execute).layer(gate.check_usage_limit("workflow_executions_monthly")?),
        )
        .route(
            "/plan",
            get(plan).layer(gate.require_feature("workflow_enabled")?),
        )
        .layer(MapRequestLayer::new(sign_in::sign_in))
        .with_state(gate);

    print_guide(&format!("http://{}", listener.local_addr()?));
    axum::serve(listener, application)
        .with_graceful_shutdown(demo::interrupted())
        .await?;
    Ok(())
}

async fn execute(extensions: Extensions) -> Result<String, StatusCode> {
    let access = Access::of(&extensions).ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
    let units = access
        .limit("workflow_executions_monthly")
        .ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(format!(
        "executed for {}, {} of {} used\n",
        access.subject(),
        units.used,
        units.limit
    ))
}

/// How many seats are paid for is in the subscription. Who sits on them is this service's business.
async fn plan(State(gate): State<TierGate>, extensions: Extensions) -> Result<String, StatusCode> {
    let access = Access::of(&extensions).ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
    let seats = access
        .subscription()
        .and_then(|subscription| subscription.seats)
        .unwrap_or(1);
    let usage = gate
        .usage(access.subject(), "workflow_executions_monthly")
        .await
        .map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(format!(
        "{}: tier {}, {seats} seats, {} of {} executions used\n",
        access.subject(),
        access.tier(),
        usage.used,
        usage.limit
    ))
}

fn print_guide(at: &str) {
    println!("listening on {at}");
    println!("Ann and Ben are members of sparrow, which is on Team Small and may execute three.");
    let is = |user: &str| format!("-H 'Authorization: Bearer demo-{user}'");
    let execute = format!("-X POST {at}/execute");
    let sparrow = "-H 'X-Organization-Id: sparrow'";
    let steps = [
        (
            "Ann has no subscription of her own.",
            "403 FEATURE_NOT_AVAILABLE",
            format!("{execute} {}", is("ann")),
        ),
        (
            "For sparrow she may. Try it twice.",
            "200, 200",
            format!("{execute} {} {sparrow}", is("ann")),
        ),
        (
            "Ben uses up the third, and there is no fourth: they share one limit.",
            "200, 429 LIMIT_EXCEEDED",
            format!("{execute} {} {sparrow}", is("ben")),
        ),
        (
            "The seats are sparrow's, too.",
            "200",
            format!("{at}/plan {} {sparrow}", is("ben")),
        ),
        (
            "Cal is not a member, and the header does not make him one.",
            "401 UNAUTHORIZED",
            format!("{execute} {} {sparrow}", is("cal")),
        ),
    ];
    demo::print_guide(&steps);
}
