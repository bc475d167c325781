//! Who has which tier: where [tiergate](https://docs.rs/tiergate) learns about subscriptions.
//!
//! A [`SubscriptionLookup`] answers one question: which subscription does this subject have? It
//! says [`Found`](Answer::Found), [`Missing`](Answer::Missing) or [`Failed`](Answer::Failed), and
//! these stay apart all the way: a fault is never a "no".
//!
//! * `HttpLookup` asks a billing service over HTTP (cargo feature `http-client`).
//! * [`StaticLookup`] holds subscriptions in memory.
//! * [`CachedLookup`] stands in front of either, or of your own, and is what a gate asks.
//! * `CachedLookup::follow` keeps it up to date with the changes that a billing service tells of
//!   (with `http-client` too).
//!
//! # Cargo features
//!
//! * `http-client`: `HttpLookup`. For an `https` address it needs `rustls` or
//!   `native-tls` as well.
//! * `metrics`: the [events] as metrics too.
//! * `testing`: `ScriptedLookup`, which fails, hangs and panics on command.

mod answer;
mod breaker;
mod cache;
mod error;
pub mod events;
mod fixed;
#[cfg(feature = "http-client")]
mod follow;
mod found;
#[cfg(feature = "http-client")]
mod http;
mod jitter;
mod lookup;
mod sight;
mod striped;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod wire;

pub use answer::{Answer, Freshness, Known, Resolution, Snapshot};
pub use async_trait::async_trait;
pub use cache::{
    CacheConfig, CacheConfigBuilder, CacheConfigError, CachedLookup, Pushed, Statistics, TierWord,
};
pub use error::{LookupError, LookupErrorKind};
pub use fixed::{StaticLookup, StaticLookupError};
#[cfg(feature = "http-client")]
pub use follow::{CatalogChange, CatalogChanges, FollowError, FollowStatistics, Following};
pub use found::Found;
#[cfg(feature = "http-client")]
pub use http::{
    AfterRefusal, CachedToken, HttpLookup, HttpLookupBuilder, HttpLookupError, IssuedToken,
    StaticToken, TokenError, TokenIssuer, TokenProvider, UsageOutcome, UsageSubmission,
};
pub use lookup::SubscriptionLookup;
pub use sight::Sight;
