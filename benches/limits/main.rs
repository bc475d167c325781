//! What it costs to take a unit of a limit and to say that it was used.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a benchmark that is set up wrong has to stop"
)]

mod claims;
mod counted;
#[cfg(feature = "peers")]
mod governed;
mod peer;

use std::sync::Arc;

use claims::{REQUESTS, Walk};
use counted::Filled;
#[cfg(feature = "peers")]
use governed::Governed;
use peer::{Bare, Mapped};
use side_by_side::{Comparison, Effort, Stopwatch};
use tiergate::MemoryUsage;
use tiergate::usage::LeasedUsage;
use tokio::runtime::{EnterGuard, Runtime};

/// More customers than fit into a processor's cache.
const MANY: u32 = 100_000;
/// As many as one replica leases for.
const LEASED: u32 = 10_000;

const PEER: &str = "DashMap get and compare-and-swap (peer)";
const FLOOR: &str = "an atomic in an array (floor)";
const QUOTA: &str = "reserve and commit, quota";
const RATE: &str = "reserve and commit, rate";
const TWO: &str = "reserve and commit, quota and rate";
const LEASE: &str = "reserve and commit, quota, by leases";

/// Something that takes one unit for a request, and tells how many are used then.
trait Take: Sync {
    fn take(&self, request: usize) -> u64;

    /// What a thread has to have while it takes.
    fn enter(&self) -> Option<EnterGuard<'_>> {
        None
    }
}

fn main() {
    let effort = Effort::from_args();
    many(effort);
    hot(effort);
    leased(effort);
}

/// Many counters, each of which is seldom in the cache.
fn many(effort: Effort) {
    let (uniform, zipf) = (Walk::uniform(MANY), Walk::zipf(MANY));
    // A store for each, so that there are as many counters as the peer has.
    let gauges = Filled::new(MemoryUsage::new(), claims::gauge(), &uniform);
    let quotas = Filled::new(MemoryUsage::new(), claims::quota(), &uniform);
    let rates = Filled::new(MemoryUsage::new(), claims::rate(), &uniform);
    let both = Filled::new(MemoryUsage::new(), claims::quota_and_rate(), &uniform);
    for (title, walk) in [
        ("Taking one unit: 100,000 counters, uniform", &uniform),
        ("Taking one unit: 100,000 counters, zipf", &zipf),
    ] {
        let (bare, mapped) = (Bare::new(walk), Mapped::new(walk));
        #[cfg(feature = "peers")]
        let governed = Governed::new(walk);
        let (gauge, quota, rate) = (
            gauges.counted(walk),
            quotas.counted(walk),
            rates.counted(walk),
        );
        let (two, guarded) = (both.counted(walk), quotas.guarded(walk));
        let table = Comparison::new(title)
            .by(Stopwatch::ThreadCpu)
            .column(PEER, walked(&mapped))
            .column("the peer, one after the other", chained(&mapped))
            .column(FLOOR, walked(&bare))
            .column("reserve and commit, gauge", walked(&gauge))
            .column(QUOTA, walked(&quota))
            .column("quota, one after the other", chained(&quota))
            .column(RATE, walked(&rate))
            .column(TWO, walked(&two))
            .column("reserve and commit, quota, by a guard", walked(&guarded));
        #[cfg(feature = "peers")]
        let table = table.column(GOVERNED, walked(&governed));
        table.run(effort);
    }
    let (bare, mapped) = (Bare::new(&zipf), Mapped::new(&zipf));
    let (quota, rate) = (quotas.counted(&zipf), rates.counted(&zipf));
    Comparison::new("The same from two threads, for one of them: 100,000 counters, zipf")
        .column(PEER, walked_by_two(&mapped))
        .column(FLOOR, walked_by_two(&bare))
        .column(QUOTA, walked_by_two(&quota))
        .column(RATE, walked_by_two(&rate))
        .run(effort);
}

