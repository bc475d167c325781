//! Subscriptions of anybody.

use axum::extract::State;
use tiergate_core::Subject;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::answer::ListAnswer;
use crate::api::described::RefusedAdmin;
use crate::api::parameters::Parameters;
use crate::api::{Api, Problem};
use crate::record::SubscriptionRecord;
use crate::table::subscription_search::SubscriptionQuery;
use crate::{Billing, admin};

/// The longest text to look for, in bytes.
const TEXT_BYTES: usize = 256;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Subscriptions, newest first.
#[utoipa::path(
    get,
    path = "/api/admin/subscriptions",
    tag = "admin",
    operation_id = "find_subscriptions",
    security(("bearer" = [])),
    params(
        ("tier" = Option<String>, Query, description = "Those of that tier"),
        ("status" = Option<String>, Query, description = "Those of that status"),
        ("owner" = Option<String>, Query, description = "Those of that owner, like `user:pia` or `organization:eagle`"),
        ("text" = Option<String>, Query, description = "Those with that text somewhere in the owner's id or one of Stripe's ids, in any case"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "The most that a page holds; 20 if nothing is said"),
        ("cursor" = Option<String>, Query, description = "`page.next` of the page before"),
    ),
    responses(
        (status = 200, body = ListAnswer<SubscriptionRecord>),
        RefusedAdmin,
    )
)]
async fn list(
    State(billing): State<Billing>,
    mut parameters: Parameters,
) -> Result<ListAnswer<SubscriptionRecord>, Problem> {
    let tier = parameters.optional("tier", "text of 1 to 256 bytes", short);
    let status = parameters.optional("status", "text of 1 to 256 bytes", short);
    let owner = parameters.optional(
        "owner",
        "an owner like `user:pia` or `organization:eagle`",
        owner,
    );
    let text = parameters.optional("text", "text of 1 to 256 bytes", short);
    let page = parameters.page();
    parameters.finish()?;
    let query = SubscriptionQuery {
        tier,
        status,
        owner,
        text,
    };
    Ok(admin::subscriptions(&billing, &query, page).await?.into())
}

fn short(text: &str) -> Option<String> {
    let fits = !text.is_empty() && text.len() <= TEXT_BYTES;
    fits.then(|| text.to_owned())
}

fn owner(text: &str) -> Option<Subject> {
    let (kind, id) = text.split_once(':')?;
    let owner = match kind {
        "user" => Subject::user(id),
        "organization" => Subject::organization(id),
        _ => return None,
    };
    owner.is_valid().then_some(owner)
}
