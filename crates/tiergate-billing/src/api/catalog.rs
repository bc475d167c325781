//! `/api/features`.

use axum::extract::State;
use tiergate_core::Subject;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::ListAnswer;
use super::parameters::{Parameters, valid_owner};
use super::{Api, Problem};
use crate::Billing;
use crate::api::described::Refused;
use crate::auth::Caller;
use crate::catalog::{self, FeatureHeld, FeatureListing};
use crate::record::Page;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(all))
        .routes(routes!(mine))
}

/// Every feature, with what each tier gives of it. It needs no token.
#[utoipa::path(
    get,
    path = "/api/features",
    tag = "features",
    security(()),
    responses(
        (status = 200, body = ListAnswer<FeatureListing>),
        Refused,
    )
)]
async fn all(
    State(billing): State<Billing>,
    parameters: Parameters,
) -> Result<ListAnswer<FeatureListing>, Problem> {
    parameters.finish()?;
    Ok(whole(catalog::list(&billing.catalog())))
}

/// What the caller, or an organization of theirs, has of every feature, and how much of it is used.
#[utoipa::path(
    get,
    path = "/api/features/my",
    tag = "features",
    security(("bearer" = [])),
    params(("organizationId" = Option<String>, Query, description = "An organization of the caller's")),
    responses(
        (status = 200, body = ListAnswer<FeatureHeld>),
        Refused,
    )
)]
async fn mine(
    State(billing): State<Billing>,
    caller: Caller,
    mut parameters: Parameters,
) -> Result<ListAnswer<FeatureHeld>, Problem> {
    let text = |text: &str| Some(text.to_owned());
    let organization = parameters.optional("organizationId", "an organization", text);
    parameters.finish()?;
    let owner = match organization {
        Some(id) => valid_owner(Subject::organization(id), "organizationId")?,
        None => valid_owner(Subject::user(caller.id.as_str()), "sub")?,
    };
    Ok(whole(catalog::of_owner(&billing, &caller, &owner).await?))
}

/// A list that is never so long that it needs pages.
fn whole<T>(items: Vec<T>) -> ListAnswer<T> {
    Page { items, next: None }.into()
}
