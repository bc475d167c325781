//! Operations of one subject, which go together where they would wait for each other.
//!
//! In the database one follows the other, each with a commit of its own. So while one message of a
//! subject is under way, all others of its kind wait here, without a connection, and then go in one
//! message and one commit.

use std::collections::{HashMap, VecDeque};
use std::fmt::Debug;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::postgres::PgRow;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::{StoreError, StoreErrorKind};

use super::bound::Waiting;
use super::engine::Engine;
use super::moment::Moment;
use super::pool::{PgQuery, Place};
use super::statistics::Counts;
use crate::urgency::Urgency;

/// The most operations of one message: their subject is locked until all of it is done.
const MOST_TOGETHER: usize = 64;

/// Which operations may go together: those over the same subjects have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Lane(u32);

impl Lane {
    pub(super) const fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(u32::from_be_bytes(bytes))
    }

    pub(super) const fn to_bytes(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }
}

/// Makes lanes of subjects. Of two subjects in one lane, each merely waits for the other.
#[derive(Debug, Default)]
pub(super) struct Signs(foldhash::fast::RandomState);

impl Signs {
    pub(super) fn lane<'a>(&self, subjects: impl Iterator<Item = &'a str>) -> Lane {
        let mut subjects: Vec<&str> = subjects.collect();
        subjects.sort_unstable();
        subjects.dedup();
        let hash = self.0.hash_one(subjects);
        Lane(u32::try_from(hash >> 32).unwrap_or_default())
    }
}

/// An operation of which several can go in one message.
pub(super) trait Operation: Debug + Sized + Send + Sync + 'static {
    type Answer: Debug + Send + 'static;

    const NAME: &'static str;
    const URGENCY: Urgency;

    /// Where those of its kind wait.
    fn lanes(engine: &Engine) -> &Lanes<Self>;

    /// Whether it can go with the others that wait before it.
    fn goes_with(&self, others: &[Job<Self>]) -> bool;

    /// The message. It gives a row for each of them, in their order.
    fn query(engine: &Engine, together: &[Self], moment: Moment) -> PgQuery;

    fn read(row: &PgRow, counts: &Counts) -> Result<Self::Answer, StoreError>;

    /// Does what is left to do when whoever asked has left before the answer.
    fn unheard(engine: &Arc<Engine>, answer: Self::Answer);
}

/// An operation that waits.
#[derive(Debug)]
pub(super) struct Job<O: Operation> {
    pub(super) operation: O,
    tell: oneshot::Sender<Result<O::Answer, StoreError>>,
    _waiting: Waiting,
}

/// All that wait, by lane. There is a task for each lane that is here.
#[derive(Debug)]
pub(super) struct Lanes<O: Operation>(Mutex<HashMap<Lane, VecDeque<Job<O>>>>);

impl<O: Operation> Default for Lanes<O> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// Whether a lane has a task.
enum Attendance {
    Attended,
    Unattended,
}

impl<O: Operation> Lanes<O> {
    fn queues(&self) -> MutexGuard<'_, HashMap<Lane, VecDeque<Job<O>>>> {
        // Nothing in here panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(&self, lane: Lane, job: Job<O>) -> Attendance {
        let mut queues = self.queues();
        if let Some(queue) = queues.get_mut(&lane) {
            queue.push_back(job);
            return Attendance::Attended;
        }
        queues.insert(lane, VecDeque::from([job]));
        Attendance::Unattended
    }

    /// Those who go next. With none, the lane is gone.
    fn next(&self, lane: Lane) -> Option<Vec<Job<O>>> {
        let mut queues = self.queues();
        let queue = queues.get_mut(&lane)?;
        let mut next = Vec::new();
        while next.len() < MOST_TOGETHER {
            let Some(job) =
                queue.pop_front_if(|job| job.is_left() || job.operation.goes_with(&next))
            else {
                break;
            };
            if !job.is_left() {
                next.push(job);
            }
        }
        if next.is_empty() {
            queues.remove(&lane);
            return None;
        }
        Some(next)
    }

    /// Makes room of those that nobody awaits any more.
    fn forget_left(&self) {
        for queue in self.queues().values_mut() {
            queue.retain(|job| !job.is_left());
        }
    }
}

impl<O: Operation> Job<O> {
    fn is_left(&self) -> bool {
        self.tell.is_closed()
    }
}

