//! The thread that writes: it takes what waits, and does all of it in one transaction.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use crate::now::Now;
use crate::observe;

use super::fault::{Cause, Fault};
use super::file::{File, Missing, Place, gone};
use super::inbox::Inbox;
use super::ledger::{Bounds, Ledger};
use super::load::{Backlog, Intent};
use super::operation::{Effect, Job, Thrift, Wanted};
use super::statistics::{Counts, add};
use super::time::Timeline;

/// The most operations of one transaction.
const MOST_AT_ONCE: usize = 256;

/// About how long somebody waits before the lock is tried again, and how long the lock is left to
/// others that want it.
const PAUSE: Duration = Duration::from_millis(1);

/// How long a file that cannot be opened is left alone.
const PAUSE_AFTER_FAULT: Duration = Duration::from_millis(20);

/// What the writer is told.
pub(super) enum Message {
    Do(Box<dyn Job>),
    /// Ends it, once all that was told before is done.
    Close(oneshot::Sender<()>),
}

/// Does what it is told, for as long as somebody can tell it anything.
pub(super) struct Writer {
    pub(super) place: Place,
    /// None after a fault, until it is opened again.
    pub(super) file: Option<File>,
    pub(super) timeline: Timeline,
    pub(super) bounds: Bounds,
    /// The number of this store.
    pub(super) number: u64,
    pub(super) counts: Arc<Counts>,
    pub(super) company: Company,
    #[cfg(test)]
    pub(super) seam: Arc<super::tests::Seam>,
}

/// Whether others write to the file, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Company {
    Alone,
    /// Somebody wrote between the last two transactions of this store.
    Others,
}

type Jobs = Vec<Box<dyn Job>>;

/// What came of an attempt.
enum Attempt {
    /// The operations were done, and the answers are sure.
    Done,
    /// Only what was due was done: there was too much of it.
    Prepared,
}

/// An attempt that came to nothing, as far as anybody knows.
struct Failure {
    fault: Fault,
    certainty: Certainty,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Certainty {
    NotDone,
    MaybeDone,
}

impl Writer {
    pub(super) async fn run(mut self, mut queue: Inbox) {
        let mut closing = None;
        while closing.is_none()
            && let Some(first) = queue.next().await
        {
            let mut jobs = Jobs::new();
            let mut next = Some(first);
            while let Some(message) = next {
                match message {
                    Message::Do(job) => jobs.push(job),
                    Message::Close(closed) => {
                        closing = Some(closed);
                        queue.close();
                    }
                }
                next = (jobs.len() < MOST_AT_ONCE)
                    .then(|| queue.at_once())
                    .flatten();
            }
            self.serve(jobs).await;
        }
        if let Some(file) = self.file {
            file.close().await;
        }
        if let Some(closed) = closing {
            // Whoever told it to end may have left.
            let _ = closed.send(());
        }
    }

    /// Does the jobs, and answers them. Within their deadlines it waits for others that write, and
    /// tries once more after a fault.
    async fn serve(&mut self, mut jobs: Jobs) {
        let mut retried = Retried::No;
        loop {
            jobs.retain(|job| job.is_awaited());
            if jobs.is_empty() {
                return;
            }
            let failure = match self.attempt(&mut jobs).await {
                Ok(Attempt::Done) => {
                    add(&self.counts.operations, jobs.len() as u64);
                    jobs.drain(..).for_each(Job::answer);
                    // Whoever waits for the lock tries now and then: it must be there to be had.
                    if self.company == Company::Others {
                        sleep(spread(PAUSE)).await;
                    }
                    return;
                }
                Ok(Attempt::Prepared) => continue,
                Err(failure) => failure,
            };
            match failure.fault.cause() {
                Cause::Busy => {
                    // Told in time, so that they learn why.
                    let soon = Instant::now() + 4 * PAUSE;
                    fail(&mut jobs, &failure.fault, |job| job.deadline() <= soon);
                    sleep(spread(PAUSE)).await;
                }
                Cause::Broken => {
                    self.break_off(&failure.fault).await;
                    let is_lost = |job: &dyn Job| {
                        retried == Retried::Yes
                            || !failure.fault.is_transient()
                            || (failure.certainty == Certainty::MaybeDone
                                && job.effect() == Effect::Adds)
                    };
                    fail(&mut jobs, &failure.fault, is_lost);
                    retried = Retried::Yes;
                }
            }
        }
    }

    async fn attempt(&mut self, jobs: &mut Jobs) -> Result<Attempt, Failure> {
        let mut wanted = Wanted::default();
        for job in jobs.iter() {
            job.want(&mut wanted);
        }
        let reads = jobs.iter().all(|job| job.effect() == Effect::Reads);
        if reads && let Some(done) = self.read(jobs, &wanted).await? {
            return Ok(done);
        }
        self.write(jobs, &wanted).await
    }

