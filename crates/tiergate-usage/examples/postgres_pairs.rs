//! How many pairs of a reserve and a commit a PostgreSQL server takes in a second, and how long a lease
//! takes. Run it in release mode with the URL of a database that may be written to:
//!
//! ```text
//! cargo run --release -p tiergate-usage --features postgres --example postgres_pairs -- \
//!     postgres://me@127.0.0.1/test
//! ```

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tiergate_clock::{Clock, SystemClock};
use tiergate_core::{Limit, Subject};
use tiergate_usage::{
    Claim, CounterKey, CounterWindow, Lease, LeaseId, PostgresUsage, Reserve, ReserveOutcome,
    SharedStore, StoreError, UsageStore,
};

const TTL: Duration = Duration::from_secs(60);
const SPAN: Duration = Duration::from_secs(5);

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let url = std::env::args()
        .nth(1)
        .ok_or("name the URL of a database")?;
    let usage = PostgresUsage::builder(&url)
        .schema("tiergate_usage_pairs")
        .connections(32)
        .deadline(Duration::from_secs(10))
        .connect()
        .await?;
    let hour = CounterWindow::Sliding {
        length: Duration::from_secs(3_600),
    };
    for (kind, window) in [("gauge", CounterWindow::Level), ("rate", hour)] {
        for (tasks, counters) in [(1, 1), (64, 1), (1, 1_000), (64, 1_000)] {
            let pairs = pairs(&usage, window, tasks, counters).await?;
            println!("{kind}: {tasks} tasks on {counters} counters: {pairs:.0} pairs a second");
        }
    }
    lease(&usage).await?;
    usage.sweep().await?;
    Ok(())
}

async fn pairs(
    usage: &PostgresUsage,
    window: CounterWindow,
    tasks: u64,
    counters: u64,
) -> Outcome<f64> {
    let clock = SystemClock::new();
    let done = Arc::new(AtomicU64::new(0));
    let mut running = Vec::new();
    for task in 0..tasks {
        let (usage, clock, done) = (usage.clone(), clock.clone(), Arc::clone(&done));
        running.push(tokio::spawn(async move {
            let mut number = task;
            while clock.elapsed() < SPAN {
                number = number
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let subject = Subject::user(format!("{tasks} {}", (number >> 33) % counters));
                let key = CounterKey::new(subject, "units", window);
                let claims = [Claim::new(key, 1, Limit::AtMost(1_000_000_000))];
                let outcome = usage.reserve(Reserve::new(&claims, TTL)).await?;
                if let ReserveOutcome::Admitted(admitted) = outcome {
                    usage.commit(admitted.id(), &[1]).await?;
                    done.fetch_add(1, Ordering::Relaxed);
                }
            }
            Ok::<(), StoreError>(())
        }));
    }
    for task in running {
        task.await??;
    }
    let pairs = u32::try_from(done.load(Ordering::Relaxed))?;
    Ok(f64::from(pairs) / clock.elapsed().as_secs_f64())
}

async fn lease(usage: &PostgresUsage) -> Outcome<()> {
    let clock = SystemClock::new();
    let key = CounterKey::new(Subject::user("leases"), "units", CounterWindow::Level);
    // Of another run, unless its number differs.
    let first = u128::from(std::process::id()) << 64;
    let rounds = 200_u32;
    let mut spent = [Duration::ZERO; 3];
    for round in 0..rounds {
        let id = LeaseId::from_u128(first + u128::from(round));
        let began = clock.elapsed();
        usage
            .lease(Lease {
                key: &key,
                id,
                units: 100,
                kept: 0,
                limit: Limit::Unlimited,
                ttl: TTL,
            })
            .await?;
        let leased = clock.elapsed();
        usage.extend(&key, id, 50, TTL).await?;
        let extended = clock.elapsed();
        usage.end(&key, id, 0).await?;
        let times = [
            leased - began,
            extended - leased,
            clock.elapsed() - extended,
        ];
        for (sum, time) in spent.iter_mut().zip(times) {
            *sum += time;
        }
    }
    for (what, sum) in ["lease", "extend", "end"].into_iter().zip(spent) {
        println!("{what}: {:?} each", sum / rounds);
    }
    Ok(())
}
