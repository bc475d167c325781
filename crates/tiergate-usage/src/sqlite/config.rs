//! How a store in a SQLite file is made.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tiergate_clock::{Clock, SystemClock};

use crate::{StoreError, WhenAbsent};

use super::SqliteUsage;
use super::file::Place;
use super::ledger::Bounds;

/// How long a call may take, unless something else is asked for.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(1);

/// Longer than anybody waits, and short enough to be added to any time.
const LONGEST_DEADLINE: Duration = Duration::from_secs(24 * 3_600);

/// How many calls may wait, unless something else is asked for.
const DEFAULT_WAITING: usize = 4_096;

/// The bounds of the tables, unless others are asked for.
const DEFAULT_BOUND: u64 = 10_000_000;

/// When a call is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Durability {
    /// When what it did is on the disk: nothing that was answered is lost, not at a loss of power.
    #[default]
    Full,
    /// When the operating system has it: nothing that was answered is lost at the end of the process,
    /// however it ends, but a loss of power can take the last transactions, and with them hand out
    /// again what they had counted.
    Normal,
}

/// Sets up a [`SqliteUsage`].
///
/// ```no_run
/// use std::time::Duration;
/// use tiergate_usage::{Durability, SqliteUsage};
///
/// # async fn open() -> Result<(), tiergate_usage::StoreError> {
/// let usage = SqliteUsage::builder("/var/lib/app/usage.db")
///     .durability(Durability::Normal)
///     .deadline(Duration::from_millis(500))
///     .open()
///     .await?;
/// # drop(usage);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder opens nothing until `open` is called"]
pub struct SqliteUsageBuilder {
    pub(super) place: Place,
    pub(super) when_absent: WhenAbsent,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) deadline: Duration,
    pub(super) max_waiting: usize,
    pub(super) bounds: Bounds,
}

impl SqliteUsageBuilder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            place: Place {
                path,
                durability: Durability::default(),
            },
            when_absent: WhenAbsent::default(),
            clock: Arc::new(SystemClock::new()),
            deadline: DEFAULT_DEADLINE,
            max_waiting: DEFAULT_WAITING,
            bounds: Bounds {
                counters: DEFAULT_BOUND,
                reservations: DEFAULT_BOUND,
                keys: DEFAULT_BOUND,
            },
        }
    }

    /// Does so when the file, or the tables in it, are not there; unless set, they are made.
    pub fn when_absent(mut self, when_absent: WhenAbsent) -> Self {
        self.when_absent = when_absent;
        self
    }

    /// Takes the time from `clock` instead of the machine. All who share a file should have the same.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Answers a call when it is as sure as that; [`Durability::Full`] unless set.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.place.durability = durability;
        self
    }

    /// Ends a call that has no answer after this long; 1 s unless set, and a day at most.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline.min(LONGEST_DEADLINE);
        self
    }

    /// Lets at most this many calls wait for their turn; 4,096 unless set, and at least one. Further
    /// ones fail.
    ///
    /// Calls that end something are not among them, and never wait behind them: commits, releases, and
    /// what is told of leases. Of those 16,384 may wait, or this many if it is more.
    pub fn max_waiting(mut self, most: usize) -> Self {
        self.max_waiting = most.max(1);
        self
    }

    /// Holds at most this many counters; 10,000,000 unless set. Whoever needs another one then fails.
    pub fn max_counters(mut self, most: u64) -> Self {
        self.bounds.counters = most;
        self
    }

    /// Holds at most this many reservations and leases, those included that are over and remembered;
    /// 10,000,000 unless set. Near the bound, reservations that are over are forgotten at once; when all
    /// are open, whoever needs another one fails.
    pub fn max_reservations(mut self, most: u64) -> Self {
        self.bounds.reservations = most;
        self
    }

    /// Remembers at most this many idempotency keys; 10,000,000 unless set. Operations with a new key
    /// then fail: to forget an older one would let its retry count again.
    pub fn max_remembered_keys(mut self, most: u64) -> Self {
        self.bounds.keys = most;
        self
    }

    /// Opens the file, and makes it if it is not there, unless [`when_absent`](Self::when_absent) says
    /// otherwise. Its folder has to be there.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::StoreErrorKind::Unavailable) when the file cannot be opened, is locked
    /// for ten seconds, or is not there and may not be made; [`Internal`](crate::StoreErrorKind::Internal) when it is no database, when
    /// its tables are of a version that this program does not know, or when it cannot have a
    /// write-ahead log. The detail names the file.
    pub async fn open(self) -> Result<SqliteUsage, StoreError> {
        SqliteUsage::start(self).await
    }
}
