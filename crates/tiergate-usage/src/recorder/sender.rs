//! The task that delivers what is in the journal, one batch after the other.

use std::sync::Arc;
use std::time::Duration;

use tiergate_clock::Clock;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::observe::{self, Fate};
use super::pace::{Cause, Pace};
use super::parts::{Halved, Parts};
use super::queue::Request;
use super::shared::Shared;
use super::sink::{Outcome, SinkError, SinkErrorKind, UsageSink};
use super::{Record, codec, rejection};
use crate::journal::Most;

/// The most of one batch.
pub(super) const MOST: Most = Most {
    records: 1_000,
    bytes: 512 * 1024,
};

/// How long a sink may take for a batch.
const DELIVERY_DEADLINE: Duration = Duration::from_secs(60);

/// Delivers what is in the journal.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    pub(super) shared: Arc<Shared>,
    pub(super) sink: Arc<dyn UsageSink>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) pace: Pace,
    /// How long it waits for a batch to fill.
    pub(super) linger: Duration,
    /// Older records are not delivered.
    pub(super) max_age: Duration,
}

/// The thread of the journal has ended, and with it the recorder.
struct JournalClosed;

/// Delivers until the journal closes. A sink that panics is asked again after a pause.
pub(super) async fn run(sender: Sender) {
    let mut panics = 0_u32;
    loop {
        // In a set, so that the inner task ends with this one.
        let mut life = JoinSet::new();
        let one = sender.clone();
        let began = sender.clock.elapsed();
        life.spawn(async move {
            let Err(JournalClosed) = one.live().await;
        });
        match life.join_next().await {
            Some(Err(error)) if error.is_panic() => observe::sender_failed(),
            _ => return,
        }
        let lived = sender.clock.elapsed().saturating_sub(began);
        panics = if lived > sender.pace.longest {
            1
        } else {
            panics.saturating_add(1)
        };
        let pause = sender.pace.pause(panics, Cause::Failure, fastrand::f64());
        tokio::time::sleep(pause).await;
    }
}

impl Sender {
    async fn live(self) -> Result<Never, JournalClosed> {
        let mut at = *self.shared.delivered.borrow();
        let mut end = self.shared.end.subscribe();
        let mut wanted = self.shared.wanted.subscribe();
        let mut failures = 0;
        loop {
            self.wait_for_records(at, &mut end, &mut wanted).await?;
            let portion = match self
                .ask(|reply| Request::Read {
                    from: at,
                    most: MOST,
                    reply,
                })
                .await?
            {
                Ok(portion) => portion,
                Err(error) => {
                    failures += 1;
                    observe::disk_failed("reading", &error);
                    self.rest(failures, Cause::Failure).await;
                    continue;
                }
            };
            failures = 0;
            let mut lost = portion.lost;
            let mut batch = Vec::with_capacity(portion.records.len());
            for stored in &portion.records {
                match codec::decode(stored.sequence, &stored.payload) {
                    Some(record) => batch.push(record),
                    None => lost += 1,
                }
            }
            if lost > 0 {
                observe::damaged(lost);
                self.shared.counts.fate(Fate::Damaged, lost);
            }
            drop(portion.records);
            self.deliver(batch, portion.end).await?;
            at = portion.end;
        }
    }

    /// Waits until there is a record at `at`, and then a little for more.
    async fn wait_for_records(
        &self,
        at: u64,
        end: &mut watch::Receiver<u64>,
        wanted: &mut watch::Receiver<u64>,
    ) -> Result<(), JournalClosed> {
        if *end.borrow_and_update() <= at {
            observe::oldest(Duration::ZERO);
        }
        let full = at.saturating_add(u64::try_from(MOST.records).unwrap_or(u64::MAX));
        end.wait_for(|end| *end > at)
            .await
            .map_err(|_| JournalClosed)?;
        tokio::select! {
            () = tokio::time::sleep(self.linger) => {}
            _ = end.wait_for(|end| *end >= full) => {}
            _ = wanted.wait_for(|wanted| *wanted > at) => {}
        }
        Ok(())
    }

    /// Delivers records until every one of them is done, and says so as it goes. `end` is the sequence
    /// behind them.
    async fn deliver(&self, mut batch: Vec<Record>, end: u64) -> Result<(), JournalClosed> {
        let mut failures = 0_u32;
        let mut parts = Parts::default();
        loop {
            self.expire(&mut batch).await?;
            self.shared.counts.in_batch(batch.len());
            let next = batch.first().map_or(end, |record| record.sequence);
            self.settle(next).await?;
            let len = parts.next(batch.len());
            let (Some(oldest), Some(part)) = (batch.first(), batch.get(..len)) else {
                return Ok(());
            };
            observe::oldest(self.clock.now().duration_since(oldest.occurred_at()));
            let outcomes = match self.attempt(part).await {
                Ok(outcomes) => outcomes,
                Err(error) if error.kind() == SinkErrorKind::BadBatch => {
                    if parts.halve(len) == Halved::Found {
                        let reason = error.to_string();
                        vec![Outcome::Rejected { reason }]
                    } else {
                        self.shared.counts.delivery_failed();
                        observe::halved(len, &error);
                        continue;
                    }
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    self.failed(&error, failures).await;
                    continue;
                }
            };
            if failures > 0 {
                observe::delivery_recovered();
            }
            failures = 0;
            parts.done();
            self.finish(part, outcomes).await?;
            batch.drain(..len);
        }
    }

