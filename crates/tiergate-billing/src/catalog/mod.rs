//! The catalog in force: written down for reports, and told to those who ask.

mod listing;
mod mine;
mod seed;

pub(crate) use listing::{FeatureListing, list};
pub(crate) use mine::{FeatureHeld, of_owner};
pub use seed::Seeding;
