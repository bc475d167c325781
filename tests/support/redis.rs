//! Redis servers of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use redis::Value;
use redis::aio::MultiplexedConnection;
use rustix::process::Signal;
use tokio::sync::OnceCell;

use crate::guard::{Ending, Guard};
use crate::installed::{self, Absence};
use crate::ports::free_port;
use crate::waiting::{eventually_in, within};

/// The longest that a server may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a start is tried: a port can be taken in the moment between.
const TRIES: u32 = 5;

/// How many slots a cluster has.
const SLOTS: u16 = 16_384;

static SHARED: OnceCell<Option<Redis>> = OnceCell::const_new();
static PREFIXES: AtomicU32 = AtomicU32::new(0);

/// What a server keeps of what it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saving {
    /// Nothing: it forgets everything when it ends.
    Nothing,
    /// Everything that it acknowledged, in a log that is written before each answer.
    Everything,
}

/// A Redis server in a folder of its own, on a port of loopback. It ends with this, or with this process
/// however that ends, and the folder is removed.
#[derive(Debug)]
pub struct Redis {
    guard: Guard,
    program: PathBuf,
    settings: Vec<String>,
    port: u16,
}

impl Redis {
    /// A server of its own, for a test that stops it or sets it up. None when Redis is not installed,
    /// which is told.
    ///
    /// # Panics
    ///
    /// When it is installed and does not start, or `CI=true` and it is not installed.
    pub async fn start(saving: Saving) -> Option<Self> {
        let settings: &[&str] = match saving {
            Saving::Nothing => &[],
            Saving::Everything => &["--appendonly", "yes", "--appendfsync", "always"],
        };
        Self::start_with(settings).await
    }

    /// A server with settings, as its command line takes them.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub async fn start_with(settings: &[&str]) -> Option<Self> {
        let Some(program) = installed::find("redis-server") else {
            Absence::here().tell("Redis is not installed", "apt-get install redis-server");
            return None;
        };
        let mut server = Self {
            guard: Guard::new("redis", Ending::Kill),
            program,
            settings: settings.iter().map(|&setting| setting.to_owned()).collect(),
            port: free_port(),
        };
        server.run(free_port).await;
        Some(server)
    }

    /// The server that all tests of this program share, which begins with the first that asks and saves
    /// nothing. None when Redis is not installed, which is told.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub async fn shared() -> Option<&'static Self> {
        let shared = SHARED.get_or_init(|| Self::start(Saving::Nothing)).await;
        shared.as_ref()
    }

    /// A prefix that no other store of this program has.
    #[must_use]
    pub fn prefix() -> String {
        format!("test{}:", PREFIXES.fetch_add(1, Ordering::Relaxed))
    }

    /// The URL of the server.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// The port on which the server listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A connection for one test.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub async fn connection(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.url()).unwrap();
        let made = within(
            "a connection to Redis",
            Box::pin(client.get_multiplexed_async_connection()),
        );
        made.await.unwrap()
    }

    /// What the server answers to a command.
    ///
    /// # Panics
    ///
    /// When it answers an error.
    pub async fn command(&self, words: &[&str]) -> Value {
        let (first, rest) = words.split_first().expect("a command has a name");
        let mut connection = Box::pin(self.connection()).await;
        let mut command = redis::cmd(first);
        command.arg(rest);
        within(
            "a command to Redis",
            Box::pin(command.query_async(&mut connection)),
        )
        .await
        .unwrap()
    }

    /// Lets the server shut down, as `SIGTERM` does, and waits until it has.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub async fn stop(&mut self) {
        self.guard.signal(Signal::TERM);
        let guard = &mut self.guard;
        eventually_in(PATIENCE, "Redis's shutdown", || guard.ended().is_some()).await;
    }

    /// Ends the server as `kill -9` does, and waits until it has.
    ///
    /// # Panics
    ///
    /// When it does not end.
    pub async fn kill(&mut self) {
        self.guard.signal(Signal::KILL);
        let guard = &mut self.guard;
        eventually_in(PATIENCE, "Redis's end", || guard.ended().is_some()).await;
    }

    /// Lets the server stand still, connections and all, until [`resume`](Self::resume).
    ///
    /// # Panics
    ///
    /// When the system fails.
    pub fn pause(&self) {
        self.guard.signal(Signal::STOP);
    }

    /// Lets the server go on.
    ///
    /// # Panics
    ///
    /// When the system fails.
    pub fn resume(&self) {
        self.guard.signal(Signal::CONT);
    }

    /// Starts the server again, after it ended, in the same folder on the same port.
    ///
    /// # Panics
    ///
    /// When it runs, or does not start.
    pub async fn restart(&mut self) {
        assert!(self.guard.ended().is_some(), "it was not stopped");
        let port = self.port;
        self.run(|| port).await;
    }

    /// Runs the server until it answers. Tries again, on the port that `port` then tells, when it ends
    /// before.
    async fn run(&mut self, mut port: impl FnMut() -> u16) {
        for tried in 1..=TRIES {
            let mut server = Guard::command(&self.program);
            server
                .args(["--port", &self.port.to_string()])
                .args(["--bind", "127.0.0.1", "--save", "", "--daemonize", "no"])
                .args(["--logfile", "log"])
                .args(&self.settings)
                .current_dir(self.guard.folder())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            self.guard.start(&mut server);
            if self.is_ready().await {
                return;
            }
            assert!(
                tried < TRIES,
                "Redis does not start: {}",
                said(self.guard.folder())
            );
            self.port = port();
            tokio::time::sleep(Duration::from_millis(100) * tried).await;
        }
    }

    /// Waits until the server takes connections, which it tells in its own log: whoever else has the port
    /// cannot be taken for it. False when it has ended.
    async fn is_ready(&mut self) -> bool {
        let mut ready = false;
        let guard = &mut self.guard;
        eventually_in(PATIENCE, "Redis's start", || {
            let pid = guard.pid().unwrap_or_default();
            let mine = format!("{pid}:");
            let log = said(guard.folder());
            let mut lines = log.lines().filter(|line| line.starts_with(&mine));
            ready = lines.any(|line| line.contains("Ready to accept connections"));
            ready || guard.ended().is_some()
        })
        .await;
        ready
    }
}

