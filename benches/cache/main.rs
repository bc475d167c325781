//! What the cache of subscriptions takes, how many lookups it makes, and whom it keeps.
#![expect(
    clippy::expect_used,
    reason = "a benchmark that is set up wrong has to stop"
)]

mod flood;
mod memory;
mod records;
mod storm;

use std::sync::Arc;

use records::Records;
use side_by_side::Effort;
use tiergate::testing::Clock;
use tiergate::{CacheConfig, CachedLookup};
use tokio::runtime::{Builder, Runtime};

fn main() {
    let effort = Effort::from_args();
    if effort.wants(memory::TITLE, "") {
        memory::measure(effort);
    }
    if effort.wants(storm::TITLE, "") {
        storm::measure(effort);
    }
    if effort.wants(flood::TITLE, "") {
        flood::measure(effort);
    }
}

/// A cache with room for so many, whose clock stands still: nothing gets old meanwhile.
fn cache_of(room: u64, records: &Records) -> CachedLookup {
    let config = CacheConfig::builder()
        .max_entries(room)
        .max_bytes(room * 4_096)
        .build()
        .expect("the bounds are sound");
    let clock = Arc::new(Clock::default());
    CachedLookup::new(Arc::new(records.clone()), config, clock)
}

/// Everything happens on the thread that measures.
fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime without I/O can always be built")
}