/// One counter that everybody wants.
fn hot(effort: Effort) {
    let walk = Walk::uniform(1);
    let runtime = runtime();
    let (bare, mapped) = (Bare::new(&walk), Mapped::new(&walk));
    let quotas = Filled::new(MemoryUsage::new(), claims::quota(), &walk);
    let rates = Filled::new(MemoryUsage::new(), claims::rate(), &walk);
    let both = Filled::new(MemoryUsage::new(), claims::quota_and_rate(), &walk);
    let leases = Filled::on_runtime(front(), claims::quota(), &walk, runtime.handle());
    let (quota, rate) = (quotas.counted(&walk), rates.counted(&walk));
    let (two, leased) = (both.counted(&walk), leases.counted(&walk));
    #[cfg(feature = "peers")]
    let governed = Governed::new(&walk);
    let table = Comparison::new("Taking one unit: one counter")
        .by(Stopwatch::ThreadCpu)
        .column(FLOOR, walked(&bare))
        .column(PEER, walked(&mapped))
        .column(QUOTA, walked(&quota))
        .column(RATE, walked(&rate))
        .column(TWO, walked(&two))
        .column(LEASE, walked(&leased));
    #[cfg(feature = "peers")]
    let table = table.column(GOVERNED, walked(&governed));
    table.run(effort);
    let table = Comparison::new("The same from two threads, for one of them: one counter")
        .column(FLOOR, walked_by_two(&bare))
        .column(PEER, walked_by_two(&mapped))
        .column(QUOTA, walked_by_two(&quota))
        .column(RATE, walked_by_two(&rate))
        .column(TWO, walked_by_two(&two))
        .column(LEASE, walked_by_two(&leased));
    #[cfg(feature = "peers")]
    let table = table.column(GOVERNED, walked_by_two(&governed));
    table.run(effort);
}

/// Units that are leased from a store which several processes share.
fn leased(effort: Effort) {
    let walk = Walk::zipf(LEASED);
    let runtime = runtime();
    let quotas = Filled::new(MemoryUsage::new(), claims::quota(), &walk);
    let leases = Filled::on_runtime(front(), claims::quota(), &walk, runtime.handle());
    let (quota, leased) = (quotas.counted(&walk), leases.counted(&walk));
    // Blocks are small at first, and grow with demand.
    walked(&leased)(20 * u64::from(LEASED));
    Comparison::new("Reserve and commit of a quota: 10,000 counters, zipf")
        .by(Stopwatch::ThreadCpu)
        .column("memory", walked(&quota))
        .column("by leases", walked(&leased))
        .run(effort);
    Comparison::new("The same from two threads, for one of them")
        .column("memory", walked_by_two(&quota))
        .column("by leases", walked_by_two(&leased))
        .run(effort);
}

#[cfg(feature = "peers")]
const GOVERNED: &str = "governor, by key (peer)";

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .expect("a runtime")
}

fn front() -> LeasedUsage {
    LeasedUsage::builder(Arc::new(MemoryUsage::new()))
        .ahead(1 << 40)
        .build()
}

fn walked<'a>(way: &'a impl Take) -> impl FnMut(u64) + 'a {
    let mut from = 0;
    move |times| from = take(way, times, from)
}

/// Each waits for the one before, as those of one request do. Otherwise a processor begins the next while
/// it waits for memory, if that is near enough.
fn chained<'a>(way: &'a impl Take) -> impl FnMut(u64) + 'a {
    let mut at = 0;
    move |times| {
        let mut used = 0;
        for _ in 0..times {
            // No count is as high as that, which the processor cannot know.
            at = (at + 1 + usize::from(used >= 1 << 62)) % REQUESTS;
            used = way.take(at);
        }
    }
}

fn walked_by_two<'a>(way: &'a impl Take) -> impl FnMut(u64) + 'a {
    let mut from = 0;
    move |times| {
        let there = from + REQUESTS / 2;
        from = std::thread::scope(|scope| {
            scope.spawn(move || take(way, times, there));
            take(way, times, from)
        });
    }
}

/// Takes so many times, and tells where it ended.
fn take(way: &impl Take, times: u64, from: usize) -> usize {
    let _entered = way.enter();
    let mut at = from;
    for _ in 0..times {
        at = (at + 1) % REQUESTS;
        way.take(at);
    }
    at
}
