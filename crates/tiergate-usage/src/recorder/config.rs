//! How a recorder is set up.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tiergate_clock::{Clock, SystemClock};

use super::durability::Durability;
use super::pace::Pace;
use super::{UsageRecorder, UsageSink};
use crate::journal::disk::{Disk, RealDisk};
use crate::journal::{MIN_BYTES, OpenError, Problem};

const DAY: Duration = Duration::from_secs(86_400);

/// Sets up a [`UsageRecorder`].
///
/// ```
/// use std::time::Duration;
/// use tiergate_usage::recorder::{Durability, UsageRecorder};
///
/// let builder = UsageRecorder::builder("/var/lib/my-service/usage")
///     .durability(Durability::Interval(Duration::from_millis(500)))
///     .max_bytes(256 * 1024 * 1024);
/// # drop(builder);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder makes nothing until `open` is called"]
pub struct UsageRecorderBuilder {
    pub(super) folder: PathBuf,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) durability: Durability,
    pub(super) max_queued: usize,
    pub(super) max_bytes: u64,
    pub(super) max_age: Duration,
    pub(super) linger: Duration,
    pub(super) pace: Pace,
}

impl UsageRecorderBuilder {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            clock: Arc::new(SystemClock::new()),
            durability: Durability::default(),
            max_queued: 10_000,
            max_bytes: 1024 * 1024 * 1024,
            max_age: 35 * DAY,
            linger: Duration::from_millis(200),
            pace: Pace::default(),
        }
    }

    /// Takes the time from `clock` instead of the machine: when records occurred, and how old they are.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// What the loss of power may take. Default: [`Durability::Os`].
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// How many records may wait for the disk in memory, 1 at least. A record has at most 6 KiB, and a
    /// few hundred bytes usually. Default: 10,000.
    pub fn max_queued(mut self, records: usize) -> Self {
        self.max_queued = records;
        self
    }

    /// How large the journal may grow while nothing is delivered, in bytes: 512 KiB at least. Default:
    /// 1 GiB.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// How old a record may get before it is not delivered any more but written to `rejected.jsonl`.
    /// Default: 35 days, beyond which the billing service takes none.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// How long a batch waits for more records, at most a minute. Default: 200 ms.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// How long to wait after a batch could not be delivered: a random time of up to `first`, twice as
    /// long after each more failure, and never more than `longest`. Default: 0.5 s and 30 s.
    ///
    /// What the sink asks for is waited on top, up to five minutes. A refused credential is tried again
    /// after 15 s, or after `longest` if that is less.
    pub fn retry_pauses(mut self, first: Duration, longest: Duration) -> Self {
        self.pace = Pace { first, longest };
        self
    }

    /// Opens the journal, and begins to deliver what is in it.
    ///
    /// It is opened by a thread of its own; the one who delivers is a task of the current tokio runtime.
    ///
    /// # Errors
    ///
    /// When the folder cannot be used, when another recorder has it, when a later version of this
    /// library wrote it, when a setting makes no sense, or when there is no tokio runtime. Damage is
    /// no error: what can be read is delivered, and the rest is counted.
    ///
    /// # Cancellation
    ///
    /// Nothing is left open.
    pub async fn open(self, sink: impl UsageSink) -> Result<UsageRecorder, OpenError> {
        let folder = self.folder.clone();
        let disk = move || -> Result<Box<dyn Disk>, Problem> {
            let disk = RealDisk::at(&folder).map_err(Problem::disk("making the folder"))?;
            Ok(Box::new(disk))
        };
        UsageRecorder::open(self, Arc::new(sink), disk).await
    }

    /// What makes no sense, if anything.
    pub(super) fn fault(&self) -> Option<&'static str> {
        let interval = Duration::from_millis(1)..=Duration::from_secs(3_600);
        let fault = match self.durability {
            Durability::Interval(every) if !interval.contains(&every) => {
                Some("the interval of `durability` is from 1 ms to 1 hour")
            }
            Durability::Os | Durability::Interval(_) | Durability::Every => None,
        };
        fault
            .or((self.max_queued == 0).then_some("`max_queued` is at least 1"))
            .or((self.max_bytes < MIN_BYTES).then_some("`max_bytes` is at least 524288"))
            .or(self.max_age.is_zero().then_some("`max_age` is longer than nothing"))
            .or((self.linger > Duration::from_secs(60)).then_some("`linger` is at most a minute"))
            .or((self.pace.first.is_zero() || self.pace.longest < self.pace.first).then_some(
                "`retry_pauses` takes a first pause longer than nothing, and one at least as long",
            ))
    }
}
