//! The thread that owns the journal. Everything that touches the disk happens here.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tiergate_clock::Clock;

use super::RecordError;
use super::durability::Durability;
use super::observe::{self, Fate, Reason};
use super::queue::{Entry, Pending, Phase, Request, Room, Wanted, Work};
use super::shared::{Shared, advance};
use crate::journal::{AppendFault, Journal, Syncing};

/// The longest pause after a first failure of the disk; it doubles with each more in a row.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause between attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Writes what is recorded, and reads it again for the one who delivers.
#[derive(Debug)]
pub(super) struct Writer {
    journal: Journal,
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    durability: Durability,
    health: Health,
    /// By the clock's [`elapsed`](Clock::elapsed), when what is written has to be synced.
    sync_due: Option<Duration>,
    fullness: Room,
    /// When what could not be settled is tried again, by the same time.
    catch_up_due: Option<Duration>,
}

/// Whether the disk takes what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Well,
    /// It failed so often in a row, and is left alone for a while.
    Failing {
        failures: u32,
        until: Duration,
    },
}

impl Durability {
    pub(super) fn syncing(self) -> Syncing {
        match self {
            Self::Os => Syncing::BySystem,
            Self::Interval(_) => Syncing::OnCall,
            Self::Every => Syncing::EachAppend,
        }
    }
}

impl Writer {
    pub(super) fn new(
        journal: Journal,
        shared: Arc<Shared>,
        clock: Arc<dyn Clock>,
        durability: Durability,
    ) -> Self {
        let mut writer = Self {
            journal,
            shared,
            clock,
            durability,
            health: Health::Well,
            sync_due: None,
            fullness: Room::Some,
            catch_up_due: None,
        };
        advance(&writer.shared.delivered, writer.journal.delivered());
        writer.publish();
        writer
    }

    /// Works until the recorder closes, and then writes what is left.
    pub(super) fn run(mut self) {
        let mut work = Work::default();
        loop {
            let (wanted, patience) = self.plan();
            let phase = self.shared.queue.take(wanted, patience, &mut work);
            // What waits is refused when a sync is due that fails: what was acknowledged before would
            // otherwise be in danger for longer than was promised.
            let overdue = match wanted {
                Wanted::Everything => self.sync_if_due(),
                Wanted::Requests => None,
            };
            self.write(&mut work.entries, overdue.as_ref());
            for request in work.requests.drain(..) {
                self.serve(request);
            }
            self.catch_up();
            if phase >= Phase::Closing {
                break;
            }
        }
        if self.journal.is_behind() {
            self.settle(0);
        }
        if let Err(error) = self.journal.sync() {
            self.failed("syncing at the end", error);
        }
    }

    /// What to take next, and how long to wait for it.
    fn plan(&self) -> (Wanted, Option<Duration>) {
        let now = self.clock.elapsed();
        let in_time = |due: Option<Duration>| due.map(|due| due.saturating_sub(now));
        let (wanted, due) = match self.health {
            Health::Failing { until, .. } if until > now => (Wanted::Requests, Some(until)),
            // It is tried again when there is something to write, or to sync.
            Health::Well | Health::Failing { .. } => (Wanted::Everything, self.sync_due),
        };
        let dues = [in_time(due), in_time(self.catch_up_due)];
        (wanted, dues.into_iter().flatten().min())
    }

    /// Why a sync that is due fails, if it does.
    fn sync_if_due(&mut self) -> Option<Arc<io::Error>> {
        let now = self.clock.elapsed();
        self.sync_due.filter(|due| *due <= now)?;
        match self.journal.sync() {
            Ok(()) => {
                self.sync_due = None;
                self.works();
                None
            }
            Err(error) => Some(self.failed("syncing", error)),
        }
    }

    /// Writes entries in their order, and empties them.
    fn write(&mut self, entries: &mut Vec<Entry>, overdue: Option<&Arc<io::Error>>) {
        let mut records = Vec::with_capacity(entries.len());
        for entry in entries.drain(..) {
            match entry {
                Entry::Record(pending) => records.push(pending),
                Entry::Mark(reply) => {
                    self.write_records(&mut records, overdue);
                    // Nobody may be left to hear it.
                    let _ = reply.send(self.journal.next());
                }
            }
        }
        self.write_records(&mut records, overdue);
    }

