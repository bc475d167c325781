//! `tiergate report counters` compares what gates have counted with what was recorded: real gates, that
//! count in each kind of store and deliver to the billing service as a process, and the program as it is
//! run.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a scenario that cannot be set up has to fail"
)]

mod differences;
mod program;
mod report;
mod running;
mod shop;

use std::time::Duration;

/// Far more than anything takes.
const PATIENCE: Duration = Duration::from_secs(120);
