//! The engines that stores count in.

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tiergate::usage::{SharedStore, Tally};
use tiergate_tests::{Durability, Ledger, Postgres, Redis, Replica, Saving, open_usage};
use tokio::sync::OnceCell;
use tokio::time::{sleep, timeout};

use crate::spending::{Check, check};

/// The longest that the books are waited for: clients may be many at the same time.
const PATIENCE: Duration = Duration::from_secs(30);

/// The server of all scenarios here in which it does not fail. What it has committed is on the disk, as it
/// is by default: so it is as slow as it is in earnest.
static POSTGRES: OnceCell<Option<Postgres>> = OnceCell::const_new();

/// How often they are looked at.
const PAUSE: Duration = Duration::from_millis(100);

/// Which engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A file that all processes open.
    Sqlite,
    /// A database server.
    Postgres,
    /// A cache server.
    Redis,
}

/// An engine that runs, with nothing in it.
#[derive(Debug)]
pub(crate) struct Engine {
    address: String,
    books: Arc<dyn SharedStore>,
    _keep: Keep,
}

/// What has to be there as long as the engine is used.
#[derive(Debug)]
#[expect(dead_code, reason = "it is kept to be dropped")]
enum Keep {
    Nothing,
    Folder(TempDir),
    Server(Redis),
}

impl Engine {
    /// None when it is not installed, which is told.
    pub(crate) async fn start(kind: Kind) -> Option<Self> {
        let (address, keep) = match kind {
            Kind::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let file = folder.path().join("usage.db");
                (format!("sqlite:{}", file.display()), Keep::Folder(folder))
            }
            Kind::Postgres => {
                let server = POSTGRES.get_or_init(|| Postgres::start(Durability::Disk));
                let server = server.await.as_ref()?;
                (server.create_database().await, Keep::Nothing)
            }
            Kind::Redis => {
                let server = Redis::start(Saving::Everything).await?;
                (server.url(), Keep::Server(server))
            }
        };
        Some(Self::new(address, keep).await)
    }

    /// One that runs for somebody else.
    pub(crate) async fn at(address: String) -> Self {
        Self::new(address, Keep::Nothing).await
    }

    async fn new(address: String, keep: Keep) -> Self {
        Self {
            books: open_usage(&address, PATIENCE).await,
            address,
            _keep: keep,
        }
    }

    /// The address of a store in it.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// What an account's counter is made of.
    pub(crate) async fn tally(&self, replica: &Replica, ledger: &Ledger) -> Tally {
        let counter = replica.counter(ledger.account());
        self.books.tally(&counter).await.unwrap()
    }

    /// The same, once nothing is open any more.
    pub(crate) async fn settled(&self, replica: &Replica, ledger: &Ledger) -> Tally {
        let settled = async {
            loop {
                let tally = self.tally(replica, ledger).await;
                if tally.open() == 0 {
                    return tally;
                }
                sleep(PAUSE).await;
            }
        };
        let settled = timeout(PATIENCE, settled).await;
        settled.expect("nothing stays open for ever")
    }

    /// Whether the books say that everything is used, once nothing is open any more.
    pub(crate) async fn agrees(&self, replica: &Replica, ledger: &Ledger) -> Check {
        let tally = self.tally(replica, ledger).await;
        check(tally == Tally::new(ledger.account().limit(), 0), || {
            format!("the clients saw {}, and the store {tally:?}", ledger.all())
        })
    }
}