    fn write_records(&mut self, records: &mut Vec<Pending>, overdue: Option<&Arc<io::Error>>) {
        if records.is_empty() {
            return;
        }
        let (kept, refusal) = match overdue {
            None => self.append(records),
            Some(error) => {
                let error = RecordError::Disk(Arc::clone(error));
                (0, Some((error, Reason::Disk)))
            }
        };
        let fate = u64::try_from(kept).unwrap_or(u64::MAX);
        self.shared.counts.fate(Fate::Recorded, fate);
        self.publish();
        self.shared.queue.finish(records.len());
        let mut rest = records.drain(..);
        for pending in rest.by_ref().take(kept) {
            let _ = pending.reply.send(Ok(()));
        }
        let Some((error, reason)) = refusal else {
            return;
        };
        let refused = u64::try_from(rest.len()).unwrap_or(u64::MAX);
        self.shared.counts.refused(reason, refused);
        for pending in rest {
            let _ = pending.reply.send(Err(error.clone()));
        }
    }

    /// Says how many of the records are in the journal, and why the others are not.
    fn append(&mut self, records: &[Pending]) -> (usize, Option<(RecordError, Reason)>) {
        let appended = self.journal.append(records);
        if let Durability::Interval(interval) = self.durability
            && self.sync_due.is_none()
            && appended.kept > 0
        {
            self.sync_due = Some(self.clock.elapsed().saturating_add(interval));
        }
        let refusal = match appended.fault {
            None => {
                self.works();
                None
            }
            Some(AppendFault::Full) => Some((RecordError::JournalFull, Reason::JournalFull)),
            Some(AppendFault::Disk(error)) => {
                let error = self.failed("writing", error);
                Some((RecordError::Disk(error), Reason::Disk))
            }
        };
        (appended.kept, refusal)
    }

    fn serve(&mut self, request: Request) {
        // Who asked may have left: then nobody needs the answer.
        match request {
            Request::Read { from, most, reply } => {
                let _ = reply.send(self.journal.read_from(from, most));
            }
            Request::Reject { lines, reply } => {
                let done = self.journal.reject(&lines);
                if let Err(error) = &done {
                    self.note(error, "writing rejected records");
                }
                let _ = reply.send(done);
            }
            Request::Settle { end, reply } => {
                self.settle(end);
                advance(&self.shared.delivered, end);
                let _ = reply.send(());
            }
        }
    }

    /// Settles what is before `end`, and what could not be settled before.
    fn settle(&mut self, end: u64) {
        let settled = self.journal.settle(end);
        if let Some(error) = &settled.fault {
            // Of several in a row the first is told.
            if self.catch_up_due.is_none() {
                self.note(error, "writing down what is delivered");
            }
            self.catch_up_due = Some(self.clock.elapsed().saturating_add(LONGEST_PAUSE));
        } else {
            self.catch_up_due = None;
        }
        for file in &settled.set_aside {
            observe::set_aside(file);
        }
        self.publish();
    }

    /// Does what could not be settled, though nobody asks: a full journal would wait for it for ever.
    fn catch_up(&mut self) {
        if self
            .catch_up_due
            .is_some_and(|due| due <= self.clock.elapsed())
        {
            self.settle(0);
        }
    }

    /// A fault beside writing records, which goes on.
    fn note(&self, error: &io::Error, doing: &'static str) {
        self.shared.counts.disk_failed();
        observe::disk_failed(doing, error);
    }

    fn failed(&mut self, doing: &'static str, error: io::Error) -> Arc<io::Error> {
        let failures = match self.health {
            Health::Well => {
                observe::disk_failed(doing, &error);
                1
            }
            Health::Failing { failures, .. } => {
                observe::disk_fails_on();
                failures.saturating_add(1)
            }
        };
        self.shared.counts.disk_failed();
        let most = FIRST_PAUSE
            .saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)))
            .min(LONGEST_PAUSE);
        let half = most / 2;
        let pause = half.saturating_add(half.mul_f64(fastrand::f64()));
        let until = self.clock.elapsed().saturating_add(pause);
        self.health = Health::Failing { failures, until };
        Arc::new(error)
    }

    fn works(&mut self) {
        if self.health != Health::Well {
            self.health = Health::Well;
            observe::disk_recovered();
        }
    }

    /// Tells the others where the journal stands.
    fn publish(&mut self) {
        let figures = self.journal.figures();
        let room = if self.journal.is_full() {
            Room::None
        } else {
            Room::Some
        };
        if room != self.fullness {
            self.fullness = room;
            self.shared.queue.set_room(room);
            if room == Room::None {
                observe::journal_full(figures.bytes);
            }
        }
        // After the queue: who sees by them that there is room is let in.
        self.shared.counts.journal(figures.records, figures.bytes);
        observe::figures(figures);
        advance(&self.shared.end, self.journal.next());
    }
}

/// Ends the queue with the thread, whatever ends that, so that nobody waits for it in vain.
#[derive(Debug)]
pub(super) struct Ended(pub(super) Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.queue.go_on_to(Phase::Ended);
    }
}
