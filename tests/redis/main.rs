//! The store in Redis keeps every promise, on real servers.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a scenario that cannot be set up has to fail"
)]

mod cluster;
mod conformance;
mod exactness;
mod faults;
mod lifetimes;
mod lost_answers;
mod numbers;
mod support;
mod twin;
