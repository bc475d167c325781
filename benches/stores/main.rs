//! What it costs to check a limit that several replicas share: each store asked directly, and behind
//! leases, beside the memory of one process and a plain Redis script.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a benchmark measures the real time, and stops when it is set up wrong"
)]

mod measure;
mod peer;

use std::sync::Arc;
use std::time::Duration;

use measure::{Check, Effort, Way, compare};
use peer::RedisScript;
use tiergate::time::Timestamp;
use tiergate::usage::{
    Claim, CounterKey, CounterWindow, LeasedUsage, PostgresUsage, RedisUsage, Reserve,
    ReserveOutcome, Settlement, SharedStore, SqliteUsage,
};
use tiergate::{Limit, MemoryUsage, Subject, UsageStore};
use tiergate_tests::{Durability, Postgres, Redis, Saving};

/// How many customers are served at the same time.
const COUNTERS: usize = 100;
/// Above what any run uses.
const LIMIT: u64 = 1 << 50;
const TTL: Duration = Duration::from_secs(30);

fn main() {
    let quick = std::env::args().any(|arg| arg == "--quick" || arg == "--test");
    let effort = Effort {
        rounds: if quick { 3 } else { 15 },
        slice: Duration::from_millis(if quick { 50 } else { 400 }),
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(run(effort));
}

async fn run(effort: Effort) {
    let folder = tempfile::tempdir().expect("a folder");
    let sqlite = SqliteUsage::open(folder.path().join("usage.db")).await;
    let postgres = Postgres::start(Durability::Disk).await;
    let redis = Redis::start(Saving::Nothing).await;

    let mut ways = vec![Way::new(
        "memory of one process",
        Store::new(MemoryUsage::new()),
    )];
    let sqlite = sqlite.expect("a file");
    both(&mut ways, ["SQLite", "SQLite, leased"], Arc::new(sqlite));
    if let Some(postgres) = &postgres {
        let url = postgres.create_database().await;
        let store = PostgresUsage::connect(&url).await.expect("a connection");
        both(
            &mut ways,
            ["PostgreSQL", "PostgreSQL, leased"],
            Arc::new(store),
        );
    }
    if let Some(redis) = &redis {
        let store = RedisUsage::builder()
            .open(&redis.url())
            .expect("an address");
        both(&mut ways, ["Redis", "Redis, leased"], Arc::new(store));
        let script = RedisScript::connect(&redis.url(), COUNTERS).await;
        ways.push(Way::new("a plain Redis script (peer)", script));
    }
    for tasks in [1, 64] {
        compare(&ways, tasks, effort).await;
    }
}

/// A store asked directly, and the same behind leases.
fn both(ways: &mut Vec<Way>, [direct, leased]: [&'static str; 2], shared: Arc<dyn SharedStore>) {
    let front = LeasedUsage::new(Arc::clone(&shared));
    ways.push(Way::new(direct, Store::new(shared)));
    ways.push(Way::over(leased, direct, Store::new(front)));
}

/// A unit is reserved, and then committed.
struct Store {
    // Behind a pointer, as a gate has it.
    store: Arc<dyn UsageStore>,
    claims: Vec<Claim>,
}

impl Store {
    fn new(store: impl UsageStore) -> Self {
        let feature: Arc<str> = "workflow_executions_monthly".into();
        let window = CounterWindow::Fixed {
            start: Timestamp::from_seconds(0),
            end: Timestamp::from_seconds(4_102_444_800),
        };
        let claim = |number: usize| {
            let subject = Subject::user(format!("{number:08x}-0000-4000-8000-{number:012x}"));
            let key = CounterKey::new(subject, Arc::clone(&feature), window);
            Claim::new(key, 1, Limit::AtMost(LIMIT))
        };
        Self {
            store: Arc::new(store),
            claims: (0..COUNTERS).map(claim).collect(),
        }
    }
}

impl Check for Store {
    async fn check(&self, number: usize) {
        let claim = std::slice::from_ref(&self.claims[number % COUNTERS]);
        let outcome = self.store.reserve(Reserve::new(claim, TTL)).await;
        let Ok(ReserveOutcome::Admitted(admitted)) = outcome else {
            panic!("it fits: {outcome:?}");
        };
        let settled = self.store.commit(admitted.id(), &[1]).await;
        assert!(matches!(settled, Ok(Settlement::Settled)), "{settled:?}");
    }
}
