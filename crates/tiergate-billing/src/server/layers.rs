//! What every request goes through.

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use tower_http::catch_panic::CatchPanicLayer;

use super::ServerOptions;
use super::body::{self, BodyBounds};
use super::observe;
use crate::api::{Api, Problem};

/// The largest head that is served, in bytes.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// The longest target that is served, in bytes.
const MAX_TARGET_BYTES: usize = 8 * 1024;

/// Puts the layers around a router, its fallbacks included. The last is the outermost: it sees every
/// answer, whoever gave it.
pub(super) fn around(router: Router, api: &Api, options: &ServerOptions) -> Router {
    let bounds = BodyBounds::new(options);
    let clock = api.billing().clock().clone();
    router
        // The bounds below take its place.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(bounds, body::bound))
        .layer(from_fn_with_state(options.request_timeout, in_time))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(small_head))
        .layer(from_fn_with_state(clock, observe::observe))
}

async fn in_time(State(most): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(most, next.run(request)).await {
        Ok(response) => response,
        // What had begun is dropped: a transaction that was not committed leaves nothing.
        Err(_) => Problem::retry_later(
            "TIMEOUT",
            "The answer took too long",
            "the request was given up; whether it had an effect can be learned by sending it again \
             with the same Idempotency-Key",
        )
        .into_response(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    tracing::error!(target: "tiergate_billing", event = "panic", message, "a handler panicked");
    Problem::internal().into_response()
}

async fn small_head(request: Request, next: Next) -> Response {
    let target = request.uri().path_and_query();
    if target.is_some_and(|target| target.as_str().len() > MAX_TARGET_BYTES) {
        return Problem::of_request(
            StatusCode::URI_TOO_LONG,
            "URI_TOO_LONG",
            "The address is too long",
            format!("an address may have {MAX_TARGET_BYTES} bytes"),
        )
        .into_response();
    }
    if bytes_of(request.headers()) > MAX_HEAD_BYTES {
        return Problem::of_request(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "HEADERS_TOO_LARGE",
            "The header fields are too large",
            format!("all header fields together may have {MAX_HEAD_BYTES} bytes"),
        )
        .into_response();
    }
    next.run(request).await
}

fn bytes_of(headers: &HeaderMap) -> usize {
    headers.iter().fold(0_usize, |bytes, (name, value)| {
        bytes
            .saturating_add(name.as_str().len())
            .saturating_add(value.len())
    })
}
