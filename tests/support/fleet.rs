//! Several replicas, and a crowd of clients at each.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::load::{Connection, Ledger, allow_files};
use crate::replica::{Account, Replica};
use crate::{Launch, Program};

/// What this process has open besides the clients' connections, and more.
const OTHER_FILES: u64 = 500;

/// How many different lines are told of what replicas said.
const MOST_LINES: usize = 20;

/// Replicas as processes, and the clients that ask them.
#[derive(Debug)]
pub struct Fleet {
    members: Vec<Member>,
    deadline: Duration,
}

#[derive(Debug)]
struct Member {
    program: Arc<Program>,
    clients: Vec<Connection>,
}

impl Fleet {
    /// So many replicas with so many clients each, who wait for an answer until the deadline. `program`
    /// is the replica's.
    ///
    /// # Panics
    ///
    /// When one does not start, or the system allows too few open files.
    pub async fn start(
        program: &Path,
        replica: &Replica,
        replicas: usize,
        clients: usize,
        deadline: Duration,
    ) -> Self {
        let sockets = u64::try_from(replicas * clients).unwrap();
        allow_files(sockets + OTHER_FILES);
        let mut starting = JoinSet::new();
        for _ in 0..replicas {
            let launch = Launch::new(program).arg(replica.to_json());
            let address = launch.address().to_string();
            starting.spawn(launch.arg(address).start());
        }
        let started = starting.join_all().await;
        Self {
            members: started
                .into_iter()
                .map(|program| Member::new(program, clients))
                .collect(),
            deadline,
        }
    }

    /// An account that nobody has used, with a ledger for these replicas.
    #[must_use]
    pub fn ledger(&self, limit: u64) -> Arc<Ledger> {
        Arc::new(Ledger::new(Account::fresh(limit), self.members.len()))
    }

    /// One of the processes.
    ///
    /// # Panics
    ///
    /// When there are fewer.
    #[must_use]
    pub fn program(&self, process: usize) -> Arc<Program> {
        Arc::clone(&self.members.get(process).unwrap().program)
    }

    /// Starts a replica again that has ended. Its clients know that it had.
    ///
    /// # Panics
    ///
    /// When it has not ended, or does not start.
    pub async fn restart(&mut self, process: usize) {
        let member = self.members.get_mut(process).unwrap();
        member.clients.iter_mut().for_each(Connection::close);
        member.program.restart().await;
    }

    /// Every client of every replica that runs sends one request, all at once, and has its answer when
    /// this ends, or has not got one. The clients take turns among the accounts.
    ///
    /// # Panics
    ///
    /// When there is no account.
    pub async fn wave(&mut self, ledgers: &[&Arc<Ledger>]) {
        self.busy(ledgers, Duration::ZERO, &Arc::new(AtomicBool::new(true)))
            .await;
    }

    /// The same, but every client sends the next request a pause after it has its answer, until it is
    /// over.
    ///
    /// # Panics
    ///
    /// When there is no account.
    pub async fn busy(
        &mut self,
        ledgers: &[&Arc<Ledger>],
        pause: Duration,
        is_over: &Arc<AtomicBool>,
    ) {
        let mut asking = JoinSet::new();
        let deadline = self.deadline;
        for (process, member) in self.members.iter_mut().enumerate() {
            if member.program.pid().is_none() {
                continue;
            }
            for (number, mut client) in member.clients.drain(..).enumerate() {
                let ledger = Arc::clone(ledgers.get(number % ledgers.len()).unwrap());
                let is_over = Arc::clone(is_over);
                asking.spawn(async move {
                    let request = ledger.request();
                    loop {
                        let outcome = client.ask(&request, deadline).await;
                        ledger.count(process, outcome);
                        if is_over.load(Ordering::SeqCst) {
                            return (process, client);
                        }
                        sleep(pause).await;
                    }
                });
            }
        }
        for (process, client) in asking.join_all().await {
            self.members.get_mut(process).unwrap().clients.push(client);
        }
    }

    /// Asks all replicas to stop, and waits until they have.
    ///
    /// # Panics
    ///
    /// When one does not, or fails to.
    pub async fn stop(&mut self) {
        for member in &mut self.members {
            // A client that keeps its connection is no reason to wait, but it need not be tried here.
            member.clients.iter_mut().for_each(Connection::close);
            member.program.ask_to_stop();
        }
        for member in &self.members {
            let program = &member.program;
            let status = program.ended().await;
            let was_killed = status.signal() == Some(9);
            assert!(
                status.success() || was_killed,
                "a replica ended with {status}\n{}",
                program.stderr()
            );
        }
    }

    /// How often replicas warned of an event of that name.
    #[must_use]
    pub fn warnings(&self, event: &str) -> usize {
        let field = format!("event=\"{event}\"");
        let said = self.members.iter().map(|member| member.program.stderr());
        said.map(|said| said.matches(&field).count()).sum()
    }

    /// What replicas said, and how often, for a scenario that fails. Ids are left out.
    #[must_use]
    pub fn said(&self) -> String {
        let mut lines = BTreeMap::<String, usize>::new();
        for member in &self.members {
            for line in member.program.stderr().lines() {
                // Behind the time and the level.
                let what = line.splitn(3, ' ').last().unwrap_or(line);
                let words = what
                    .split(' ')
                    .filter(|word| !word.starts_with("reservation="));
                *lines
                    .entry(words.collect::<Vec<_>>().join(" "))
                    .or_default() += 1;
            }
        }
        let lines = lines
            .iter()
            .map(|(line, times)| format!("\n{times} x {line}"));
        lines.take(MOST_LINES).collect()
    }
}

impl Member {
    fn new(program: Program, clients: usize) -> Self {
        let address = program.address();
        let client = || Connection::to(address);
        Self {
            clients: std::iter::repeat_with(client).take(clients).collect(),
            program: Arc::new(program),
        }
    }
}