/// Has an operation done, in its turn, within the deadline.
pub(super) async fn ask<O: Operation>(
    engine: Arc<Engine>,
    lane: Lane,
    operation: O,
) -> Result<O::Answer, StoreError> {
    let Ok(runtime) = Handle::try_current() else {
        let fault = StoreError::new(StoreErrorKind::Internal);
        return Err(fault.with_detail("PostgreSQL needs a tokio runtime, and there is none here"));
    };
    let waiting = match engine.wait(O::URGENCY) {
        Some(waiting) => waiting,
        None => {
            O::lanes(&engine).forget_left();
            let waiting = engine.wait(O::URGENCY);
            waiting.ok_or_else(|| engine.crowded())?
        }
    };
    let (tell, told) = oneshot::channel();
    let job = Job {
        operation,
        tell,
        _waiting: waiting,
    };
    if let Attendance::Unattended = O::lanes(&engine).join(lane, job) {
        let attendant = Attendant::<O> {
            engine: Arc::clone(&engine),
            lane,
            shift: Shift::Begun,
            _of: std::marker::PhantomData,
        };
        // Detached on purpose: it ends with the last of its lane, and whoever waits is told.
        drop(runtime.spawn(attendant.run()));
    }
    match tokio::time::timeout(engine.deadline, told).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => {
            let fault = StoreError::new(StoreErrorKind::Unavailable);
            Err(fault.with_detail("the task that asks PostgreSQL ended early"))
        }
        Err(_) => Err(engine.timed_out(O::NAME)),
    }
}

/// The task of a lane: it goes on until nobody waits there.
struct Attendant<O: Operation> {
    engine: Arc<Engine>,
    lane: Lane,
    shift: Shift,
    _of: std::marker::PhantomData<fn() -> O>,
}

#[derive(PartialEq, Eq)]
enum Shift {
    Begun,
    Ended,
}

impl<O: Operation> Attendant<O> {
    async fn run(mut self) {
        loop {
            // First, so that all who come until then go along.
            let place = self.engine.pool.place(O::URGENCY).await;
            let Some(jobs) = O::lanes(&self.engine).next(self.lane) else {
                break;
            };
            self.serve(place, jobs).await;
        }
        self.shift = Shift::Ended;
    }

    async fn serve(&self, place: Place, jobs: Vec<Job<O>>) {
        let (operations, tell): (Vec<O>, Vec<_>) = jobs
            .into_iter()
            .map(|job| (job.operation, job.tell))
            .unzip();
        self.engine.counts.grouped(operations.len());
        let error = match self.engine.call_together(place, &operations).await {
            Ok(answers) => {
                for (tell, answer) in tell.into_iter().zip(answers) {
                    self.answer(tell, answer);
                }
                return;
            }
            Err(error) => error,
        };
        let is_shared = operations.len() == 1 || error.kind().is_transient();
        for (operation, tell) in operations.iter().zip(tell) {
            let answer = if is_shared {
                Err(again(&error))
            } else {
                // One of them may be at fault, and the others not.
                self.alone(operation).await
            };
            self.answer(tell, answer);
        }
    }

    async fn alone(&self, operation: &O) -> Result<O::Answer, StoreError> {
        let place = self.engine.pool.place(O::URGENCY).await;
        let alone = std::slice::from_ref(operation);
        let mut answers = self.engine.call_together(place, alone).await?;
        answers
            .pop()
            .unwrap_or_else(|| Err(StoreError::new(StoreErrorKind::Internal)))
    }

    fn answer(
        &self,
        tell: oneshot::Sender<Result<O::Answer, StoreError>>,
        answer: Result<O::Answer, StoreError>,
    ) {
        if let Err(Ok(unheard)) = tell.send(answer) {
            O::unheard(&self.engine, unheard);
        }
    }
}

impl<O: Operation> Drop for Attendant<O> {
    fn drop(&mut self) {
        if self.shift == Shift::Begun {
            // A runtime that ends takes the task along. Whoever waits is told, and the next has a task of
            // its own.
            let gone = O::lanes(&self.engine).queues().remove(&self.lane);
            drop(gone);
        }
    }
}

/// The same fault, for another who asked.
fn again(error: &StoreError) -> StoreError {
    let same = StoreError::new(error.kind());
    match error.detail() {
        Some(detail) => same.with_detail(detail.to_owned()),
        None => same,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_have_one_lane_in_whatever_order_and_however_often() {
        let signs = Signs::default();
        let lane = |subjects: &[&'static str]| signs.lane(subjects.iter().copied());
        assert_eq!(lane(&["a", "b"]), lane(&["b", "a", "b"]));
        assert_ne!(lane(&["a", "b"]), lane(&["ab"]));
        assert_ne!(lane(&["a"]), lane(&["b"]));
        assert_eq!(Lane::from_bytes(lane(&["a"]).to_bytes()), lane(&["a"]));
    }
}
