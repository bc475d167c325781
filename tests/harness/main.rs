//! What the scenarios of the billing service stand on is itself tested: that it works, and that it
//! can fail.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a scenario that cannot be set up has to fail"
)]

mod absence;
mod contract;
mod orphans;
mod postgres;
mod program;
mod strangers;
mod tokens;
