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
    Claim, CounterKey, CounterWindow, LeasedUsage, PostgresUsage, Rates, RedisUsage, Reserve,
    ReserveOutcome, Settlement, SharedStore, SqliteUsage,
};
use tiergate::{Limit, MemoryUsage, Subject, UsageStore};
use tiergate_tests::{Durability, Postgres, Redis, Saving};

/// How many customers are served at the same time.
const COUNTERS: usize = 100;
/// Above what any run uses.
const QUOTA: u64 = 1 << 50;
/// The same for what a run uses in a minute.
const RATE: u64 = 1_000_000;
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

    let mut shared: Vec<([&'static str; 2], Arc<dyn SharedStore>)> = Vec::new();
    let sqlite = sqlite.expect("a file");
    shared.push((["SQLite", "SQLite, leased"], Arc::new(sqlite)));
    if let Some(postgres) = &postgres {
        let url = postgres.create_database().await;
        let store = PostgresUsage::connect(&url).await.expect("a connection");
        shared.push((["PostgreSQL", "PostgreSQL, leased"], Arc::new(store)));
    }
    let mut peer = None;
    if let Some(redis) = &redis {
        let store = RedisUsage::builder()
            .open(&redis.url())
            .expect("an address");
        shared.push((["Redis", "Redis, leased"], Arc::new(store)));
        peer = Some(RedisScript::connect(&redis.url(), COUNTERS).await);
    }
    for kind in [Kind::Quota, Kind::Rate] {
        let memory = Store::new(MemoryUsage::new(), kind);
        let mut ways = vec![Way::new("memory of one process", memory)];
        for (names, store) in &shared {
            both(&mut ways, *names, store, kind);
        }
        // It has no window that slides.
        if let (Kind::Quota, Some(script)) = (kind, peer.take()) {
            ways.push(Way::new("a plain Redis script (peer)", script));
        }
        for tasks in [1, 64] {
            compare(kind.name(), &ways, tasks, effort).await;
        }
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Quota,
    Rate,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Quota => "limit",
            Self::Rate => "rate",
        }
    }

    fn window(self) -> CounterWindow {
        match self {
            Self::Quota => CounterWindow::Fixed {
                start: Timestamp::from_seconds(0),
                end: Timestamp::from_seconds(4_102_444_800),
            },
            Self::Rate => CounterWindow::Sliding {
                length: Duration::from_secs(60),
            },
        }
    }

    fn limit(self) -> Limit {
        Limit::AtMost(match self {
            Self::Quota => QUOTA,
            Self::Rate => RATE,
        })
    }
}

/// A store asked directly, and the same behind leases.
fn both(
    ways: &mut Vec<Way>,
    [direct, leased]: [&'static str; 2],
    shared: &Arc<dyn SharedStore>,
    kind: Kind,
) {
    let front = LeasedUsage::builder(Arc::clone(shared)).rates(Rates::Leased);
    ways.push(Way::new(direct, Store::new(Arc::clone(shared), kind)));
    let leases = Store::new(front.build(), kind);
    ways.push(Way::over(leased, direct, leases));
}

/// A unit is reserved, and then committed.
struct Store {
    // Behind a pointer, as a gate has it.
    store: Arc<dyn UsageStore>,
    claims: Vec<Claim>,
}

impl Store {
    fn new(store: impl UsageStore, kind: Kind) -> Self {
        let feature: Arc<str> = "workflow_executions".into();
        let claim = |number: usize| {
            let subject = Subject::user(format!("{number:08x}-0000-4000-8000-{number:012x}"));
            let key = CounterKey::new(subject, Arc::clone(&feature), kind.window());
            Claim::new(key, 1, kind.limit())
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