    /// Answers jobs that change nothing. None when so much is due that it has to be written first.
    async fn read(&mut self, jobs: &mut Jobs, wanted: &Wanted) -> Result<Option<Attempt>, Failure> {
        let (mut ledger, backlog) = self.load(Intent::Read, wanted).await?;
        if backlog == Backlog::None {
            let clock = Arc::clone(self.timeline.clock());
            let now = Now::at(&*clock, ledger.meta.time);
            ledger.expire(&now);
            for job in jobs {
                job.run(&mut ledger, &now);
            }
        }
        self.open_file()?.roll_back().await.map_err(undone)?;
        Ok((backlog == Backlog::None).then_some(Attempt::Done))
    }

    async fn write(&mut self, jobs: &mut Jobs, wanted: &Wanted) -> Result<Attempt, Failure> {
        let (mut ledger, backlog) = self.load(Intent::Write, wanted).await?;
        // The lock may have been long in coming, and some have left since.
        jobs.retain(|job| job.is_awaited());
        let clock = Arc::clone(self.timeline.clock());
        let now = Now::at(&*clock, ledger.meta.time);
        self.company = if ledger.meta.writer == self.number {
            Company::Alone
        } else {
            Company::Others
        };
        ledger.meta.writer = self.number;
        ledger.bounds = self.bounds;
        ledger.expire(&now);
        let attempt = match backlog {
            Backlog::Some => Attempt::Prepared,
            Backlog::None => {
                for job in jobs {
                    job.run(&mut ledger, &now);
                }
                Attempt::Done
            }
        };
        ledger.tidy(&now);
        let file = self.open_file()?;
        let may_idle = wanted.thrift == Thrift::Ordinary && !ledger.is_crowded();
        if may_idle && !ledger.is_changed() {
            file.roll_back().await.map_err(undone)?;
            return Ok(attempt);
        }
        file.save(&ledger, wanted.thrift).await.map_err(undone)?;
        file.commit().await.map_err(maybe_done)?;
        #[cfg(test)]
        self.seam
            .lose_answer(&self.place.path)
            .map_err(maybe_done)?;
        self.note(&ledger);
        Ok(attempt)
    }

    /// Begins a transaction on an open file, and reads.
    async fn load(
        &mut self,
        intent: Intent,
        wanted: &Wanted,
    ) -> Result<(Ledger, Backlog), Failure> {
        if self.file.as_ref().is_some_and(|file| !file.is_in_place()) {
            return Err(not_done(gone(&self.place.path)));
        }
        if self.file.is_none() {
            let file = File::open(&self.place, Missing::Refuse).await;
            self.file = Some(file.map_err(not_done)?);
        }
        let now = self.timeline.now();
        let file = self.open_file()?;
        let loaded = file.load(intent, wanted, now).await;
        if loaded.is_err() {
            // There may be a transaction or not: if the lock was not to be had, there is none.
            drop(file.roll_back().await);
        }
        let (ledger, backlog) = loaded.map_err(not_done)?;
        self.timeline.catch_up(ledger.meta.time);
        Ok((ledger, backlog))
    }

    fn open_file(&mut self) -> Result<&mut File, Failure> {
        let gone = || not_done(gone(&self.place.path));
        self.file.as_mut().ok_or_else(gone)
    }

    fn note(&self, ledger: &Ledger) {
        add(&self.counts.batches, 1);
        add(&self.counts.expired, ledger.expired);
        observe::expired(ledger.expired);
    }

    /// Gives up a connection that is not to be trusted.
    async fn break_off(&mut self, fault: &Fault) {
        add(&self.counts.faults, 1);
        observe::file_failed(fault);
        match self.file.take() {
            // Its transaction is rolled back when it ends.
            Some(file) => drop(file),
            // It could not even be opened.
            None => sleep(spread(PAUSE_AFTER_FAULT)).await,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Retried {
    No,
    Yes,
}

/// What was begun is rolled back with the connection.
fn undone(fault: Fault) -> Failure {
    not_done(fault.within_transaction())
}

fn not_done(fault: Fault) -> Failure {
    Failure {
        fault,
        certainty: Certainty::NotDone,
    }
}

fn maybe_done(fault: Fault) -> Failure {
    Failure {
        fault: fault.within_transaction(),
        certainty: Certainty::MaybeDone,
    }
}

/// Tells the jobs that are lost, and keeps the others.
fn fail(jobs: &mut Jobs, fault: &Fault, is_lost: impl Fn(&dyn Job) -> bool) {
    let lost = jobs.extract_if(.., |job| is_lost(&**job));
    lost.for_each(|job| job.fail(fault));
}

/// A pause between half of `length` and one and a half, so that those who wait do not meet again.
fn spread(length: Duration) -> Duration {
    let random = foldhash::fast::RandomState::default().hash_one(());
    let part = u32::try_from(random % 1_000).unwrap_or(0);
    length / 2 + length.saturating_mul(part) / 1_000
}
