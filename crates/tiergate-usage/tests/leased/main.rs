//! A front that leases, before a store that is slow, away, or forgets to answer.
//!
//! Time is tokio's, and stands still unless everybody waits.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that fails panics"
)]

mod quotas;
mod rates;
mod world;
