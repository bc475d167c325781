//! Usage for billing, kept in a local journal until it is delivered.
//!
//! [`UsageRecorder::record`] takes a [`UsageRecord`] without waiting for a disk or a network. A thread
//! writes it into a journal; a task delivers what is there to a [`UsageSink`], such as the billing
//! service, in order and as often as it takes.
//!
//! ```text
//! record() ─► queue ─► thread ─► journal on disk ─► task ─► sink
//!                        │                            │
//!                        └─► Recording: it is kept    └─► delivered, or rejected.jsonl
//! ```
//!
//! # What is promised
//!
//! * A record is acknowledged when its [`Recording`] says so, and from then on it survives that the
//!   process is killed. What the loss of power may take is chosen by [`Durability`].
//! * A record that is acknowledged reaches the sink at least once, always under the same [`RecordId`].
//!   A sink that counts each id once, as the billing service does, counts every record exactly once.
//! * Records arrive in the order of the journal. One that the sink rejects is written to
//!   `rejected.jsonl` in the folder of the journal, and keeps none of the others back. A crash at the
//!   wrong moment may write it there twice.
//! * Nothing grows without end: not the queue, not the journal, not the memory, whatever the backlog.
//! * Damage on the disk costs the records that it hits. It is counted, and never a panic or a refusal to
//!   start.
//!
//! # Files
//!
//! One process at a time uses a folder. It is for the owner's eyes only, because records name people.
//! `rejected.jsonl` holds a line for each record that will not be billed, with the reason; beyond 16 MiB
//! the oldest lines go to `rejected.old.jsonl`, and what was there is removed. Files that end with
//! `.damaged` are segments that could not be read as a whole; 16 of them are kept.
//!
//! ```
//! use std::time::Duration;
//! use tiergate_core::Subject;
//! use tiergate_usage::async_trait;
//! use tiergate_usage::recorder::{
//!     Outcome, Record, SinkError, UsageRecord, UsageRecorder, UsageSink,
//! };
//!
//! #[derive(Debug)]
//! struct Print;
//!
//! #[async_trait]
//! impl UsageSink for Print {
//!     async fn deliver(&self, batch: &[Record]) -> Result<Vec<Outcome>, SinkError> {
//!         for record in batch {
//!             println!("{} used {} {}", record.subject(), record.quantity(), record.metric());
//!         }
//!         Ok(vec![Outcome::Accepted; batch.len()])
//!     }
//! }
//!
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let recorder = UsageRecorder::builder(folder).open(Print).await?;
//! let recording = recorder.record(UsageRecord::new(Subject::user("42"), "sms_messages", 1))?;
//! recording.await?;
//! recorder.shutdown(Duration::from_secs(10)).await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod codec;
mod config;
mod durability;
mod error;
mod id;
mod observe;
mod pace;
mod parts;
mod queue;
mod record;
mod recording;
mod rejection;
mod sender;
mod shared;
mod sink;
mod statistics;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tiergate_clock::Clock;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

pub use config::UsageRecorderBuilder;
pub use durability::Durability;
pub use error::{InvalidRecord, RecordError, Undelivered};
pub use id::RecordId;
pub use record::{Record, UsageRecord};
pub use recording::Recording;
pub use sink::{Outcome, SinkError, SinkErrorKind, UsageSink};
pub use statistics::RecorderStatistics;

pub use crate::journal::{OpenError, OpenErrorKind};

use crate::journal::disk::Disk;
use crate::journal::{Bounds, Journal, Problem};
use id::{IdSource, Name};
use observe::Reason;
use queue::{Episode, Pending, Phase, Refusal};
use sender::Sender;
use shared::{Shared, advance};
use writer::{Ended, Writer};

/// How long shutting down waits for the local disk, even when no time is left.
const CLOSING: Duration = Duration::from_secs(5);

