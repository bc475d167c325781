//! Denials in other words: other statuses, a link, another shape, a page.
//!
//! ```console
//! $ cargo run -p tiergate-examples --example custom_denial
//! ```

mod demo;
mod sign_in;

use std::error::Error;
use std::process::ExitCode;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use tiergate::denial::{PlatformJson, ProblemJson, usual_status};
use tiergate::{Catalog, Denial, DenialKind, StaticLookup, TierGate};
use tower::util::MapRequestLayer;

use demo::Arguments;

const SUBSCRIBERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/subscribers.json");
const PRICING: &str = "https://example.com/pricing";

#[tokio::main]
async fn main() -> ExitCode {
    demo::run(8080, &[], serve).await
}

async fn serve(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let listener = demo::listen(arguments.port).await?;

    // For the whole gate: problem+json as it comes, with a link, and 402 where only paying helps.
    let problem = ProblemJson::new()
        .upgrade_url(PRICING)
        .status(
            DenialKind::FeatureNotAvailable,
            StatusCode::PAYMENT_REQUIRED,
        )
        .status(DenialKind::TierRequired, StatusCode::PAYMENT_REQUIRED);
    let gate = TierGate::builder(Catalog::from_path(&arguments.catalog)?)
        .lookup(StaticLookup::from_path(SUBSCRIBERS)?)
        .denials(problem)
        .build()?;

    // A layer may say it otherwise: for clients that read the older shape, or for people.
    let platform = PlatformJson::new().upgrade_url(PRICING);
    let application = Router::new()
        .route(
            "/sso",
            get(async || "signed in\n").layer(gate.require_feature("sso_enabled")?),
        )
        .route(
            "/audit",
            get(async || "nothing to see\n")
                .layer(gate.require_feature("audit_logs")?.denials(platform)),
        )
        .route(
            "/branding",
            get(async || "your logo\n").layer(gate.require_min_tier("premium")?.denials(page)),
        )
        .layer(MapRequestLayer::new(sign_in::sign_in));

    print_guide(&format!("http://{}", listener.local_addr()?));
    axum::serve(listener, application)
        .with_graceful_shutdown(demo::interrupted())
        .await?;
    Ok(())
}

/// Any function from a denial to a response will do. `Cache-Control`, `Retry-After` and the rate
/// limit fields are added by the layer, so that none of them can be forgotten here.
fn page(denial: &Denial) -> Response<Bytes> {
    // Names of plans come from the catalog. What a page shows, it escapes all the same.
    let detail = denial.detail().replace('&', "&amp;").replace('<', "&lt;");
    let mut response = Response::new(Bytes::from(format!("<h1>Not yet</h1><p>{detail}</p>\n")));
    *response.status_mut() = usual_status(denial.kind());
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    response
}

fn print_guide(at: &str) {
    println!("listening on {at}");
    let pia = "-H 'Authorization: Bearer demo-pia'";
    let steps = [
        (
            "The gate's way: a problem with a link, and 402.",
            "402 FEATURE_NOT_AVAILABLE",
            format!("{at}/sso {pia}"),
        ),
        (
            "A layer's own way: the platform's older shape.",
            "403 FEATURE_NOT_AVAILABLE",
            format!("{at}/audit {pia}"),
        ),
        (
            "Another one's: a page for people.",
            "403",
            format!("{at}/branding {pia}"),
        ),
    ];
    demo::print_guide(&steps);
}
