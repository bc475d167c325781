//! What the layers promise, one promise a file.

mod abandoned;
mod bodies;
mod confirmation;
mod costs;
mod denials;
mod fields;
mod idempotency;
mod outages;
mod readiness;
mod renderers;
mod routes;
mod settling;
mod stacking;
mod stores;
mod subjects;
mod support;