    async fn attempt(&self, part: &[Record]) -> Result<Vec<Outcome>, SinkError> {
        let answer = timeout(DELIVERY_DEADLINE, self.sink.deliver(part)).await;
        let unavailable = |detail: &'static str| {
            Err(SinkError::new(SinkErrorKind::Unavailable).with_detail(detail))
        };
        match answer {
            Ok(Ok(outcomes)) if outcomes.len() != part.len() => {
                unavailable("the sink told another number of outcomes than there are records")
            }
            Ok(answer) => answer,
            Err(_elapsed) => unavailable("the sink did not answer in time"),
        }
    }

    async fn failed(&self, error: &SinkError, failures: u32) {
        let cause = match (error.kind(), error.retry_after()) {
            (SinkErrorKind::Unauthorized, _) => Cause::Unauthorized,
            (_, Some(wish)) => Cause::Wish(wish),
            (_, None) => Cause::Failure,
        };
        let pause = self.pace.pause(failures, cause, fastrand::f64());
        self.shared.counts.delivery_failed();
        observe::delivery_failed(error, failures, pause);
        tokio::time::sleep(pause).await;
    }

    /// Counts what became of records, and keeps those that were rejected for people to look at.
    async fn finish(&self, part: &[Record], outcomes: Vec<Outcome>) -> Result<(), JournalClosed> {
        let (mut accepted, mut duplicates, mut rejected) = (0, 0, Vec::new());
        for (record, outcome) in part.iter().zip(outcomes) {
            match outcome {
                Outcome::Accepted => accepted += 1,
                Outcome::Duplicate => duplicates += 1,
                Outcome::Rejected { reason } => rejected.push((record, reason)),
            }
        }
        self.reject(&rejected, Fate::Rejected).await?;
        self.shared.counts.fate(Fate::Delivered, accepted);
        self.shared.counts.fate(Fate::Duplicate, duplicates);
        Ok(())
    }

    /// Takes out of a batch what has become too old for the sink.
    async fn expire(&self, batch: &mut Vec<Record>) -> Result<(), JournalClosed> {
        let oldest = self.clock.now().saturating_sub(self.max_age);
        if batch.iter().all(|record| record.occurred_at() >= oldest) {
            return Ok(());
        }
        let days = self.max_age.as_secs() / 86_400;
        let reason = format!("it was not delivered within {days} days");
        let (young, old): (Vec<_>, Vec<_>) = batch
            .drain(..)
            .partition(|record| record.occurred_at() >= oldest);
        *batch = young;
        let old: Vec<_> = old.iter().map(|record| (record, reason.clone())).collect();
        self.reject(&old, Fate::Expired).await
    }

    /// Writes rejected records down. What cannot be written is tried again: otherwise nobody would ever
    /// know of it.
    async fn reject(
        &self,
        rejected: &[(&Record, String)],
        fate: Fate,
    ) -> Result<(), JournalClosed> {
        if rejected.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let lines: Vec<u8> = rejected
            .iter()
            .flat_map(|(record, reason)| rejection::line(record, reason, now))
            .collect();
        let mut failures = 0;
        loop {
            let lines = lines.clone();
            match self.ask(|reply| Request::Reject { lines, reply }).await? {
                Ok(()) => break,
                Err(_told) => {
                    failures += 1;
                    self.rest(failures, Cause::Failure).await;
                }
            }
        }
        for (record, reason) in rejected {
            observe::rejected(record.id(), reason);
        }
        let records = u64::try_from(rejected.len()).unwrap_or(u64::MAX);
        self.shared.counts.fate(fate, records);
        Ok(())
    }

    /// Everything before `end` is done. What cannot be written of it is written later.
    async fn settle(&self, end: u64) -> Result<(), JournalClosed> {
        self.ask(|reply| Request::Settle { end, reply }).await
    }

    async fn rest(&self, failures: u32, cause: Cause) {
        let pause = self.pace.pause(failures, cause, fastrand::f64());
        tokio::time::sleep(pause).await;
    }

    /// Asks the thread of the journal, which is on this machine and answers at once unless the disk
    /// hangs. It never leaves a request unanswered but by ending.
    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, JournalClosed> {
        let (reply, answer) = oneshot::channel();
        self.shared.queue.request(request(reply));
        answer.await.map_err(|_| JournalClosed)
    }
}

/// A value that there is none of.
enum Never {}
