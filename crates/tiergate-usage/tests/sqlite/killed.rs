//! `kill -9` in the middle of whatever a process is doing.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tiergate_usage::{Reserve, ReserveOutcome, SharedStore, SqliteUsage, UsageStore};

use crate::support::{Folder, PATIENCE, claim, gauge};

/// Tells a process that it is a worker, and on which file.
const FILE: &str = "TIERGATE_USAGE_WORKER_FILE";

const LIMIT: u64 = 120_000;
const TASKS: u64 = 16;
const MOST: u64 = 50;

/// Longer than the test.
const TTL: Duration = Duration::from_secs(24 * 3_600);

/// What the process does that is killed: it says what was answered, after it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn worker() {
    let Some(file) = env::var_os(FILE) else {
        // It is a test only for the other one in here to start.
        return;
    };
    let store = SqliteUsage::builder(file).deadline(PATIENCE).open().await;
    let store = Arc::new(store.unwrap());
    let mut tasks = Vec::new();
    for task in 0..TASKS {
        let store = Arc::clone(&store);
        tasks.push(tokio::spawn(async move {
            let mut turn = u64::from(std::process::id());
            loop {
                turn += 1;
                let units = (task * 31 + turn * turn * 17) % MOST + 1;
                let claims = [claim(&gauge(), units, LIMIT)];
                match store.reserve(Reserve::new(&claims, TTL)).await.unwrap() {
                    ReserveOutcome::Admitted(admitted) => {
                        say("admitted", units);
                        store.commit(admitted.id(), &[units]).await.unwrap();
                        say("committed", units);
                    }
                    ReserveOutcome::Refused(_) => {
                        say("refused", units);
                        return;
                    }
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

/// Straight to the pipe: what a test prints is kept back until it ends.
fn say(what: &str, units: u64) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("worker {what} {units}\n").as_bytes())
        .and_then(|()| out.flush())
        .unwrap();
}

/// A worker that is killed with this.
struct Worker {
    child: Child,
    out: BufReader<ChildStdout>,
}

/// What a worker has been answered.
#[derive(Debug, Default)]
struct Answered {
    admitted: u64,
    committed: u64,
    answers: u64,
    refused: u64,
}

impl Worker {
    fn start(folder: &Folder) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "killed::worker", "--nocapture"])
            .env(FILE, folder.file())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    /// Hears answers until there were so many, or the worker has ended.
    fn hear(&mut self, answers: u64, answered: &mut Answered) {
        let most = answered.answers + answers;
        let mut line = String::new();
        while answered.answers < most {
            line.clear();
            if self.out.read_line(&mut line).unwrap() == 0 {
                return;
            }
            let mut words = line.split_whitespace().skip_while(|word| *word != "worker");
            let (_, Some(what), Some(units)) = (words.next(), words.next(), words.next()) else {
                continue;
            };
            let units: u64 = units.parse().unwrap();
            match what {
                "admitted" => answered.admitted += units,
                "committed" => answered.committed += units,
                _ => answered.refused += 1,
            }
            answered.answers += 1;
        }
    }

    /// Kills it, and hears what it had been answered by then.
    fn kill(mut self, answered: &mut Answered) {
        self.child.kill().unwrap();
        self.hear(u64::MAX / 2, answered);
        self.child.wait().unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_is_there_after_kills_and_never_more_than_the_limit() {
    const ROUNDS: u64 = 12;
    let folder = Folder::new();
    let mut answered = Answered::default();
    for round in 1..=ROUNDS {
        // Two processes at once; the one is killed while the other goes on.
        let mut workers = [Worker::start(&folder), Worker::start(&folder)];
        for worker in &mut workers {
            worker.hear(round * 7 % 40 + 1, &mut answered);
        }
        for worker in workers {
            worker.kill(&mut answered);
        }
        let store = folder.store().await;
        let tally = store.tally(&gauge()).await.unwrap();
        let used = tally.committed() + tally.open();
        // Each task that was killed may have had one more answer on its way.
        let in_flight = round * 2 * TASKS * MOST;
        assert!(used >= answered.admitted, "{tally:?} {answered:?}");
        assert!(
            used <= answered.admitted + in_flight,
            "{tally:?} {answered:?}"
        );
        assert!(
            tally.committed() >= answered.committed,
            "{tally:?} {answered:?}"
        );
        assert!(used <= LIMIT, "{tally:?}");
    }
    assert!(answered.answers > ROUNDS, "the workers have worked");

    // At last they take what is left, and are refused. On a fast machine some were before.
    answered.refused = 0;
    let mut workers = [Worker::start(&folder), Worker::start(&folder)];
    for worker in &mut workers {
        worker.hear(u64::MAX / 2, &mut answered);
    }
    assert_eq!(answered.refused, 2 * TASKS);
    let store = folder.store().await;
    let tally = store.tally(&gauge()).await.unwrap();
    let used = tally.committed() + tally.open();
    assert!(used <= LIMIT && used > LIMIT - MOST, "{tally:?}");
}
