//! Request ids, the access log and the metrics of requests.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue, Method};
use tiergate_clock::Clock;
use tracing::Instrument;
use uuid::Uuid;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id of a request that is taken over, in bytes.
const MAX_ID_BYTES: usize = 128;

/// Gives a request its id, and tells what became of it. Nothing that a client wrote is told but the
/// method and the id: not the address, which may hold other people's ids, and no header.
pub(super) async fn observe(
    State(clock): State<Arc<dyn Clock>>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = id_of(&request);
    request.headers_mut().insert(REQUEST_ID, id.clone());
    let method = word(request.method());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .cloned()
        .map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let shown = id.to_str().unwrap_or_default().to_owned();
    let span = tracing::info_span!(target: "tiergate_billing", "request", request_id = shown);
    let began = clock.elapsed();
    let answer = async {
        let response = next.run(request).await;
        let took = clock.elapsed().saturating_sub(began);
        let status = response.status().as_u16();
        tracing::info!(
            target: "tiergate_billing::access",
            event = "request",
            method, route, status,
            took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "answered"
        );
        metrics::counter!(
            "tiergate_billing_requests_total",
            "method" => method, "route" => route.clone(), "status" => status.to_string()
        )
        .increment(1);
        metrics::histogram!(
            "tiergate_billing_request_seconds", "method" => method, "route" => route
        )
        .record(took);
        response
    };
    let mut response = answer.instrument(span).await;
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// The id that whoever sent the request gave it, if it is one; else a new one.
fn id_of(request: &Request) -> HeaderValue {
    let mut given = request.headers().get_all(REQUEST_ID).iter();
    match (given.next(), given.next()) {
        (Some(id), None) if is_sane(id) => id.clone(),
        // A UUID is printable.
        _ => HeaderValue::try_from(Uuid::new_v4().to_string())
            .unwrap_or(HeaderValue::from_static("none")),
    }
}

/// It goes into logs and into the audit log, so it is a short word.
fn is_sane(id: &HeaderValue) -> bool {
    let id = id.as_bytes();
    (1..=MAX_ID_BYTES).contains(&id.len())
        && id
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte))
}

/// A method as a label: a client can make up others.
fn word(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