/// Records usage for billing. See the [module](self) for what is promised.
///
/// Clones are the same recorder. When the last is dropped without a shutdown, what waits is written to
/// the journal, which blocks for as long as the local disk takes, and the folder is free again. Nothing
/// more is delivered then, until the folder is opened again.
#[derive(Clone, Debug)]
pub struct UsageRecorder {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    ids: IdSource,
    clock: Arc<dyn Clock>,
    max_queued: usize,
    sender: AbortHandle,
    thread: Option<JoinHandle<()>>,
}

impl UsageRecorder {
    /// Starts from the defaults, with a journal in `folder`, which is made if it is not there. It has to
    /// be on a local disk: network file systems do not keep what syncing promises.
    pub fn builder(folder: impl AsRef<Path>) -> UsageRecorderBuilder {
        UsageRecorderBuilder::new(folder.as_ref())
    }

    async fn open(
        settings: UsageRecorderBuilder,
        sink: Arc<dyn UsageSink>,
        disk: impl FnOnce() -> Result<Box<dyn Disk>, Problem> + Send + 'static,
    ) -> Result<Self, OpenError> {
        let folder = settings.folder.clone();
        let fault = |problem| OpenError::new(&folder, problem);
        if let Some(what) = settings.fault() {
            return Err(fault(Problem::Setting(what)));
        }
        let runtime = Handle::try_current().map_err(|_| fault(Problem::NoRuntime))?;
        let shared = Arc::new(Shared::new(settings.max_queued));
        let (opened, opening) = oneshot::channel();
        let thread = {
            let (shared, settings) = (Arc::clone(&shared), settings.clone());
            let work = move || {
                // Goes last, so that the folder is free when it is told.
                let _ended = Ended(Arc::clone(&shared));
                let writer = disk().and_then(|disk| writer(disk, shared, &settings));
                match writer {
                    // Unless whoever opened it has left.
                    Ok(writer) => {
                        if opened.send(Ok(())).is_ok() {
                            writer.run();
                        }
                    }
                    Err(problem) => drop(opened.send(Err(problem))),
                }
            };
            let name = "tiergate-journal".to_owned();
            thread::Builder::new().name(name).spawn(work)
        };
        let thread = thread.map_err(|error| fault(Problem::NoThread(error)))?;
        match opening.await {
            Ok(Ok(())) => {}
            Ok(Err(problem)) => return Err(fault(problem)),
            Err(_ended) => {
                let error = std::io::Error::other("it ended early");
                return Err(fault(Problem::NoThread(error)));
            }
        }
        let sender = runtime.spawn(sender::run(Sender {
            shared: Arc::clone(&shared),
            sink,
            clock: Arc::clone(&settings.clock),
            pace: settings.pace,
            linger: settings.linger,
            max_age: settings.max_age,
        }));
        Ok(Self {
            inner: Arc::new(Inner {
                shared,
                ids: IdSource::new(),
                clock: settings.clock,
                max_queued: settings.max_queued,
                sender: sender.abort_handle(),
                thread: Some(thread),
            }),
        })
    }

