//! A fixed number of pairs of a reserve and a commit in memory, for a profiler that counts instructions:
//! run it twice with different numbers, and what the difference costs is the price of the pairs.
//!
//! ```text
//! cargo build --profile bench -p tiergate-usage --example memory_pairs
//! valgrind --tool=callgrind target/release/examples/memory_pairs quota 1000 100000
//! ```
//!
//! The arguments are what is counted (`gauge`, `quota`, `rate`, `two` claims, or `leased` for a quota by
//! leases), how many subjects count, and how many pairs there are.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use tiergate_core::time::Timestamp;
use tiergate_core::{Limit, Subject};
use tiergate_usage::{
    Claim, CounterKey, CounterWindow, LeasedUsage, MemoryUsage, Reserve, ReserveOutcome, UsageStore,
};

const TTL: Duration = Duration::from_secs(30);
const LIMIT: Limit = Limit::AtMost(1 << 60);
const RATE: CounterWindow = CounterWindow::Sliding {
    length: Duration::from_millis(100),
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, subjects, pairs] = arguments.as_slice() else {
        return Err("name what is counted, how many subjects count, and how many pairs".into());
    };
    let quota = CounterWindow::Fixed {
        start: Timestamp::from_seconds(0),
        end: Timestamp::from_seconds(4_102_444_800),
    };
    let windows: &[CounterWindow] = match kind.as_str() {
        "gauge" => &[CounterWindow::Level],
        "quota" | "leased" => &[quota],
        "rate" => &[RATE],
        "two" => &[quota, RATE],
        _ => return Err("nothing of that kind is counted".into()),
    };
    let memory = Arc::new(MemoryUsage::new());
    let store: Arc<dyn UsageStore> = match kind.as_str() {
        "leased" => Arc::new(LeasedUsage::builder(memory).ahead(1_000_000).build()),
        _ => memory,
    };
    let subjects = subjects.parse()?;
    let operations: Vec<Vec<Claim>> = (0..subjects).map(|it| claims(it, windows)).collect();
    for claims in &operations {
        pair(&*store, claims).await?;
    }
    let mut at = 0;
    for _ in 0..pairs.parse()? {
        // A prime step leads to every subject, and never to a neighbour.
        at = (at + 7_919) % operations.len();
        if let Some(claims) = operations.get(at) {
            pair(&*store, claims).await?;
        }
    }
    Ok(())
}

fn claims(subject: usize, windows: &[CounterWindow]) -> Vec<Claim> {
    let features: [Arc<str>; 2] = ["workflow_executions_monthly".into(), "api_calls".into()];
    let id = format!("{subject:08x}-0000-4000-8000-{subject:012x}");
    let claim = |(window, feature): (&CounterWindow, &Arc<str>)| {
        let key = CounterKey::new(Subject::user(id.as_str()), Arc::clone(feature), *window);
        Claim::new(key, 1, LIMIT)
    };
    windows.iter().zip(&features).map(claim).collect()
}

async fn pair(store: &dyn UsageStore, claims: &[Claim]) -> Result<(), Box<dyn Error>> {
    let request = Reserve::new(claims, TTL);
    let outcome = store.reserve(request).await?;
    let ReserveOutcome::Admitted(admitted) = outcome else {
        return Err("it fits".into());
    };
    store.commit(admitted.id(), &request.units()).await?;
    Ok(())
}
