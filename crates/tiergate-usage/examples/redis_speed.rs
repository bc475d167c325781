//! Measures a store in Redis:
//!
//! ```text
//! redis-server --save '' &
//! cargo run --release -p tiergate-usage --features redis --example redis_speed -- redis://127.0.0.1:6379/
//! ```
//!
//! It uses keys of its own, which end by themselves. Over a network the round trip is most of it.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use tiergate_clock::{Clock, SystemClock};
use tiergate_core::{Limit, Subject};
use tiergate_usage::{
    Claim, CounterKey, CounterWindow, Lease, LeaseId, RedisUsage, Reserve, ReserveOutcome,
    SharedStore, UsageStore,
};

const MINUTE: Duration = Duration::from_secs(60);

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Outcome<()> {
    let url = std::env::args()
        .nth(1)
        .ok_or("give the URL of a Redis server")?;
    let clock = SystemClock::new();
    let prefix = format!("speed:{}:", clock.now().as_micros());
    let store = Arc::new(
        RedisUsage::builder()
            .prefix(prefix)
            .gauge_ttl(MINUTE)
            .open(&url)?,
    );
    for kind in ["gauge", "quota", "rate"] {
        for counters in [1, 1_000] {
            for tasks in [1, 64] {
                let pairs = if tasks == 1 { 10_000 } else { 40_000 };
                let feature = format!("{kind} {counters} {tasks}");
                let begin = clock.elapsed();
                let mut running = Vec::new();
                for task in 0..tasks {
                    let (store, feature) = (Arc::clone(&store), feature.clone());
                    running.push(tokio::spawn(async move {
                        for step in 0..pairs / tasks {
                            let user = (task * 7_919 + step) % counters;
                            pair(&store, key(kind, &user.to_string(), &feature)).await?;
                        }
                        Outcome::Ok(())
                    }));
                }
                for task in running {
                    task.await??;
                }
                let seconds = (clock.elapsed() - begin).as_secs_f64();
                let done = f64::from(u32::try_from(pairs / tasks * tasks)?);
                println!(
                    "{kind}, {counters} counters, {tasks} tasks: {:.0} pairs/s",
                    done / seconds
                );
            }
        }
    }
    single_calls(&store, &clock).await
}

fn key(kind: &str, user: &str, feature: &str) -> CounterKey {
    let window = match kind {
        "gauge" => CounterWindow::Level,
        "rate" => CounterWindow::Sliding { length: MINUTE },
        _ => {
            let start = tiergate_core::time::Timestamp::from_seconds(0);
            let end = tiergate_core::time::Timestamp::from_seconds(7_000_000_000);
            CounterWindow::Fixed { start, end }
        }
    };
    CounterKey::new(Subject::user(user), feature, window)
}

/// Reserves a unit, and commits it.
async fn pair(store: &RedisUsage, key: CounterKey) -> Outcome<()> {
    let claims = [Claim::new(key, 1, Limit::Unlimited)];
    if let ReserveOutcome::Admitted(admitted) = store.reserve(Reserve::new(&claims, MINUTE)).await?
    {
        store.commit(admitted.id(), &[1]).await?;
    }
    Ok(())
}

async fn single_calls(store: &RedisUsage, clock: &SystemClock) -> Outcome<()> {
    let key = CounterKey::new(Subject::user("x"), "leased", CounterWindow::Level);
    let length = 1_000 * MINUTE;
    let full = CounterKey::new(
        Subject::user("x"),
        "full",
        CounterWindow::Sliding { length },
    );
    for _ in 0..1_500 {
        pair(store, full.clone()).await?;
    }
    let names = [
        "lease",
        "extend",
        "end",
        "peek",
        "reserve on a full log",
        "refusal by a full log",
    ];
    let mut times = names.map(|name| (name, Vec::new()));
    for number in 0..3_000 {
        let id = LeaseId::from_u128(number);
        let limit = Limit::Unlimited;
        let lease = Lease {
            key: &key,
            id,
            units: 5,
            kept: 0,
            limit,
            ttl: MINUTE,
        };
        for (name, times) in &mut times {
            let limit = if name.starts_with("reserve") {
                limit
            } else {
                Limit::AtMost(200)
            };
            let claims = [Claim::new(full.clone(), 1, limit)];
            let begin = clock.elapsed();
            match *name {
                "lease" => drop(store.lease(lease).await?),
                "extend" => drop(store.extend(&key, id, 2, MINUTE).await?),
                "end" => drop(store.end(&key, id, 3).await?),
                "peek" => drop(store.peek(std::slice::from_ref(&key)).await?),
                _ => drop(store.reserve(Reserve::new(&claims, MINUTE)).await?),
            }
            times.push(clock.elapsed() - begin);
        }
    }
    for (name, times) in &mut times {
        times.sort();
        let at = |part: usize| {
            times
                .get(times.len() * part / 100)
                .copied()
                .unwrap_or_default()
        };
        println!("{name}: median {:?}, 99 % within {:?}", at(50), at(99));
    }
    Ok(())
}
