//! `/webhooks/stripe`.

use axum::extract::{DefaultBodyLimit, Request, State};
use bytes::Bytes;
use http::{HeaderName, StatusCode};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::Answer;
use super::{Api, Problem, mutation};
use crate::api::described::Refused;
use crate::webhook::{Received, Refusal};

/// The longest event, in bytes.
const MOST: usize = tiergate_stripe::event::MAX_EVENT_BYTES;

const SIGNATURE: HeaderName = HeaderName::from_static("stripe-signature");

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(stripe))
        .layer(DefaultBodyLimit::max(MOST))
}

/// What is answered to an event.
#[derive(Clone, Copy, Debug, serde::Serialize, utoipa::ToSchema)]
struct Acknowledged {
    /// Always true: it is stored.
    received: bool,
    /// Whether it had come before.
    duplicate: bool,
}

/// Takes an event of Stripe's in. It is answered once it is stored, and processed after that: any order
/// and any number of deliveries end in the same records.
#[utoipa::path(
    post,
    path = "/webhooks/stripe",
    tag = "webhooks",
    params((
        "Stripe-Signature" = String,
        Header,
        description = "`t=…,v1=…`: Stripe's HMAC-SHA256 of `t.body`; at most 300 seconds old"
    )),
    request_body(
        content = Object,
        content_type = "application/json",
        description = "An event, byte for byte as Stripe sent it; at most 2 MiB"
    ),
    responses(
        (status = 200, body = Answer<Acknowledged>),
        Refused,
    )
)]
async fn stripe(State(api): State<Api>, request: Request) -> Result<Answer<Acknowledged>, Problem> {
    let Some(webhooks) = &api.webhooks else {
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "NOT_CONFIGURED",
            "Webhooks are not configured",
            "this service has no STRIPE_WEBHOOK_SECRET, so it takes no events",
        ));
    };
    let signatures: Vec<_> = request.headers().get_all(SIGNATURE).iter().collect();
    // Of several headers none is the right one.
    let signature = match signatures.as_slice() {
        [one] => one.as_bytes().to_vec(),
        _ => Vec::new(),
    };
    let body: Bytes = mutation::body(request, &api).await?;
    match webhooks.receive(&signature, &body).await {
        Ok(received) => Ok(Answer::new(Acknowledged {
            received: true,
            duplicate: received == Received::Duplicate,
        })),
        Err(Refusal::Signature(error)) => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "INVALID_SIGNATURE",
            "The signature does not hold",
            error.to_string(),
        )),
        Err(Refusal::NotAnEvent(error)) => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "NOT_AN_EVENT",
            "Not an event",
            error.to_string(),
        )),
        Err(Refusal::Billing(error)) => Err(error.into()),
    }
}
