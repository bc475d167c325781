//! The layers, for any tower HTTP service.
//!
//! # `route_layer` or `layer`
//!
//! A layer guards the routes that exist when it is added, and nothing else. What that leaves open in
//! axum:
//!
//! | written | guarded | open |
//! |---|---|---|
//! | `route("/a", get(h).layer(guard))` | `GET` and `HEAD /a` | every other path; another method of `/a` that is added after |
//! | `route("/a", get(h)).route_layer(guard).route("/b", …)` | `/a`, for every method it has by then | `/b`, and other methods of `/a`, because they were added after; unknown paths stay 404 |
//! | `route("/a", get(h)).layer(guard)` | `/a` and the fallback: unknown paths are refused too | what is added after |
//! | `merge(other)` or `nest("/x", other)` after the layer | what was there before | everything in `other` |
//!
//! A method that a path does not have is answered 405. A guard that was added by `layer`, or to the
//! whole router, is asked before that; one that was added as `get(h).route_layer(guard)` is not.
//!
//! Paths are matched as they are sent. `/A`, `/a/`, `//a` and `/%61` are other paths than `/a`, and
//! where a catch-all route serves them, that route needs a guard of its own. The audit of the `axum`
//! feature's `GuardedRouter` lists every path and method with its guard, so that a test can fail on
//! one that has none.
//!
//! # Order
//!
//! Authentication has to run first, because the layers read the [`Principal`](crate::Principal) that
//! it leaves on the request. In axum, what is added last runs first: add the guard, then the
//! authentication. A request without a principal is answered 401, never let through.
//!
//! # What a request goes through
//!
//! A subject whose subscription is cached is decided on the spot: no task, no boxed future, and for a
//! [`Principal`](crate::Principal) no memory either. Otherwise the request waits for the lookup, and
//! the service behind is called when the answer is there. Dropping the response future at any point,
//! as a server does when a client goes away, gives back what was reserved.
//!
//! Several layers on one route share one lookup, and decide by one catalog.

mod at_once;
mod check_usage_limit;
mod count_at_a_glance;
mod define;
mod future;
mod glimpse;
mod guard;
mod require_feature;
mod require_min_tier;
pub(crate) mod rule;
#[cfg(test)]
mod tests;

pub use check_usage_limit::{Charge, CheckUsageLimit, CheckUsageLimitLayer};
pub use future::ResponseFuture;
pub use require_feature::{RequireFeature, RequireFeatureLayer};
pub use require_min_tier::{RequireMinTier, RequireMinTierLayer};
