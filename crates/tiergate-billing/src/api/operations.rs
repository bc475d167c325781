//! What operators ask: is it alive, is it ready, what has it done, what can it be asked.

use std::sync::OnceLock;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use tokio::time::timeout;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::Answer;
use super::{Api, Problem};
use crate::database::Schema;
use crate::telemetry;

/// How long the database may take to show that it is there.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(healthz))
        .routes(routes!(readyz))
        .routes(routes!(metrics_text))
        .routes(routes!(openapi))
}

/// That the process answers.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Health {
    /// `alive`.
    #[schema(example = "alive")]
    status: &'static str,
}

/// Whether the process answers. It asks nothing else: who starts it anew because a database is away
/// makes nothing better.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "operations",
    responses((status = 200, body = Answer<Health>))
)]
async fn healthz() -> Answer<Health> {
    Answer::new(Health { status: "alive" })
}

/// That requests can be served.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Readiness {
    /// `ready`.
    #[schema(example = "ready")]
    status: &'static str,
    /// How many tiers the catalog in force has.
    tiers: usize,
    /// How many features it has.
    features: usize,
}

/// Whether requests can be served: the database answers, its schema is the one this program needs, and
/// the service does not shut down. Ask this before sending requests here.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "operations",
    responses(
        (status = 200, body = Answer<Readiness>),
        (status = 503, body = Problem, content_type = "application/problem+json"),
    )
)]
async fn readyz(State(api): State<Api>) -> Result<Answer<Readiness>, Problem> {
    if api.stop.is_cancelled() {
        return Err(not_ready("the service is shutting down"));
    }
    match timeout(PATIENCE, check(&api)).await {
        Ok(checked) => checked?,
        Err(_) => return Err(not_ready("the database did not answer in time")),
    }
    let catalog = api.billing.catalog();
    Ok(Answer::new(Readiness {
        status: "ready",
        tiers: catalog.tiers().count(),
        features: catalog.features().count(),
    }))
}

async fn check(api: &Api) -> Result<(), Problem> {
    let database = api.billing.database();
    let away = |error: crate::database::DatabaseError| {
        tracing::warn!(target: "tiergate_billing", %error, "not ready");
        not_ready("the database cannot be reached")
    };
    // A look at the schema takes the connection that writes, and once it is current it stays so.
    if api.schema_seen.get().is_some() {
        return database.ping().await.map_err(away);
    }
    match database.schema().await.map_err(away)? {
        Schema::Current => {
            let _set_by_another = api.schema_seen.set(());
            Ok(())
        }
        Schema::Behind(missing) => Err(not_ready(format!(
            "the schema lacks {missing} migrations; run `tiergate migrate`"
        ))),
        Schema::Foreign(difference) => Err(not_ready(format!(
            "the schema is not the one of this program: {difference}"
        ))),
    }
}

fn not_ready(detail: impl Into<String>) -> Problem {
    let mut problem = Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "NOT_READY",
        "Not ready",
        detail,
    );
    problem.retry_after = Some(2);
    problem
}

/// Metrics, in the text format of Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operations",
    responses(
        (status = 200, body = String, content_type = "text/plain"),
        (status = 503, body = Problem, content_type = "application/problem+json"),
    )
)]
async fn metrics_text() -> Result<Response, Problem> {
    let Some(recorder) = telemetry::recorder() else {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "NO_METRICS",
            "No metrics here",
            "the program that this service runs in collects the metrics by itself",
        ));
    };
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(plain(kind, recorder.render().into()))
}

/// This document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "operations",
    responses((status = 200, body = Object, content_type = "application/json"))
)]
async fn openapi() -> Response {
    static DOCUMENT: OnceLock<Bytes> = OnceLock::new();
    let document = DOCUMENT.get_or_init(|| {
        // It is made of text and lists of text: there is nothing in it that could fail.
        let document = serde_json::to_vec(&Api::document()).unwrap_or_default();
        document.into()
    });
    plain("application/json", document.clone())
}

fn plain(kind: &'static str, body: Bytes) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
