//! The catalog of tiers and feature flags, and the decisions made from it.
//!
//! This is the core of [tiergate](https://docs.rs/tiergate), which most users want instead. It has
//! no async, no network, no database and no clock: everything it needs to know it is told, so that
//! a decision made once can be made again.

pub mod catalog;
pub mod decision;
pub mod money;
pub mod subscription;
pub mod time;
pub mod window;

mod meter;
mod subject;
mod value;

pub use catalog::{Catalog, Feature, FeatureId, FeatureKind, LimitId, Tier, TierId};
pub use decision::{Decision, Denial, DenialKind, Explanation, Policy};
pub use meter::{Meter, QuotaPeriod, RatePeriod};
pub use subject::{Subject, SubjectKind};
pub use subscription::{Subscription, SubscriptionStatus};
pub use value::{FeatureValue, Level, Limit};
pub use window::Window;
