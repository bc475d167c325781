//! The inbox of webhooks.

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::bodies::RetryWebhook;
use crate::api::answer::{Answer, ListAnswer};
use crate::api::described::RefusedAdmin;
use crate::api::mutation::{self, Mutation};
use crate::api::parameters::{Id, Parameters};
use crate::api::{Api, Problem};
use crate::change::Reply;
use crate::record::{EventState, WebhookEventRecord};
use crate::{Billing, InboxId, admin};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(retry))
}

/// The events that payment providers told, those first that came last. Dead ones were given up.
#[utoipa::path(
    get,
    path = "/api/admin/webhooks",
    tag = "admin",
    operation_id = "webhook_events",
    security(("bearer" = [])),
    params(
        ("state" = Option<EventState>, Query, description = "Those that are so far; all if nothing is said"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "The most that a page holds; 20 if nothing is said"),
        ("cursor" = Option<String>, Query, description = "`page.next` of the page before"),
    ),
    responses(
        (status = 200, body = ListAnswer<WebhookEventRecord>),
        RefusedAdmin,
    )
)]
async fn list(
    State(billing): State<Billing>,
    mut parameters: Parameters,
) -> Result<ListAnswer<WebhookEventRecord>, Problem> {
    let words = EventState::ALL.map(EventState::as_str).join(", ");
    let state = parameters.optional("state", &format!("one of {words}"), EventState::from_word);
    let page = parameters.page();
    parameters.finish()?;
    Ok(admin::webhook_events(&billing, state, page).await?.into())
}

/// Has an event tried again at once: one that was given up, was tried in vain or waits.
#[utoipa::path(
    post,
    path = "/api/admin/webhooks/{id}/retry",
    tag = "admin",
    operation_id = "retry_webhook",
    security(("bearer" = [])),
    params(
        ("id" = InboxId, Path, description = "The event"),
        ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, description = "The same key and body are answered the same again"),
    ),
    request_body(content = RetryWebhook, content_type = "application/json"),
    responses(
        (status = 200, body = Answer<WebhookEventRecord>),
        RefusedAdmin,
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
async fn retry(
    State(billing): State<Billing>,
    Id(id): Id<InboxId>,
    request: Mutation<RetryWebhook>,
) -> Result<Reply, Problem> {
    let Mutation { context, body, .. } = request;
    let work = admin::retry_webhook(&billing, &context, id, body.reason.as_deref());
    mutation::answer(&billing, &context, work).await
}
