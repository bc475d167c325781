//! Invoices, as their owners see them.

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Answer, ListAnswer};
use super::parameters::{Id, Parameters};
use super::{Api, Problem};
use crate::api::described::Refused;
use crate::auth::Caller;
use crate::record::InvoiceRecord;
use crate::{Billing, InvoiceId, SubscriptionId, invoices};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(of_subscription))
        .routes(routes!(one))
}

/// The invoices of a subscription, newest first.
#[utoipa::path(
    get,
    path = "/api/subscriptions/{id}/invoices",
    tag = "invoices",
    operation_id = "invoices_of_subscription",
    security(("bearer" = [])),
    params(
        ("id" = SubscriptionId, Path, description = "The subscription"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "The most that a page holds; 20 if nothing is said"),
        ("cursor" = Option<String>, Query, description = "`page.next` of the page before"),
    ),
    responses(
        (status = 200, body = ListAnswer<InvoiceRecord>),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        Refused,
    )
)]
async fn of_subscription(
    State(billing): State<Billing>,
    caller: Caller,
    Id(id): Id<SubscriptionId>,
    mut parameters: Parameters,
) -> Result<ListAnswer<InvoiceRecord>, Problem> {
    let page = parameters.page();
    parameters.finish()?;
    let invoices = invoices::of_subscription(&billing, &caller, id, page).await?;
    Ok(invoices.into())
}

/// One invoice.
#[utoipa::path(
    get,
    path = "/api/invoices/{id}",
    tag = "invoices",
    operation_id = "invoice",
    security(("bearer" = [])),
    params(("id" = InvoiceId, Path, description = "The invoice")),
    responses(
        (status = 200, body = Answer<InvoiceRecord>, headers(("etag" = String))),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        Refused,
    )
)]
async fn one(
    State(billing): State<Billing>,
    caller: Caller,
    Id(id): Id<InvoiceId>,
) -> Result<Answer<InvoiceRecord>, Problem> {
    let invoice = invoices::by_id(&billing, &caller, id).await?;
    let version = invoice.version;
    Ok(Answer::versioned(invoice, version))
}
