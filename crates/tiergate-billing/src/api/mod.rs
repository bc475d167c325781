//! The HTTP API.
//!
//! One file for each resource; each has the handlers, what they answer in the OpenAPI document, and
//! `routes()`. Handlers read the request, ask the rules, and turn what they say into an answer; they
//! hold no rule themselves.

mod admin;
mod answer;
mod authenticate;
mod catalog;
mod described;
mod events;
mod fields;
mod invoices;
mod limits;
mod mutation;
mod operations;
mod parameters;
mod problem;
mod subscriptions;
#[cfg(test)]
mod testing;
mod usage;
mod usage_totals;
mod webhooks;

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::FromRef;
use tiergate::CheckUsageLimitLayer;
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;

pub use limits::{RateLimits, RateLimitsError};
pub use problem::Problem;

use crate::Billing;
use crate::auth::Verifier;
use crate::push::{Follower, Places};
use crate::webhook::StripeWebhooks;

/// What the handlers share.
#[derive(Clone, Debug)]
pub struct Api {
    billing: Billing,
    verifier: Verifier,
    webhooks: Option<StripeWebhooks>,
    follower: Follower,
    streams: Places,
    limit: Option<CheckUsageLimitLayer>,
    schema_seen: Arc<OnceLock<()>>,
    stop: CancellationToken,
}

impl FromRef<Api> for Billing {
    fn from_ref(api: &Api) -> Self {
        api.billing.clone()
    }
}

/// Describes the whole of the API; paths and schemas come from the handlers.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "tiergate billing",
        description = "Subscriptions, usage, invoices and feature flags. Success is \
                       `{\"success\": true, \"data\": …}`; an error is problem+json (RFC 9457)."
    ),
    components(schemas(Problem)),
    tags(
        (name = "subscriptions"), (name = "usage"), (name = "invoices"), (name = "features"),
        (name = "events"), (name = "webhooks"), (name = "admin"), (name = "operations")
    )
)]
struct Document;

impl Api {
    /// How many event streams there may be at once, unless that is set otherwise.
    pub const USUAL_STREAMS: usize = 1_024;

    /// The API of a service whose callers show tokens that `verifier` checks. Callers have no rate
    /// limit.
    #[must_use]
    pub fn new(billing: Billing, verifier: Verifier) -> Self {
        Self {
            follower: Follower::new(billing.clone()),
            billing,
            verifier,
            webhooks: None,
            streams: Places::new(Self::USUAL_STREAMS),
            limit: None,
            schema_seen: Arc::default(),
            stop: CancellationToken::new(),
        }
    }

    /// Takes Stripe's webhooks in, too.
    #[must_use]
    pub fn with_webhooks(mut self, webhooks: StripeWebhooks) -> Self {
        self.webhooks = Some(webhooks);
        self
    }

    /// Limits how many requests a caller may make in a minute.
    ///
    /// # Errors
    ///
    /// When a limit is zero.
    pub fn with_rate_limits(mut self, limits: RateLimits) -> Result<Self, RateLimitsError> {
        self.limit = Some(limits.layer(self.billing.clock())?);
        Ok(self)
    }

    /// Sets how many event streams there may be at once. More are answered 503; a user who has 16 is
    /// answered 429. Each holds a connection, so this should leave some for other requests.
    #[must_use]
    pub fn with_max_streams(mut self, most: usize) -> Self {
        self.streams = Places::new(most);
        self
    }

    pub(crate) fn billing(&self) -> &Billing {
        &self.billing
    }

    pub(crate) fn webhooks(&self) -> Option<&StripeWebhooks> {
        self.webhooks.as_ref()
    }

    pub(crate) fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// What has to run for event streams to be served.
    pub(crate) fn follower(&self) -> &Follower {
        &self.follower
    }

    /// Cancelled when the service shuts down: it is not ready any more, and event streams end.
    pub(crate) fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// The routes.
    pub fn router(self) -> Router {
        self.split().0
    }

    /// The OpenAPI document of the routes.
    #[must_use]
    pub fn document() -> utoipa::openapi::OpenApi {
        // Routes and document are made together; the document needs no state.
        Self::routes(None).split_for_parts().1
    }

    fn split(self) -> (Router, utoipa::openapi::OpenApi) {
        let (router, document) = Self::routes(self.limit.clone()).split_for_parts();
        let router = router
            .layer(axum::middleware::from_fn_with_state(
                self.clone(),
                authenticate::authenticate,
            ))
            .fallback(problem::no_such_route)
            .method_not_allowed_fallback(problem::no_such_method)
            .with_state(self);
        (router, document)
    }

    fn routes(limit: Option<CheckUsageLimitLayer>) -> OpenApiRouter<Self> {
        let mut document = Document::openapi();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(
            "bearer",
            SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
        );
        let billing = OpenApiRouter::new()
            .merge(subscriptions::routes())
            .merge(usage::routes())
            .merge(usage_totals::routes())
            .merge(invoices::routes())
            .merge(catalog::routes())
            .merge(events::routes())
            .merge(webhooks::routes())
            .merge(admin::routes());
        let billing = match limit {
            Some(limit) => billing.layer(limit),
            None => billing,
        };
        // Whoever watches the service is not limited, whatever token they show.
        OpenApiRouter::with_openapi(document)
            .merge(billing)
            .merge(operations::routes())
    }
}