    /// Records usage. It waits for nothing: neither a disk nor a network nor anybody who waits for one.
    ///
    /// The record has its id and its time from now on. That it is kept is what the [`Recording`] tells.
    ///
    /// # Errors
    ///
    /// When the record is invalid, when a bound is reached, or after a shutdown. Nothing is recorded
    /// then.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a record is recorded once; one that is borrowed is easily recorded twice"
    )]
    pub fn record(&self, record: UsageRecord) -> Result<Recording, RecordError> {
        self.inner.record(&record).inspect_err(|error| {
            self.inner.shared.counts.refused(reason(error), 1);
        })
    }

    /// Waits until all that was recorded before is delivered, or rejected by the sink.
    ///
    /// # Errors
    ///
    /// When that is not so within `deadline`. Delivering goes on.
    ///
    /// # Cancellation
    ///
    /// Changes nothing.
    pub async fn flush(&self, deadline: Duration) -> Result<(), Undelivered> {
        let shared = &self.inner.shared;
        let delivered = async {
            let (reply, end) = oneshot::channel();
            shared.queue.mark(reply);
            let end = end.await.ok()?;
            advance(&shared.wanted, end);
            let mut delivered = shared.delivered.subscribe();
            delivered
                .wait_for(|delivered| *delivered >= end)
                .await
                .ok()?;
            Some(())
        };
        match tokio::time::timeout(deadline, delivered).await {
            Ok(Some(())) => Ok(()),
            // The thread has ended, or time has.
            Ok(None) | Err(_) => self.inner.undelivered(),
        }
    }

    /// Takes no more records, tries until `deadline` to deliver those that are there, and closes the
    /// journal, synced. Then the folder is free.
    ///
    /// After the deadline it waits up to five seconds more for the local disk.
    ///
    /// # Errors
    ///
    /// When not everything was delivered. It stays in the journal, to be delivered when that is opened
    /// again.
    ///
    /// # Cancellation
    ///
    /// Records are refused from the first poll on; the rest happens when this is called again, or when
    /// the last clone is dropped.
    pub async fn shutdown(&self, deadline: Duration) -> Result<(), Undelivered> {
        let shared = &self.inner.shared;
        shared.queue.go_on_to(Phase::Refusing);
        let flushed = self.flush(deadline).await;
        self.inner.sender.abort();
        shared.queue.go_on_to(Phase::Closing);
        let ended = shared.queue.ended();
        // A disk that hangs longer keeps the thread, and the folder, but nobody else.
        let _ = tokio::time::timeout(CLOSING, ended).await;
        match flushed {
            Ok(()) => Ok(()),
            Err(_) => self.inner.undelivered(),
        }
    }

    /// What the recorder holds now, and has done since it was opened.
    #[must_use]
    pub fn statistics(&self) -> RecorderStatistics {
        let shared = &self.inner.shared;
        shared.counts.read(shared.queue.held())
    }
}

fn writer(
    disk: Box<dyn Disk>,
    shared: Arc<Shared>,
    settings: &UsageRecorderBuilder,
) -> Result<Writer, Problem> {
    let bounds = Bounds::of(settings.max_bytes);
    let syncing = settings.durability.syncing();
    let (journal, repairs) = Journal::open(disk, bounds, syncing)?;
    observe::opened(&settings.folder, journal.figures(), repairs);
    shared
        .counts
        .repaired(repairs.torn_tails + repairs.broken_tails);
    let clock = Arc::clone(&settings.clock);
    Ok(Writer::new(journal, shared, clock, settings.durability))
}

fn reason(error: &RecordError) -> Reason {
    match error {
        RecordError::Invalid(_) => Reason::Invalid,
        RecordError::QueueFull => Reason::QueueFull,
        RecordError::JournalFull => Reason::JournalFull,
        RecordError::Disk(_) => Reason::Disk,
        RecordError::ShutDown => Reason::ShutDown,
    }
}

impl Inner {
    fn record(&self, record: &UsageRecord) -> Result<Recording, RecordError> {
        record.validate()?;
        let now = self.clock.now();
        let id = match &record.key {
            Some(key) => RecordId(Name::Given(key.clone())),
            None => self.ids.next(now),
        };
        let payload = codec::encode(record, &id, now)?;
        let (reply, written) = oneshot::channel();
        match self.shared.queue.record(Pending { payload, reply }) {
            Ok(()) => Ok(Recording::new(id, written)),
            Err(Refusal::ShutDown) => Err(RecordError::ShutDown),
            Err(Refusal::NoRoom) => Err(RecordError::JournalFull),
            Err(Refusal::Full(episode)) => {
                if episode == Episode::Begins {
                    observe::queue_full(self.max_queued);
                }
                Err(RecordError::QueueFull)
            }
        }
    }

    /// What is left in the journal and in front of it.
    fn undelivered(&self) -> Result<(), Undelivered> {
        let queued = u64::try_from(self.shared.queue.held()).unwrap_or(u64::MAX);
        match self.shared.counts.backlog().saturating_add(queued) {
            0 => Ok(()),
            records => Err(Undelivered { records }),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.sender.abort();
        self.shared.queue.go_on_to(Phase::Closing);
        if let Some(thread) = self.thread.take() {
            // It has told of its panic already, if that is how it ended.
            let _ = thread.join();
        }
    }
}
