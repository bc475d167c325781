//! Routes that change subscriptions.

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::bodies::{CancellationBody, NewSubscriptionBody, PlanChangeBody};
use crate::api::answer::Answer;
use crate::api::described::{Preconditions, Refused};
use crate::api::mutation::{self, Mutation};
use crate::api::parameters::Id;
use crate::api::{Api, Problem};
use crate::record::SubscriptionRecord;
use crate::subscriptions;
use crate::{Billing, Reply, SubscriptionId};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(change))
        .routes(routes!(cancel))
        .routes(routes!(reactivate))
}

/// Subscribes, for the caller or for an organization of theirs. Who has the free tier gets the paid one
/// in its place; an owner's first subscription starts with a trial.
#[utoipa::path(
    post,
    path = "/api/subscriptions",
    tag = "subscriptions",
    security(("bearer" = [])),
    params(Preconditions),
    request_body = NewSubscriptionBody,
    responses(
        (status = 200, description = "The subscription that was free is paid now",
            body = Answer<SubscriptionRecord>, headers(("etag" = String))),
        (status = 201, description = "There is a subscription now",
            body = Answer<SubscriptionRecord>, headers(("etag" = String), ("location" = String))),
        Refused,
    )
)]
async fn create(
    State(billing): State<Billing>,
    mutation: Mutation<NewSubscriptionBody>,
) -> Result<Reply, Problem> {
    let Mutation {
        caller,
        context,
        body,
    } = mutation;
    let wanted = body.into();
    let work = subscriptions::subscribe(&billing, &caller, &context, &wanted);
    mutation::answer(&billing, &context, work).await
}

/// Changes tier, cycle or seats. More holds at once and is charged in proportion, less holds from the end
/// of the period, unless `effective` says otherwise.
#[utoipa::path(
    patch,
    path = "/api/subscriptions/{id}",
    tag = "subscriptions",
    security(("bearer" = [])),
    params(
        ("id" = SubscriptionId, Path, description = "The subscription"),
        Preconditions,
    ),
    request_body = PlanChangeBody,
    responses(
        (status = 200, body = Answer<SubscriptionRecord>, headers(("etag" = String))),
        Refused,
    )
)]
async fn change(
    State(billing): State<Billing>,
    Id(id): Id<SubscriptionId>,
    mutation: Mutation<PlanChangeBody>,
) -> Result<Reply, Problem> {
    let Mutation {
        caller,
        context,
        body,
    } = mutation;
    let work = subscriptions::change(&billing, &caller, &context, id, body.into());
    mutation::answer(&billing, &context, work).await
}

/// Ends a subscription: with its period, or at once.
#[utoipa::path(
    post,
    path = "/api/subscriptions/{id}/cancel",
    tag = "subscriptions",
    security(("bearer" = [])),
    params(
        ("id" = SubscriptionId, Path, description = "The subscription"),
        Preconditions,
    ),
    request_body = Option<CancellationBody>,
    responses(
        (status = 200, body = Answer<SubscriptionRecord>, headers(("etag" = String))),
        Refused,
    )
)]
async fn cancel(
    State(billing): State<Billing>,
    Id(id): Id<SubscriptionId>,
    mutation: Mutation<CancellationBody>,
) -> Result<Reply, Problem> {
    let Mutation {
        caller,
        context,
        body,
    } = mutation;
    let effective = body.effective();
    let reason = body.reason.as_deref();
    let work = subscriptions::cancel(&billing, &caller, &context, id, effective, reason);
    mutation::answer(&billing, &context, work).await
}

/// Takes back an end that has not come.
#[utoipa::path(
    post,
    path = "/api/subscriptions/{id}/reactivate",
    tag = "subscriptions",
    security(("bearer" = [])),
    params(
        ("id" = SubscriptionId, Path, description = "The subscription"),
        Preconditions,
    ),
    responses(
        (status = 200, body = Answer<SubscriptionRecord>, headers(("etag" = String))),
        Refused,
    )
)]
async fn reactivate(
    State(billing): State<Billing>,
    Id(id): Id<SubscriptionId>,
    mutation: Mutation<()>,
) -> Result<Reply, Problem> {
    let Mutation {
        caller, context, ..
    } = mutation;
    let work = subscriptions::reactivate(&billing, &caller, &context, id);
    mutation::answer(&billing, &context, work).await
}
