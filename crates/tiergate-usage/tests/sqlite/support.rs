//! Files for tests, and short words for what is done to stores.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Row, SqliteConnection};
use tempfile::TempDir;
use tiergate_clock::{Clock, ManualClock};
use tiergate_core::{Limit, Subject};
use tiergate_usage::{
    Admitted, Claim, CounterKey, CounterWindow, Durability, Reserve, ReserveOutcome, SqliteUsage,
    UsageStore,
};

pub(crate) const TTL: Duration = Duration::from_secs(600);

/// The longest that something may take which will happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with one file of usage, which is gone with the test.
pub(crate) struct Folder {
    folder: TempDir,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("usage.db")
    }

    /// Keeps the folder until the runtime of the test ends.
    pub(crate) fn keep(self) {
        tokio::spawn(async move {
            let _kept = self;
            std::future::pending::<()>().await;
        });
    }

    /// A store that has time enough on a machine with much else to do.
    pub(crate) async fn store(&self) -> SqliteUsage {
        let builder = SqliteUsage::builder(self.file()).deadline(PATIENCE);
        builder.open().await.unwrap()
    }

    /// A store for tests in which no power is lost.
    pub(crate) async fn store_at(&self, clock: ManualClock) -> SqliteUsage {
        let builder = SqliteUsage::builder(self.file()).deadline(PATIENCE);
        let builder = builder.durability(Durability::Normal);
        builder.clock(Arc::new(clock)).open().await.unwrap()
    }

    /// A connection of somebody else's to the same file.
    pub(crate) async fn connection(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.file());
        options.busy_timeout(PATIENCE).connect().await.unwrap()
    }

    /// How many rows each table has.
    pub(crate) async fn rows(&self) -> [i64; 4] {
        let mut connection = self.connection().await;
        let counts = "SELECT
            (SELECT count(*) FROM tiergate_usage_counters),
            (SELECT count(*) FROM tiergate_usage_reservations),
            (SELECT count(*) FROM tiergate_usage_keys),
            (SELECT count(*) FROM tiergate_usage_leases)";
        let row = sqlx::query(counts).fetch_one(&mut connection).await;
        let row = row.unwrap();
        [row.get(0), row.get(1), row.get(2), row.get(3)]
    }
}

pub(crate) fn key(feature: &str, window: CounterWindow) -> CounterKey {
    CounterKey::new(Subject::user("a"), feature, window)
}

pub(crate) fn gauge() -> CounterKey {
    key("gauge", CounterWindow::Level)
}

pub(crate) fn rate(length: Duration) -> CounterKey {
    key("rate", CounterWindow::Sliding { length })
}

/// A quota whose window begins now.
pub(crate) fn quota(clock: &impl Clock, length: Duration) -> CounterKey {
    let start = clock.now();
    let end = start.saturating_add(length);
    key("quota", CounterWindow::Fixed { start, end })
}

pub(crate) fn claim(key: &CounterKey, units: u64, limit: u64) -> Claim {
    Claim::new(key.clone(), units, Limit::AtMost(limit))
}

pub(crate) async fn ask(store: &SqliteUsage, claims: &[Claim]) -> ReserveOutcome {
    store.reserve(Reserve::new(claims, TTL)).await.unwrap()
}

pub(crate) async fn admitted(store: &SqliteUsage, claims: &[Claim]) -> Admitted {
    match ask(store, claims).await {
        ReserveOutcome::Admitted(admitted) => admitted,
        ReserveOutcome::Refused(refused) => panic!("{claims:?} should fit, but {refused:?}"),
    }
}

pub(crate) async fn is_refused(store: &SqliteUsage, claims: &[Claim]) -> bool {
    matches!(ask(store, claims).await, ReserveOutcome::Refused(_))
}

pub(crate) async fn used(store: &SqliteUsage, key: &CounterKey) -> u64 {
    let states = store.peek(std::slice::from_ref(key)).await.unwrap();
    states.first().unwrap().used()
}
