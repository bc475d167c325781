//! What it costs to take a unit of a limit and to say that it was used.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a benchmark that is set up wrong has to stop"
)]

mod claims;
mod counted;
mod peer;

use std::sync::Arc;

use counted::{Counted, Guarded};
use peer::{Bare, Mapped};
use side_by_side::{Comparison, Effort, Zipf, on_two_threads};
use tiergate::MemoryUsage;
use tiergate::usage::LeasedUsage;

/// More customers than fit into a processor's cache.
const MANY: usize = 100_000;
/// As many as one replica leases for.
const LEASED: usize = 10_000;

/// Something that takes one unit of the limit with a number, and tells how many are used then.
trait Take: Sync {
    fn take(&self, number: usize) -> u64;
}

fn main() {
    let effort = Effort::from_args();
    many(effort);
    hot(effort);
    leased(effort);
}

/// Many counters, each of which is seldom in the cache.
fn many(effort: Effort) {
    let ids = claims::ids(MANY);
    let (bare, mapped) = (Bare::new(MANY), Mapped::new(&ids));
    // A store for each, so that there are as many counters as the peer has.
    let store = MemoryUsage::new;
    let gauge = Counted::new(store(), &ids, claims::gauge());
    let quota = Counted::new(store(), &ids, claims::quota());
    let rate = Counted::new(store(), &ids, claims::rate());
    let two = Counted::new(store(), &ids, claims::quota_and_rate());
    let guarded = Guarded::new(store(), &ids, claims::quota());
    let uniform = Zipf::evenly_below(MANY);
    let zipf = Zipf::below(MANY, 0);
    for (title, walk) in [
        ("Taking one unit: 100,000 counters, uniform", &uniform),
        ("Taking one unit: 100,000 counters, zipf", &zipf),
    ] {
        Comparison::new(title)
            .column(PEER, walked(&mapped, walk))
            .column("the same, one after the other", chained(&mapped, walk))
            .column(FLOOR, walked(&bare, walk))
            .column("reserve and commit, gauge", walked(&gauge, walk))
            .column("reserve and commit, quota", walked(&quota, walk))
            .column("reserve and commit, rate", walked(&rate, walk))
            .column("reserve and commit, quota and rate", walked(&two, walk))
            .column(
                "reserve and commit, quota, by a guard",
                walked(&guarded, walk),
            )
            .run(effort);
    }
    Comparison::new("The same from two threads, for one of them: 100,000 counters, zipf")
        .column(PEER, walked_by_two(&mapped, &zipf))
        .column(FLOOR, walked_by_two(&bare, &zipf))
        .column("reserve and commit, quota", walked_by_two(&quota, &zipf))
        .column("reserve and commit, rate", walked_by_two(&rate, &zipf))
        .run(effort);
}

/// One counter that everybody wants.
fn hot(effort: Effort) {
    let ids = claims::ids(1);
    let (bare, mapped) = (Bare::new(1), Mapped::new(&ids));
    let quota = Counted::new(MemoryUsage::new(), &ids, claims::quota());
    let rate = Counted::new(MemoryUsage::new(), &ids, claims::rate());
    let two = Counted::new(MemoryUsage::new(), &ids, claims::quota_and_rate());
    let walk = Zipf::evenly_below(1);
    Comparison::new("Taking one unit: one counter")
        .column(FLOOR, walked(&bare, &walk))
        .column(PEER, walked(&mapped, &walk))
        .column("reserve and commit, quota", walked(&quota, &walk))
        .column("reserve and commit, rate", walked(&rate, &walk))
        .column("reserve and commit, quota and rate", walked(&two, &walk))
        .run(effort);
    Comparison::new("The same from two threads, for one of them: one counter")
        .column(FLOOR, walked_by_two(&bare, &walk))
        .column(PEER, walked_by_two(&mapped, &walk))
        .column("reserve and commit, quota", walked_by_two(&quota, &walk))
        .column("reserve and commit, rate", walked_by_two(&rate, &walk))
        .column(
            "reserve and commit, quota and rate",
            walked_by_two(&two, &walk),
        )
        .run(effort);
}

/// Units that are leased from a store which several processes share.
fn leased(effort: Effort) {
    let ids = claims::ids(LEASED);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .expect("a runtime");
    let memory = Counted::new(MemoryUsage::new(), &ids, claims::quota());
    let front = LeasedUsage::builder(Arc::new(MemoryUsage::new()))
        .ahead(1 << 40)
        .build();
    let leased = Counted::on_runtime(front, &ids, claims::quota(), runtime.handle());
    let walk = Zipf::below(LEASED, 0);
    Comparison::new("Reserve and commit of a quota: 10,000 counters, zipf")
        .column("memory", walked(&memory, &walk))
        .column("leased", walked(&leased, &walk))
        .run(effort);
    Comparison::new("The same from two threads, for one of them")
        .column("memory", walked_by_two(&memory, &walk))
        .column("leased", walked_by_two(&leased, &walk))
        .run(effort);
}

const PEER: &str = "DashMap get and compare-and-swap (peer)";
const FLOOR: &str = "an atomic in an array (floor)";

fn walked<'a>(way: &'a impl Take, walk: &'a Zipf) -> impl FnMut(u64) + 'a {
    |times| take(times, walk.clone(), way)
}

/// Each waits for the one before, as those of one request do. Otherwise a processor begins the next while
/// it waits for memory, if that is near enough.
fn chained<'a>(way: &'a impl Take, walk: &'a Zipf) -> impl FnMut(u64) + 'a {
    |times| {
        let (mut walk, mut used) = (walk.clone(), 0);
        for _ in 0..times {
            // No count is as high as that, which the processor cannot know.
            used = way.take(walk.step() + usize::from(used >= 1 << 62));
        }
    }
}

fn walked_by_two<'a>(way: &'a impl Take, walk: &'a Zipf) -> impl FnMut(u64) + 'a {
    |times| on_two_threads(times, walk, |times, walk| take(times, walk, way))
}

fn take(times: u64, mut walk: Zipf, way: &impl Take) {
    for _ in 0..times {
        way.take(walk.step());
    }
}
