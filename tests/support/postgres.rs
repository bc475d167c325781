//! A PostgreSQL server of its own, with databases for single tests.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::{Signal, geteuid};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::sync::OnceCell;

use crate::guard::{Ending, Guard};
use crate::installed::Absence;
use crate::pause::Pause;
use crate::ports::free_port;
use crate::tool;
use crate::waiting::{eventually_in, within};

mod installation;

use installation::Account;
pub use installation::Installation;

/// The longest that a server may take to be made, to start or to stop. Recovery is part of a start.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a start is tried: a port can be taken in the moment between, and what a killed server
/// shared in memory takes a moment to go.
const TRIES: u32 = 5;

/// The only user of the server, who may do everything.
const USER: &str = "tiergate";

/// The server that the tests of one program share.
static SHARED: OnceCell<Option<Postgres>> = OnceCell::const_new();

/// How much a server does for what was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// What was committed is on the disk, as it is by default.
    Disk,
    /// What was committed is in the system's memory: it survives the server, not the machine. Faster,
    /// for tests that say nothing about it.
    Memory,
}

/// How a server is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// Clients are sent away, and everything is written down.
    Fast,
    /// Everything ends where it is, as in a crash; the next start recovers.
    Immediate,
}

/// A PostgreSQL server in a folder of its own, on a port of loopback. It ends with this, or with this
/// process however that ends, and the folder is removed.
#[derive(Debug)]
pub struct Postgres {
    guard: Guard,
    installation: Installation,
    account: Option<Account>,
    durability: Durability,
    port: u16,
    databases: AtomicU32,
}

impl Postgres {
    /// A server of its own, for a test that stops it. None when PostgreSQL is not installed, which is
    /// told.
    ///
    /// # Panics
    ///
    /// When it is installed and does not start, or `CI=true` and it is not installed.
    pub async fn start(durability: Durability) -> Option<Self> {
        let Some(installation) = Installation::find() else {
            let remedy = "apt-get install postgresql";
            Absence::here().tell("PostgreSQL is not installed", remedy);
            return None;
        };
        let mut server = Self {
            guard: Guard::new("postgres", Ending::Quit),
            installation,
            account: geteuid().is_root().then(Account::unprivileged),
            durability,
            port: free_port(),
            databases: AtomicU32::new(0),
        };
        server.make().await;
        server.run(free_port).await;
        Some(server)
    }

