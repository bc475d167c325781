//! Routes of values that a subscription has in place of its tier's.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::bodies::{MOST_REASON, OverrideBody};
use crate::api::answer::Answer;
use crate::api::described::{Preconditions, Refused};
use crate::api::mutation::{self, Mutation};
use crate::api::parameters::{Id, Parameters};
use crate::api::{Api, Problem};
use crate::record::SubscriptionRecord;
use crate::subscriptions;
use crate::{Billing, Reply, SubscriptionId};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(put, remove))
}

/// Gives a subscription a value of its own for a feature. For admins.
#[utoipa::path(
    put,
    path = "/api/subscriptions/{id}/overrides/{featureKey}",
    tag = "subscriptions",
    security(("bearer" = [])),
    params(
        ("id" = SubscriptionId, Path, description = "The subscription"),
        ("featureKey" = String, Path, description = "The feature"),
        Preconditions,
    ),
    request_body = OverrideBody,
    responses(
        (status = 200, body = Answer<SubscriptionRecord>, headers(("etag" = String))),
        Refused,
    )
)]
async fn put(
    State(billing): State<Billing>,
    Id(id): Id<SubscriptionId>,
    Path(path): Path<BTreeMap<String, String>>,
    mutation: Mutation<OverrideBody>,
) -> Result<Reply, Problem> {
    let Mutation {
        caller,
        context,
        body,
    } = mutation;
    let feature = feature_of(&path);
    let work = subscriptions::put_override(&billing, &caller, &context, id, feature, body.into());
    mutation::answer(&billing, &context, work).await
}

/// Takes away the value of its own that a subscription has for a feature. For admins.
#[utoipa::path(
    delete,
    path = "/api/subscriptions/{id}/overrides/{featureKey}",
    tag = "subscriptions",
    security(("bearer" = [])),
    params(
        ("id" = SubscriptionId, Path, description = "The subscription"),
        ("featureKey" = String, Path, description = "The feature"),
        ("reason" = Option<String>, Query, description = "Why; 1 to 500 bytes"),
        Preconditions,
    ),
    responses(
        (status = 200, body = Answer<SubscriptionRecord>, headers(("etag" = String))),
        Refused,
    )
)]
async fn remove(
    State(billing): State<Billing>,
    Id(id): Id<SubscriptionId>,
    Path(path): Path<BTreeMap<String, String>>,
    mut parameters: Parameters,
    mutation: Mutation<()>,
) -> Result<Reply, Problem> {
    let reason = parameters.optional("reason", "text of 1 to 500 bytes", |text| {
        (1..=MOST_REASON)
            .contains(&text.len())
            .then(|| text.to_owned())
    });
    parameters.finish()?;
    let Mutation {
        caller, context, ..
    } = mutation;
    let feature = feature_of(&path);
    let reason = reason.as_deref();
    let work = subscriptions::delete_override(&billing, &caller, &context, id, feature, reason);
    mutation::answer(&billing, &context, work).await
}

fn feature_of(path: &BTreeMap<String, String>) -> &str {
    // The route has it; no feature has an empty key.
    path.get("featureKey").map_or("", String::as_str)
}
