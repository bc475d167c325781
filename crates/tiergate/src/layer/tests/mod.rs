//! What the layers promise, one promise a file.

mod abandoned;
mod alerts;
mod answers;
mod bodies;
mod by_tier;
mod charged;
mod confirmation;
mod costs;
mod denials;
mod fields;
mod idempotency;
mod kept;
mod outages;
mod readiness;
mod renderers;
mod routes;
mod settling;
mod stacking;
mod store_outages;
mod stores;
mod subjects;
mod support;