fn said(folder: &Path) -> String {
    fs::read_to_string(folder.join("log")).unwrap_or_default()
}

/// A cluster of three servers, each with a third of the slots.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Redis>,
}

impl RedisCluster {
    /// A cluster of its own. None when Redis is not installed, which is told.
    ///
    /// # Panics
    ///
    /// When it is installed and does not start, or `CI=true` and it is not installed.
    pub async fn start() -> Option<Self> {
        let mut nodes = Vec::new();
        for _ in 0..3 {
            // The bus has a port of its own, which is 10,000 higher unless it is told.
            let bus = free_port().to_string();
            let settings = ["--cluster-enabled", "yes", "--cluster-port", &bus];
            nodes.push(Redis::start_with(&settings).await?);
        }
        let cluster = Self { nodes };
        Box::pin(cluster.join()).await;
        Some(cluster)
    }

    /// The URLs of its nodes.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Redis::url).collect()
    }

    /// The nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }

    async fn join(&self) {
        let share = SLOTS / 3 + 1;
        for (index, node) in (0_u16..).zip(&self.nodes) {
            let first = index * share;
            let last = (first + share - 1).min(SLOTS - 1);
            let (first, last) = (first.to_string(), last.to_string());
            node.command(&["CLUSTER", "ADDSLOTSRANGE", &first, &last])
                .await;
        }
        let (first, others) = self.nodes.split_first().expect("a cluster has nodes");
        for other in others {
            let bus = other.settings.last().expect("its bus has a port");
            let port = other.port.to_string();
            first
                .command(&["CLUSTER", "MEET", "127.0.0.1", &port, bus])
                .await;
        }
        for node in &self.nodes {
            within("the cluster", async {
                while !node.is_whole().await {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            })
            .await;
        }
    }
}

impl Redis {
    async fn is_whole(&self) -> bool {
        let info = self.command(&["CLUSTER", "INFO"]).await;
        let Value::BulkString(info) = info else {
            return false;
        };
        let info = String::from_utf8_lossy(&info);
        info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
    }
}
