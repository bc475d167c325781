//! The process that is killed, seen from both sides.

use std::env;
use std::io::{BufReader, BufWriter, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use tiergate_core::Subject;
use tiergate_usage::async_trait;
use tiergate_usage::recorder::{
    Durability, Outcome, Record, SinkError, SinkErrorKind, UsageRecord, UsageRecorder, UsageSink,
};

use crate::office::{ACKNOWLEDGES, DELIVERS};

/// What the process is to do, and where. Not set in the process that runs the tests.
const TASK: &str = "TIERGATE_RECORDER_CHILD";

/// How many records are on their way at once.
const AT_ONCE: u32 = 200;

/// Far more than anything takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the process does.
#[derive(Clone, Debug)]
pub(crate) enum Task {
    /// Records until it is killed. Its records have quantities from this number on.
    Record { first: i64, durability: Durability },
    /// Delivers what is there, and ends.
    Drain,
    /// Opens the journal, says how that went, and ends.
    Open,
}

/// A process that is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Child(std::process::Child);

impl Child {
    pub(crate) fn start(task: &Task, folder: &Path, office: SocketAddr) -> Self {
        Self(command(task, folder, office).spawn().unwrap())
    }

    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    pub(crate) fn succeeds(mut self) {
        let status = self.0.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the process to its end.
pub(crate) fn finish(task: &Task, folder: &Path, office: SocketAddr) -> Output {
    let mut command = command(task, folder, office);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.output().unwrap()
}

fn command(task: &Task, folder: &Path, office: SocketAddr) -> Command {
    let words = match task {
        Task::Record { first, durability } => {
            let durability = match durability {
                Durability::Os => "os",
                Durability::Interval(_) => "interval",
                Durability::Every => "every",
            };
            format!("record {first} {durability}")
        }
        Task::Drain => "drain".to_owned(),
        Task::Open => "open".to_owned(),
    };
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["child::the_process", "--exact", "--nocapture"])
        .env(TASK, format!("{office} {words} {}", folder.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

/// Not a test: what the other process runs. Without a task it has nothing to do.
#[test]
fn the_process() {
    let Ok(told) = env::var(TASK) else { return };
    let mut words = told.split(' ');
    let mut word = || words.next().unwrap();
    let office: SocketAddr = word().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let task = word();
    runtime.block_on(async {
        match task {
            "record" => {
                let first = word().parse().unwrap();
                let durability = match word() {
                    "interval" => Durability::Interval(Duration::from_millis(5)),
                    "every" => Durability::Every,
                    _ => Durability::Os,
                };
                record(first, durability, word().into(), office).await;
            }
            "drain" => {
                let recorder = open(word().into(), Durability::Os, office).await;
                recorder.shutdown(PATIENCE).await.unwrap();
            }
            _ => {
                let folder: PathBuf = word().into();
                match UsageRecorder::builder(folder).open(Sink { office }).await {
                    Ok(_) => eprintln!("opened"),
                    Err(error) => eprintln!("{error}"),
                }
            }
        }
    });
}

async fn open(folder: PathBuf, durability: Durability, office: SocketAddr) -> UsageRecorder {
    UsageRecorder::builder(folder)
        .durability(durability)
        .linger(Duration::from_millis(1))
        .retry_pauses(Duration::from_millis(1), Duration::from_millis(20))
        .open(Sink { office })
        .await
        .unwrap()
}

/// Records as fast as it can, and tells of each that was acknowledged.
async fn record(first: i64, durability: Durability, folder: PathBuf, office: SocketAddr) {
    let mut acknowledged = BufWriter::new(TcpStream::connect(office).unwrap());
    acknowledged.write_all(&[ACKNOWLEDGES]).unwrap();
    let recorder = open(folder, durability, office).await;
    let mut next = first;
    // It ends when it is killed, or when nobody is there any more to hear of it.
    loop {
        let recordings: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                let record = UsageRecord::new(Subject::user("ada"), "sms_messages", next);
                next += 1;
                (next - 1, recorder.record(record).unwrap())
            })
            .collect();
        for (quantity, recording) in recordings {
            recording.await.unwrap();
            acknowledged.write_all(&quantity.to_le_bytes()).unwrap();
        }
        acknowledged.flush().unwrap();
    }
}

/// Delivers to the office. A connection for each batch, so that none is in the way of the next.
#[derive(Debug)]
struct Sink {
    office: SocketAddr,
}

#[async_trait]
impl UsageSink for Sink {
    async fn deliver(&self, batch: &[Record]) -> Result<Vec<Outcome>, SinkError> {
        let mut told = vec![DELIVERS];
        told.extend(u32::try_from(batch.len()).unwrap().to_le_bytes());
        for record in batch {
            let id = record.id().to_string();
            assert_eq!(id.len(), 36);
            told.extend(id.as_bytes());
            told.extend(record.quantity().to_le_bytes());
        }
        let (office, count) = (self.office, batch.len());
        let answer = tokio::task::spawn_blocking(move || -> std::io::Result<Vec<u8>> {
            let mut stream = TcpStream::connect(office)?;
            stream.write_all(&told)?;
            let mut answer = vec![0; count];
            BufReader::new(stream).read_exact(&mut answer)?;
            Ok(answer)
        });
        let away = |error| SinkError::new(SinkErrorKind::Unavailable).with_source(error);
        let answer = answer.await.unwrap().map_err(away)?;
        let outcome = |known: &u8| match known {
            0 => Outcome::Accepted,
            _ => Outcome::Duplicate,
        };
        Ok(answer.iter().map(outcome).collect())
    }
}

/// Processes are not killed two at a time: each test has the machine's attention.
pub(crate) static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
