//! `/api/admin`: for the operator's people only.
//!
//! The role is checked before any handler reads anything of the request, so that whoever lacks it gets
//! one answer for every id and every body.

mod actions;
mod audit;
mod bodies;
mod guard;
mod invoices;
mod reports;
mod subscriptions;
mod webhooks;

#[cfg(test)]
mod tests;

use utoipa_axum::router::OpenApiRouter;

use super::Api;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .merge(subscriptions::routes())
        .merge(actions::routes())
        .merge(invoices::routes())
        .merge(reports::routes())
        .merge(audit::routes())
        .merge(webhooks::routes())
        .route_layer(axum::middleware::from_fn(guard::admins_only))
}
