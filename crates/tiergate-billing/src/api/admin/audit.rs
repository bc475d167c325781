//! The audit log.

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::answer::ListAnswer;
use crate::api::described::RefusedAdmin;
use crate::api::parameters::Parameters;
use crate::api::{Api, Problem};
use crate::record::{AuditRecord, Time};
use crate::table::audit_search::AuditQuery;
use crate::{Billing, admin};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Who did what, newest first.
#[utoipa::path(
    get,
    path = "/api/admin/audit",
    tag = "admin",
    operation_id = "audit_log",
    security(("bearer" = [])),
    params(
        ("object" = Option<String>, Query, description = "What it was done to: a kind, like `subscription`, or a kind and an id, like `subscription:0198…`"),
        ("actor" = Option<String>, Query, description = "Who did it: a kind, like `admin`, or a kind and an id, like `admin:ann`"),
        ("action" = Option<String>, Query, description = "What was done, like `subscription.changed`"),
        ("from" = Option<Time>, Query, description = "From that moment on"),
        ("to" = Option<Time>, Query, description = "Before that moment"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "The most that a page holds; 20 if nothing is said"),
        ("cursor" = Option<String>, Query, description = "`page.next` of the page before"),
    ),
    responses(
        (status = 200, body = ListAnswer<AuditRecord>),
        RefusedAdmin,
    )
)]
async fn list(
    State(billing): State<Billing>,
    mut parameters: Parameters,
) -> Result<ListAnswer<AuditRecord>, Problem> {
    let object = parameters.optional(
        "object",
        "a kind, or a kind and an id like `subscription:0198…`",
        kind_and_id,
    );
    let actor = parameters.optional(
        "actor",
        "a kind, or a kind and an id like `admin:ann`",
        kind_and_id,
    );
    let action = parameters.optional(
        "action",
        "what was done, like `subscription.changed`",
        |text| (!text.is_empty()).then(|| text.to_owned()),
    );
    let time = "a time like 2026-01-31T12:00:00Z";
    let from = parameters.optional("from", time, |text| text.parse().ok().map(Time));
    let to = parameters.optional("to", time, |text| text.parse().ok().map(Time));
    let page = parameters.page();
    parameters.finish()?;
    let (object_kind, object_id) = object.unwrap_or_default();
    let (actor_kind, actor_id) = actor.unwrap_or_default();
    let query = AuditQuery {
        object_kind,
        object_id,
        actor_kind,
        actor_id,
        action,
        from,
        to,
    };
    Ok(admin::audit_log(&billing, &query, page).await?.into())
}

type KindAndId = (Option<String>, Option<String>);

/// Reads `kind` or `kind:id`. Ids may have colons in them; kinds have none.
fn kind_and_id(text: &str) -> Option<KindAndId> {
    let (kind, id) = match text.split_once(':') {
        Some((kind, id)) => (kind, Some(id)),
        None => (text, None),
    };
    if kind.is_empty() || id.is_some_and(str::is_empty) {
        return None;
    }
    Some((Some(kind.to_owned()), id.map(str::to_owned)))
}
