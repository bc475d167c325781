//! For services on axum: extractors for handlers, and a router whose routes can be audited.
//!
//! # Extractors
//!
//! A handler behind a layer takes [`Access`](crate::Access), [`Principal`](crate::Principal) or
//! [`Ticket`](crate::request::Ticket) as an argument. Where it may run without the layer, it takes
//! an `Option` of it.
//!
//! ```
//! use axum::{Router, routing::post};
//! use tiergate::request::Ticket;
//! use tiergate::{Access, TierGate};
//!
//! async fn upload(access: Access, ticket: Ticket, body: String) -> String {
//!     // Charged is what was stored, not the unit that was reserved.
//!     let stored = u64::try_from(body.len()).unwrap_or(u64::MAX);
//!     match ticket.set_quantity(stored) {
//!         Ok(()) => format!("stored {stored} for {}", access.subject()),
//!         Err(settled) => settled.to_string(),
//!     }
//! }
//!
//! fn routes(gate: &TierGate) -> Result<Router, tiergate::CheckError> {
//!     Ok(Router::new()
//!         .route("/files", post(upload))
//!         .route_layer(gate.check_usage_limit("storage_limit_gb")?))
//! }
//! # use tiergate::testing::TestGate;
//! # routes(&TestGate::platform().into_gate()).unwrap();
//! ```
//!
//! An argument that no layer provided is a mistake in the program and not the caller's: the answer
//! is [`MissingLayer`], a 500 whose body tells nothing, with one `tracing` error that says which
//! layer is missing.
//!
//! # The audit
//!
//! A layer guards the routes that exist when it is added, and nothing tells of a route that has
//! none. Routes that are added through a [`GuardedRouter`] are listed with what guards them, so that
//! a test can fail on one that nobody thought of.
//!
//! ```
//! use tiergate::TierGate;
//! use tiergate::axum::{GuardedRouter, guarded};
//!
//! fn routes(gate: &TierGate) -> Result<GuardedRouter, tiergate::CheckError> {
//!     Ok(GuardedRouter::new()
//!         .route(
//!             "/contacts",
//!             guarded::get(async || "contacts").require(gate.require_feature("crm_enabled")?),
//!         )
//!         .route("/health", guarded::get(async || "ok").public("health check")))
//! }
//!
//! # use tiergate::testing::TestGate;
//! let routes = routes(&TestGate::platform().into_gate())?;
//! assert_eq!(routes.unguarded().count(), 0, "{routes}");
//! let app: axum::Router = routes.into_router();
//! # let _ = app;
//! # Ok::<(), tiergate::CheckError>(())
//! ```

mod audit;
mod extract;
mod guard;
pub mod guarded;
mod rejection;
mod router;

pub use audit::{RouteEntry, RouteGuard, RouteMethod};
pub use guard::Guard;
pub use guarded::GuardedMethods;
pub use rejection::MissingLayer;
pub use router::GuardedRouter;
