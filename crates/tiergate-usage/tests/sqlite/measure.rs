//! How fast it is. Run it alone, optimized:
//! `cargo test --release -p tiergate-usage --features sqlite,testing --test sqlite -- --ignored --nocapture measure`

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use tiergate_clock::{Clock, SystemClock};
use tiergate_core::{Limit, Subject};
use tiergate_usage::{
    Claim, CounterKey, CounterWindow, Durability, Lease, LeaseId, SharedStore, SqliteUsage,
    UsageStore,
};

use crate::support::{Folder, PATIENCE, TTL, admitted};

const SPAN: Duration = Duration::from_secs(3);

fn key(number: u64, window: CounterWindow) -> CounterKey {
    CounterKey::new(Subject::user(number.to_string()), "api_calls", window)
}

/// Pairs of reserve and commit in a second.
async fn pairs(
    stores: &[Arc<SqliteUsage>],
    tasks: usize,
    counters: u64,
    window: CounterWindow,
) -> f64 {
    let clock = Arc::new(SystemClock::new());
    let start = clock.elapsed();
    let mut running = Vec::new();
    for (task, store) in (0..tasks).zip(stores.iter().cycle()) {
        let (store, clock) = (Arc::clone(store), Arc::clone(&clock));
        running.push(tokio::spawn(async move {
            let mut done = 0_u64;
            while clock.elapsed() - start < SPAN {
                let number = (u64::try_from(task).unwrap() * 7_919 + done * 31) % counters;
                let claims = [Claim::new(key(number, window), 1, Limit::Unlimited)];
                let id = admitted(&store, &claims).await.id();
                store.commit(id, &[1]).await.unwrap();
                done += 1;
            }
            done
        }));
    }
    let mut done = 0;
    for task in running {
        done += task.await.unwrap();
    }
    f64::from(u32::try_from(done).unwrap()) / (clock.elapsed() - start).as_secs_f64()
}

fn tell(line: &str) {
    std::io::stdout()
        .write_all(format!("{line}\n").as_bytes())
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it measures, and checks nothing"]
async fn measure() {
    let minute = CounterWindow::Sliding {
        length: Duration::from_secs(60),
    };
    for durability in [Durability::Full, Durability::Normal] {
        for (name, window) in [("gauge", CounterWindow::Level), ("rate", minute)] {
            for (tasks, counters) in [(1, 1), (1, 1_000), (64, 1), (64, 1_000)] {
                let folder = Folder::new();
                let store = SqliteUsage::builder(folder.file()).deadline(PATIENCE);
                let store = store.durability(durability).open().await.unwrap();
                let pairs = pairs(&[Arc::new(store)], tasks, counters, window).await;
                tell(&format!(
                    "{durability:?}, {name}: {tasks} tasks, {counters} counters: {pairs:.0} pairs/s"
                ));
            }
        }
        let folder = Folder::new();
        let mut stores = Vec::new();
        for _ in 0..2 {
            let store = SqliteUsage::builder(folder.file()).deadline(PATIENCE);
            stores.push(Arc::new(store.durability(durability).open().await.unwrap()));
        }
        let both = pairs(&stores, 64, 1_000, CounterWindow::Level).await;
        tell(&format!(
            "{durability:?}, gauge: 64 tasks, 1000 counters, 2 stores: {both:.0} pairs/s"
        ));
        leases(durability).await;
    }
}

async fn leases(durability: Durability) {
    let folder = Folder::new();
    let store = SqliteUsage::builder(folder.file()).durability(durability);
    let store = store.open().await.unwrap();
    let (clock, key) = (SystemClock::new(), key(0, CounterWindow::Level));
    let mut times = [Vec::new(), Vec::new()];
    let [granting, extending] = &mut times;
    for number in 0..200 {
        let lease = Lease {
            key: &key,
            id: LeaseId::from_u128(number),
            units: 10,
            kept: 0,
            limit: Limit::Unlimited,
            ttl: TTL,
        };
        let start = clock.elapsed();
        store.lease(lease).await.unwrap();
        granting.push(clock.elapsed() - start);
        let start = clock.elapsed();
        store.extend(&key, lease.id, 1, TTL).await.unwrap();
        extending.push(clock.elapsed() - start);
    }
    for (name, times) in ["lease", "extend"].into_iter().zip(&mut times) {
        times.sort_unstable();
        let (median, high) = (times.get(100).unwrap(), times.get(197).unwrap());
        tell(&format!(
            "{durability:?}, {name}: median {median:?}, p98.5 {high:?}"
        ));
    }
}
