//! What the operator's people do with anybody's subscription. Each takes a reason, which the audit log
//! keeps.

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::bodies::{Adjust, Cancel, ExtendTrial, GrantTier, GrantToOwner, OwnerGrant};
use crate::api::answer::Answer;
use crate::api::described::{Preconditions, RefusedAdmin, RefusedChange};
use crate::api::mutation::{self, Mutation};
use crate::api::parameters::Id;
use crate::api::{Api, Problem};
use crate::change::Reply;
use crate::payment::Effective;
use crate::record::SubscriptionRecord;
use crate::subscriptions::{self, Adjustment, Grantee};
use crate::{Billing, SubscriptionId};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(cancel))
        .routes(routes!(extend_trial))
        .routes(routes!(grant_tier))
        .routes(routes!(grant_to_owner))
        .routes(routes!(adjust))
}

/// Ends a subscription, with its period or now.
#[utoipa::path(
    post,
    path = "/api/admin/subscriptions/{id}/cancel",
    tag = "admin",
    operation_id = "admin_cancel",
    security(("bearer" = [])),
    params(
        ("id" = SubscriptionId, Path, description = "The subscription"),
        Preconditions,
    ),
    request_body(content = Cancel, content_type = "application/json"),
    responses(
        (status = 200, body = Answer<SubscriptionRecord>, headers(("etag" = String))),
        RefusedChange,
    )
)]
async fn cancel(
    State(billing): State<Billing>,
    Id(id): Id<SubscriptionId>,
    request: Mutation<Cancel>,
) -> Result<Reply, Problem> {
    let Mutation {
        caller,
        context,
        body,
    } = request;
    let effective = if body.immediately.unwrap_or_default() {
        Effective::Now
    } else {
        Effective::PeriodEnd
    };
    let reason = Some(&*body.reason);
    let work = subscriptions::cancel(&billing, &caller, &context, id, effective, reason);
    mutation::answer(&billing, &context, work).await
}

/// Lets a trial end at another time.
#[utoipa::path(
    post,
    path = "/api/admin/subscriptions/{id}/extend-trial",
    tag = "admin",
    operation_id = "extend_trial",
    security(("bearer" = [])),
    params(
        ("id" = SubscriptionId, Path, description = "The subscription"),
        Preconditions,
    ),
    request_body(content = ExtendTrial, content_type = "application/json"),
    responses(
        (status = 200, body = Answer<SubscriptionRecord>, headers(("etag" = String))),
        RefusedChange,
    )
)]
async fn extend_trial(
    State(billing): State<Billing>,
    Id(id): Id<SubscriptionId>,
    request: Mutation<ExtendTrial>,
) -> Result<Reply, Problem> {
    let Mutation { context, body, .. } = request;
    let work = subscriptions::extend_trial(&billing, &context, id, body.until, &body.reason);
    mutation::answer(&billing, &context, work).await
}

/// Gives a tier without payment in place of what a subscription has.
#[utoipa::path(
    post,
    path = "/api/admin/subscriptions/{id}/grant-tier",
    tag = "admin",
    operation_id = "grant_tier",
    security(("bearer" = [])),
    params(
        ("id" = SubscriptionId, Path, description = "The subscription"),
        Preconditions,
    ),
    request_body(content = GrantTier, content_type = "application/json"),
    responses(
        (status = 200, body = Answer<SubscriptionRecord>, headers(("etag" = String))),
        RefusedChange,
    )
)]
async fn grant_tier(
    State(billing): State<Billing>,
    Id(id): Id<SubscriptionId>,
    request: Mutation<GrantTier>,
) -> Result<Reply, Problem> {
    let Mutation { context, body, .. } = request;
    let grant = body.into();
    let work = async {
        subscriptions::grant_tier(&billing, &context, &Grantee::Subscription(id), &grant).await
    };
    mutation::answer(&billing, &context, work).await
}

/// Gives a tier without payment to an owner who may have no subscription yet.
#[utoipa::path(
    post,
    path = "/api/admin/grants",
    tag = "admin",
    operation_id = "grant_tier_to_owner",
    security(("bearer" = [])),
    params(Preconditions),
    request_body(content = GrantToOwner, content_type = "application/json"),
    responses(
        (status = 200, body = Answer<SubscriptionRecord>, headers(("etag" = String))),
        RefusedAdmin,
        (status = 409, body = Problem, content_type = "application/problem+json"),
        (status = 412, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
async fn grant_to_owner(
    State(billing): State<Billing>,
    request: Mutation<OwnerGrant>,
) -> Result<Reply, Problem> {
    let Mutation { context, body, .. } = request;
    let grant = body.grant.into();
    let grantee = Grantee::Owner(body.owner);
    let work = subscriptions::grant_tier(&billing, &context, &grantee, &grant);
    mutation::answer(&billing, &context, work).await
}

/// Corrects a subscription. Nothing is charged or credited for it.
#[utoipa::path(
    post,
    path = "/api/admin/subscriptions/{id}/adjust",
    tag = "admin",
    operation_id = "adjust",
    security(("bearer" = [])),
    params(
        ("id" = SubscriptionId, Path, description = "The subscription"),
        Preconditions,
    ),
    request_body(content = Adjust, content_type = "application/json"),
    responses(
        (status = 200, body = Answer<SubscriptionRecord>, headers(("etag" = String))),
        RefusedChange,
    )
)]
async fn adjust(
    State(billing): State<Billing>,
    Id(id): Id<SubscriptionId>,
    request: Mutation<Adjust>,
) -> Result<Reply, Problem> {
    let Mutation { context, body, .. } = request;
    let adjustment = Adjustment {
        status: body.status,
        discount_basis_points: body.discount_basis_points,
        seats: body.seats,
        metadata: body.metadata,
        current_period_end: body.current_period_end,
    };
    let work = subscriptions::adjust(&billing, &context, id, &adjustment, &body.reason);
    mutation::answer(&billing, &context, work).await
}
