//! Servers that fail in every way a server does.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use sqlx::{Connection, Error, Executor, PgConnection};
use tiergate_tests::{Durability, Network, Postgres, Redis, Saving, Shutdown, Way};

use crate::engine::Kind;

/// How late everything comes from a server that is slow.
const SLOW: Duration = Duration::from_millis(500);

/// One answer of so many is cut.
const CUT_ONE_OF: u32 = 5;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The server's processes do not run. Its connections stay open.
    Stopped,
    /// The server shuts down, and starts again later.
    Restarted,
    /// Everything in it is deleted.
    Emptied,
    /// It answers, and takes no changes: a failover that is under way.
    ReadOnly,
    /// Its answers take half a second.
    Slow,
    /// Some of its answers arrive by half, and then the connection breaks.
    Cut,
}

/// A server that only one scenario uses.
#[derive(Debug)]
pub(crate) enum Server {
    Postgres { server: Postgres, database: String },
    Redis(Redis),
}

impl Server {
    /// None when it is not installed, which is told.
    ///
    /// # Panics
    ///
    /// When the engine has no server.
    pub(crate) async fn start(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Sqlite => panic!("a file has no server"),
            Kind::Postgres => {
                // What is written down survives the server, which is all that fails here.
                let server = Postgres::start(Durability::Memory).await?;
                let database = server.create_database().await;
                Some(Self::Postgres { server, database })
            }
            Kind::Redis => Some(Self::Redis(Redis::start(Saving::Everything).await?)),
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        match self {
            Self::Postgres { server, .. } => server.address(),
            Self::Redis(server) => SocketAddr::from((Ipv4Addr::LOCALHOST, server.port())),
        }
    }

    /// The address of a store in it.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Postgres { database, .. } => database.clone(),
            Self::Redis(server) => server.url(),
        }
    }

    /// The address of the same store, through a network.
    pub(crate) fn url_through(&self, network: &Network) -> String {
        let (direct, through) = (self.address().to_string(), network.address().to_string());
        self.url().replace(&direct, &through)
    }

    /// Has the fault while `lasting` does.
    pub(crate) async fn suffer(&mut self, fault: Fault, network: &Network, lasting: impl Future) {
        match fault {
            Fault::Stopped => match self {
                Self::Postgres { server, .. } => {
                    let pause = server.pause().await;
                    lasting.await;
                    drop(pause);
                }
                Self::Redis(server) => {
                    server.pause();
                    lasting.await;
                    server.resume();
                }
            },
            Fault::Restarted => {
                self.stop().await;
                lasting.await;
                self.restart().await;
            }
            Fault::Emptied => {
                self.empty().await;
                lasting.await;
            }
            Fault::ReadOnly => {
                self.take_changes(Changes::Refused).await;
                lasting.await;
                self.take_changes(Changes::Taken).await;
            }
            Fault::Slow => {
                network.turn(Way::Slow(SLOW));
                lasting.await;
                network.turn(Way::Open);
            }
            Fault::Cut => {
                network.turn(Way::Cutting { one_of: CUT_ONE_OF });
                lasting.await;
                network.turn(Way::Open);
            }
        }
    }

    async fn stop(&mut self) {
        match self {
            Self::Postgres { server, .. } => server.stop(Shutdown::Fast).await,
            Self::Redis(server) => server.stop().await,
        }
    }

    async fn restart(&mut self) {
        match self {
            Self::Postgres { server, .. } => server.restart().await,
            Self::Redis(server) => server.restart().await,
        }
    }

    async fn empty(&self) {
        match self {
            Self::Postgres { database, .. } => {
                execute(database, EMPTY).await;
            }
            Self::Redis(server) => {
                server.command(&["FLUSHALL"]).await;
            }
        }
    }

    async fn take_changes(&self, changes: Changes) {
        match self {
            Self::Postgres { database, .. } => {
                let set = match changes {
                    Changes::Refused => "ALTER SYSTEM SET default_transaction_read_only = on",
                    Changes::Taken => "ALTER SYSTEM RESET default_transaction_read_only",
                };
                execute(database, set).await;
                execute(database, "SELECT pg_reload_conf()").await;
            }
            Self::Redis(server) => {
                let of = match changes {
                    // A server that is not there: it keeps what it has.
                    Changes::Refused => ["127.0.0.1", "1"],
                    Changes::Taken => ["NO", "ONE"],
                };
                server.command(&["REPLICAOF", of[0], of[1]]).await;
            }
        }
    }
}

/// Whether a server takes changes.
#[derive(Clone, Copy)]
enum Changes {
    Taken,
    Refused,
}

/// What PostgreSQL calls a deadlock.
const DEADLOCK: &str = "40P01";

/// How often a statement is tried that ends in a deadlock, after a second each.
const MOST_TRIES: usize = 20;

/// Deletes what is in every table.
const EMPTY: &str = "
DO $$ DECLARE every text; BEGIN
    SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') INTO every FROM pg_tables
     WHERE schemaname NOT IN ('pg_catalog', 'information_schema');
    EXECUTE 'TRUNCATE ' || every;
END $$";

async fn execute(database: &str, statement: &'static str) {
    let mut connection = PgConnection::connect(database).await.unwrap();
    for _ in 0..MOST_TRIES {
        match connection.execute(statement).await {
            // The tables are locked one by one, while others who use them go on.
            Err(Error::Database(error)) if error.code().as_deref() == Some(DEADLOCK) => {}
            outcome => {
                outcome.unwrap();
                connection.close().await.unwrap();
                return;
            }
        }
    }
    panic!("the server always finds a deadlock");
}