    /// The server that all tests of this program share, which begins with the first that asks. It keeps
    /// what is committed as a server does by default. None when PostgreSQL is not installed, which is
    /// told.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub async fn shared() -> Option<&'static Self> {
        let shared = SHARED.get_or_init(|| Self::start(Durability::Disk)).await;
        shared.as_ref()
    }

    /// A new, empty database, by its URL.
    ///
    /// # Panics
    ///
    /// When the server does not make it.
    pub async fn create_database(&self) -> String {
        self.copy("template0").await
    }

    /// A new database with everything that is in another, by its URL: faster than to make the tables
    /// anew. Nobody may be connected to the other.
    ///
    /// # Panics
    ///
    /// When somebody is, or `url` is of another server.
    pub async fn copy_database(&self, url: &str) -> String {
        let name = url.strip_prefix(&self.url(""));
        self.copy(name.expect("it is a database of this server"))
            .await
    }

    /// The number of the server's process; none when it is stopped.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.guard.pid()
    }

    /// The folder with everything of the server.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.guard.folder()
    }

    /// Stops the server, and waits until it has.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub async fn stop(&mut self, shutdown: Shutdown) {
        self.guard.signal(match shutdown {
            Shutdown::Fast => Signal::INT,
            Shutdown::Immediate => Signal::QUIT,
        });
        let guard = &mut self.guard;
        let what = "PostgreSQL's shutdown";
        eventually_in(PATIENCE, what, || guard.ended().is_some()).await;
    }

    /// Starts the server again, after [`stop`](Self::stop), with the same data on the same port.
    ///
    /// # Panics
    ///
    /// When it runs, or does not start.
    pub async fn restart(&mut self) {
        assert!(self.guard.ended().is_some(), "it was not stopped");
        let port = self.port;
        self.run(|| port).await;
    }

    /// Lets nothing of the server run, until that is dropped. Its connections stay open.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub async fn pause(&self) -> Pause {
        Pause::of(self.pid().expect("it runs")).await
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Makes the server's files.
    async fn make(&self) {
        if let Some(Account { user, group }) = self.account {
            chown(self.folder(), Some(user), Some(group)).unwrap();
        }
        let mut initdb = self.command(&self.installation.initdb);
        initdb
            .args(["--auth=trust", "--encoding=UTF8", "--no-locale"])
            // What is lost if the machine fails now is a server that nobody has used.
            .arg("--no-sync")
            .args(["--username", USER])
            .arg("--pgdata")
            .arg(self.data());
        let made = tool::run("initdb", PATIENCE, initdb).await;
        made.success("initdb").unwrap_or_else(|why| panic!("{why}"));
    }

    /// Runs the server until it is ready. Tries again, on the port that `port` then tells, when it ends
    /// before.
    async fn run(&mut self, mut port: impl FnMut() -> u16) {
        for tried in 1..=TRIES {
            let log = self.folder().join("log");
            let log_file = File::options().append(true).create(true).open(&log);
            let mut server = self.command(&self.installation.postgres);
            server
                .arg("-D")
                .arg(self.data())
                .args(self.settings())
                .stdout(Stdio::null())
                .stderr(log_file.unwrap());
            self.guard.start(&mut server);
            if self.is_ready().await {
                return;
            }
            assert!(
                tried < TRIES,
                "PostgreSQL does not start: {}",
                fs::read_to_string(log).unwrap_or_default()
            );
            self.port = port();
            tokio::time::sleep(Duration::from_millis(200) * tried).await;
        }
    }

    fn settings(&self) -> Vec<String> {
        let durable = match self.durability {
            Durability::Disk => "on",
            Durability::Memory => "off",
        };
        [
            format!("port={}", self.port),
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={}", self.folder().display()),
            "max_connections=200".to_owned(),
            format!("fsync={durable}"),
            format!("full_page_writes={durable}"),
            format!("synchronous_commit={durable}"),
        ]
        .into_iter()
        .flat_map(|setting| ["-c".to_owned(), setting])
        .collect()
    }

    /// Waits until the server takes connections, which it tells in its own file: whoever else has the
    /// port cannot be taken for it. False when it has ended.
    async fn is_ready(&mut self) -> bool {
        let told = self.data().join("postmaster.pid");
        let guard = &mut self.guard;
        let what = "PostgreSQL's start";
        eventually_in(PATIENCE, what, || {
            guard.ended().is_some() || says_ready(&told, guard.pid())
        })
        .await;
        self.guard.ended().is_none()
    }

    /// A command with the server's rights, in its folder and in no environment of anybody's.
    fn command(&self, program: &Path) -> Command {
        let mut command = Guard::command(program);
        command
            .env_clear()
            .envs([("LC_ALL", "C"), ("TZ", "UTC")])
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .current_dir(self.folder());
        if let Some(Account { user, group }) = self.account {
            command.uid(user).gid(group);
        }
        command
    }

    fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{database}", self.port)
    }

    async fn copy(&self, template: &str) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        let create = format!("CREATE DATABASE {name} TEMPLATE {template}");
        within("a new database", async {
            let mut connection = PgConnection::connect(&self.url("postgres")).await?;
            connection.execute(AssertSqlSafe(create)).await?;
            connection.close().await
        })
        .await
        .unwrap();
        self.url(&name)
    }
}

/// Whether `postmaster.pid` says that this process is ready: the first line is its number and the
/// eighth its state, as `pg_ctl` reads them too.
fn says_ready(told: &Path, pid: Option<u32>) -> bool {
    let told = fs::read_to_string(told).unwrap_or_default();
    let line = |number| told.lines().nth(number).map(str::trim);
    line(0).is_some_and(|first| first.parse().ok() == pid) && line(7) == Some("ready")
}
