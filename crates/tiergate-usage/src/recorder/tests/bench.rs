//! Recorders, sinks and ways to wait.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tiergate_core::Subject;
use tokio::sync::Semaphore;

use crate::journal::disk::Disk;
use crate::journal::disk::simulated::SimulatedDisk;
use crate::recorder::{
    Outcome, Record, RecordId, SinkError, SinkErrorKind, UsageRecord, UsageRecorder,
    UsageRecorderBuilder, UsageSink,
};

/// Far more than anything takes.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// What a sink does with a batch.
#[derive(Debug)]
pub(super) enum Act {
    Fail(SinkError),
    Panic,
    /// Tells one outcome too few.
    Miscount,
    /// Takes the batch, and the answer is lost.
    TakeAndFail,
}

/// A sink that keeps what it takes, once for each id.
#[derive(Clone, Debug)]
pub(super) struct Sink {
    state: Arc<Mutex<State>>,
    /// Holds a permit for each batch that may come.
    open: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct State {
    acts: VecDeque<Act>,
    taken: Vec<Record>,
    known: HashSet<RecordId>,
    batches: Vec<usize>,
    asked: usize,
    /// Records with these quantities are no good.
    rejects: Vec<i64>,
    poisons: Vec<i64>,
    away: Option<SinkErrorKind>,
}

impl Sink {
    pub(super) fn new() -> Self {
        Self {
            state: Arc::default(),
            open: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
        }
    }

    pub(super) fn acting(acts: impl IntoIterator<Item = Act>) -> Self {
        let sink = Self::new();
        sink.state.lock().unwrap().acts.extend(acts);
        sink
    }

    /// Answers nothing until it is let go on.
    pub(super) fn hanging() -> Self {
        Self {
            state: Arc::default(),
            open: Arc::new(Semaphore::new(0)),
        }
    }

    pub(super) fn go_on(&self) {
        self.open.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    /// Fails every batch from now on.
    pub(super) fn leave(&self, kind: SinkErrorKind) {
        self.state.lock().unwrap().away = Some(kind);
    }

    pub(super) fn come_back(&self) {
        self.state.lock().unwrap().away = None;
    }

    pub(super) fn reject(&self, quantity: i64) {
        self.state.lock().unwrap().rejects.push(quantity);
    }

    /// Any batch with such a record is refused as a whole.
    pub(super) fn refuse_batches_with(&self, quantity: i64) {
        self.state.lock().unwrap().poisons.push(quantity);
    }

    pub(super) fn quantities(&self) -> Vec<i64> {
        let state = self.state.lock().unwrap();
        state.taken.iter().map(Record::quantity).collect()
    }

    /// How many batches came, answered or not.
    pub(super) fn asked(&self) -> usize {
        self.state.lock().unwrap().asked
    }

    /// How large the batches were that came, whatever became of them.
    pub(super) fn batches(&self) -> Vec<usize> {
        self.state.lock().unwrap().batches.clone()
    }
}

#[async_trait]
impl UsageSink for Sink {
    async fn deliver(&self, batch: &[Record]) -> Result<Vec<Outcome>, SinkError> {
        self.state.lock().unwrap().asked += 1;
        self.open.acquire().await.unwrap().forget();
        let mut state = self.state.lock().unwrap();
        state.batches.push(batch.len());
        if let Some(kind) = state.away {
            return Err(SinkError::new(kind));
        }
        let act = state.acts.pop_front();
        match act {
            Some(Act::Fail(error)) => return Err(error),
            Some(Act::Panic) => {
                drop(state);
                panic!("as the test wants");
            }
            _ => {}
        }
        if batch
            .iter()
            .any(|record| state.poisons.contains(&record.quantity()))
        {
            return Err(SinkError::new(SinkErrorKind::BadBatch).with_detail("poison"));
        }
        let mut outcomes = Vec::new();
        for record in batch {
            outcomes.push(if state.rejects.contains(&record.quantity()) {
                let reason = "not good".to_owned();
                Outcome::Rejected { reason }
            } else if !state.known.insert(record.id().clone()) {
                Outcome::Duplicate
            } else {
                state.taken.push(record.clone());
                Outcome::Accepted
            });
        }
        match act {
            Some(Act::Miscount) => {
                outcomes.pop();
                Ok(outcomes)
            }
            Some(Act::TakeAndFail) => Err(SinkError::new(SinkErrorKind::Unavailable)),
            _ => Ok(outcomes),
        }
    }
}

/// A builder for a recorder that does not rest for long.
pub(super) fn builder() -> UsageRecorderBuilder {
    UsageRecorder::builder("simulated")
        .linger(Duration::ZERO)
        .retry_pauses(Duration::from_millis(1), Duration::from_millis(4))
}

pub(super) async fn open(
    disk: &SimulatedDisk,
    sink: &Sink,
    builder: UsageRecorderBuilder,
) -> UsageRecorder {
    let disk: Box<dyn Disk> = Box::new(disk.clone());
    UsageRecorder::open(builder, Arc::new(sink.clone()), move || Ok(disk))
        .await
        .unwrap()
}

pub(super) fn record(quantity: i64) -> UsageRecord {
    UsageRecord::new(Subject::user("ada"), "sms_messages", quantity)
}

/// Records, and waits until it is kept.
pub(super) async fn keep(recorder: &UsageRecorder, quantities: impl IntoIterator<Item = i64>) {
    let recordings: Vec<_> = quantities
        .into_iter()
        .map(|quantity| recorder.record(record(quantity)).unwrap())
        .collect();
    for recording in recordings {
        recording.await.unwrap();
    }
}

/// Waits until `condition` holds.
pub(super) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let holds = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    if tokio::time::timeout(PATIENCE, holds).await.is_err() {
        panic!("{what}: it does not come to hold");
    }
}
