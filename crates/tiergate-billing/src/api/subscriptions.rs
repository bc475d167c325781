//! `/api/subscriptions`.

mod bodies;
mod changes;
mod overrides;
mod preview;
#[cfg(test)]
mod tests;

use axum::extract::{Path, State};
use tiergate_core::Subject;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::Answer;
use super::parameters::{Id, valid_owner};
use super::{Api, Problem};
use crate::api::described::Refused;
use crate::auth::Caller;
use crate::record::SubscriptionRecord;
use crate::subscriptions::{self};
use crate::{Billing, SubscriptionId};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(of_user))
        .routes(routes!(of_organization))
        .routes(routes!(one))
        .merge(changes::routes())
        .merge(overrides::routes())
        .merge(preview::routes())
}

/// What a user has. Who has no subscription has the default tier; asking makes none.
#[utoipa::path(
    get,
    path = "/api/subscriptions/user/{userId}",
    tag = "subscriptions",
    security(("bearer" = [])),
    params(("userId" = String, Path, description = "The user")),
    responses(
        (status = 200, body = Answer<SubscriptionRecord>, headers(("etag" = String))),
        Refused,
    )
)]
async fn of_user(
    State(billing): State<Billing>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Answer<SubscriptionRecord>, Problem> {
    let owner = valid_owner(Subject::user(id), "userId")?;
    let record = subscriptions::of_owner(&billing, &caller, &owner).await?;
    let version = record.version;
    Ok(Answer::versioned(record, version))
}

/// What an organization has.
#[utoipa::path(
    get,
    path = "/api/subscriptions/organization/{organizationId}",
    tag = "subscriptions",
    security(("bearer" = [])),
    params(("organizationId" = String, Path, description = "The organization")),
    responses(
        (status = 200, body = Answer<SubscriptionRecord>, headers(("etag" = String))),
        Refused,
    )
)]
async fn of_organization(
    State(billing): State<Billing>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Answer<SubscriptionRecord>, Problem> {
    let owner = valid_owner(Subject::organization(id), "organizationId")?;
    let record = subscriptions::of_owner(&billing, &caller, &owner).await?;
    let version = record.version;
    Ok(Answer::versioned(record, version))
}

/// One subscription.
#[utoipa::path(
    get,
    path = "/api/subscriptions/{id}",
    tag = "subscriptions",
    security(("bearer" = [])),
    params(("id" = SubscriptionId, Path, description = "The subscription")),
    responses(
        (status = 200, body = Answer<SubscriptionRecord>, headers(("etag" = String))),
        Refused,
    )
)]
async fn one(
    State(billing): State<Billing>,
    caller: Caller,
    Id(id): Id<SubscriptionId>,
) -> Result<Answer<SubscriptionRecord>, Problem> {
    let record = subscriptions::by_id(&billing, &caller, id).await?;
    let version = record.version;
    Ok(Answer::versioned(record, version))
}
