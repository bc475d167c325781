//! What the operator's people do about invoices.

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::bodies::{MarkInvoice, Refund};
use crate::api::answer::Answer;
use crate::api::described::{Preconditions, RefusedChange};
use crate::api::mutation::{self, Mutation};
use crate::api::parameters::Id;
use crate::api::{Api, Problem};
use crate::change::Reply;
use crate::record::InvoiceRecord;
use crate::{Billing, BillingError, FieldFault, InvoiceId, invoices, subscriptions};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(mark))
        .routes(routes!(refund))
}

/// Marks an invoice that no payment provider keeps as paid, given up or taken back.
#[utoipa::path(
    post,
    path = "/api/admin/invoices/{id}/mark",
    tag = "admin",
    operation_id = "mark_invoice",
    security(("bearer" = [])),
    params(
        ("id" = InvoiceId, Path, description = "The invoice"),
        Preconditions,
    ),
    request_body(content = MarkInvoice, content_type = "application/json"),
    responses(
        (status = 200, body = Answer<InvoiceRecord>, headers(("etag" = String))),
        RefusedChange,
    )
)]
async fn mark(
    State(billing): State<Billing>,
    Id(id): Id<InvoiceId>,
    request: Mutation<MarkInvoice>,
) -> Result<Reply, Problem> {
    let Mutation { context, body, .. } = request;
    let work = invoices::mark(&billing, &context, id, body.status, &body.reason);
    mutation::answer(&billing, &context, work).await
}

/// Pays back all or a part of what was paid for an invoice.
#[utoipa::path(
    post,
    path = "/api/admin/invoices/{id}/refund",
    tag = "admin",
    operation_id = "refund",
    security(("bearer" = [])),
    params(
        ("id" = InvoiceId, Path, description = "The invoice"),
        Preconditions,
    ),
    request_body(content = Refund, content_type = "application/json"),
    responses(
        (status = 200, body = Answer<InvoiceRecord>, headers(("etag" = String))),
        RefusedChange,
    )
)]
async fn refund(
    State(billing): State<Billing>,
    Id(id): Id<InvoiceId>,
    request: Mutation<Refund>,
) -> Result<Reply, Problem> {
    let Mutation {
        caller,
        context,
        body,
    } = request;
    let work = async {
        if let Some(amount) = &body.amount {
            let invoice = invoices::by_id(&billing, &caller, id).await?;
            if amount.currency != invoice.total.currency {
                let detail = format!("expected {}, the invoice's", invoice.total.currency);
                let fault = FieldFault::new("/amount/currency", detail);
                return Err(BillingError::Invalid(vec![fault]));
            }
        }
        let amount = body.amount.as_ref().map(|amount| amount.amount);
        subscriptions::refund(&billing, &context, id, amount, &body.reason).await
    };
    mutation::answer(&billing, &context, work).await
}
