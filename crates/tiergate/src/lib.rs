//! What a caller's tier allows, per request: which features, which minimum tier, how much of a limit
//! is left.
//!
//! A service loads a [`Catalog`] of tiers and features, says how to look subscriptions up, wraps its
//! routes in layers, and asks from plain code where a layer does not fit.
//!
//! ```
//! use axum::Router;
//! use axum::routing::{get, post};
//! use tiergate::{Subject, TierGate};
//!
//! # async fn contacts() {}
//! # async fn execute() {}
//! # async fn brand() {}
//! # async fn start(
//! #     catalog: tiergate::Catalog,
//! #     lookup: impl tiergate::SubscriptionLookup,
//! # ) -> Result<Router, Box<dyn std::error::Error>> {
//! // In a service: Catalog::from_path("feature-flags.yaml")?
//! // and HttpLookup::new("http://127.0.0.1:3001")?
//! let gate = TierGate::builder(catalog).lookup(lookup).build()?;
//!
//! let app = Router::new()
//!     .route(
//!         "/api/crm/contacts",
//!         get(contacts).layer(gate.require_feature("crm_enabled")?),
//!     )
//!     .route(
//!         "/api/workflows/execute",
//!         post(execute).layer(gate.check_usage_limit("workflow_executions_monthly")?),
//!     )
//!     .route(
//!         "/api/branding/white-label",
//!         post(brand).layer(gate.require_min_tier("premium")?),
//!     );
//!
//! if gate.has_feature_access(&Subject::user("42"), "sms_messages").await? {
//!     // send a text message
//! }
//! # Ok(app)
//! # }
//! ```
//!
//! Names are resolved when a layer is made. A typo ends the program at start-up, with the nearest
//! name; it is never a denial, and never lets anybody through.
//!
//! # Where things are
//!
//! | module | holds |
//! |---|---|
//! | [`gate`] | [`TierGate`], its builder, its functions for plain code, typed handles, hot reload |
//! | [`layer`] | the tower layers, and what mounting them leaves open |
//! | [`request`] | who a request is decided for, and what a handler is told: [`Principal`], [`Access`] |
//! | [`denial`] | how a denial is said to an HTTP client |
//! | [`decision`] | the pure function behind every decision, and its vocabulary |
//! | [`catalog`] | tiers, features, prices; reading and checking the file |
//! | [`lookup`] | who has which tier: the HTTP client, the cache, its failures |
//! | [`usage`] | how much of a limit is used: stores and reservations |
//! | [`observability`] | the names of events and metrics |
//! | `axum` (feature `axum`) | extractors for handlers, and a router whose guards can be listed |
//! | `recorder` (feature `recorder`) | usage for billing, kept until the billing service has it |
//! | `testing` (feature `testing`) | gates for tests |
//!
//! # When billing is away
//!
//! A fault is never a 'no'. What is cached is used, fresh for five minutes and stale for up to a day.
//! Of whom nothing is known, what the default tier has is allowed, and the rest is answered 503 with
//! `Retry-After`. Nobody is told to upgrade because a server is down. [`decision::Policy`] and the
//! `when_unavailable` of each layer choose otherwise.
//!
//! # Cargo features
//!
//! None is on by default. A service that asks its billing service over a network turns on `rustls`.
//!
//! | feature | adds |
//! |---|---|
//! | `http-client` | `HttpLookup`, over plain HTTP |
//! | `rustls` | the same with TLS, by rustls |
//! | `native-tls` | the same with TLS, by the system's library |
//! | `axum` | the module `axum`. The layers themselves serve axum without it |
//! | `metrics` | metrics through the `metrics` facade |
//! | `recorder` | the module `recorder` |
//! | `testing` | the module `testing` |
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "axum")]
pub mod axum;
pub mod denial;
pub mod gate;
pub mod layer;
pub mod observability;
#[cfg(feature = "recorder")]
pub mod recorder;
pub mod request;
#[cfg(feature = "testing")]
pub mod testing;

pub use gate::{CheckError, ReserveError, TierGate, TierGateBuilder};
pub use layer::{
    CheckUsageLimit, CheckUsageLimitLayer, RequireFeature, RequireFeatureLayer, RequireMinTier,
    RequireMinTierLayer,
};
pub use request::{Access, Principal};
pub use tiergate_clock as clock;
pub use tiergate_core::decision::{Policy, Requirement};
pub use tiergate_core::{
    Catalog, Decision, Denial, DenialKind, Explanation, FeatureId, FeatureValue, Limit, LimitId,
    Subject, SubjectKind, Subscription, SubscriptionStatus, TierId, catalog, decision, money,
    subscription, time, window,
};
pub use tiergate_lookup as lookup;
#[cfg(feature = "http-client")]
pub use tiergate_lookup::HttpLookup;
pub use tiergate_lookup::{
    CacheConfig, CachedLookup, StaticLookup, SubscriptionLookup, async_trait,
};
pub use tiergate_usage as usage;
#[cfg(feature = "postgres")]
pub use tiergate_usage::PostgresUsage;
#[cfg(feature = "redis")]
pub use tiergate_usage::RedisUsage;
#[cfg(feature = "sqlite")]
pub use tiergate_usage::SqliteUsage;
pub use tiergate_usage::{MemoryUsage, UsageStore};
