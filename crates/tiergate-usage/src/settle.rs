//! Ending a reservation against a store that may be slow, or away.

use std::fmt;
use std::hash::BuildHasher;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use smallvec::SmallVec;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::{
    MAX_CLAIMS, ReservationId, Settlement, StoreError, StoreErrorKind, StoreFuture, UsageStore,
    observe::{self, EndingName},
};

/// How often the store is asked before the reservation is left to expire. A commit that is given up is an
/// answer that nobody counted, so a server that restarts, or a failover, has to fit into the pauses.
const ATTEMPTS: u32 = 12;

/// How long each attempt may take.
const ATTEMPT_DEADLINE: Duration = Duration::from_secs(5);

/// The longest pause after the first attempt; each later one is four times as long, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// The most tasks that may wait for stores at the same time. Beyond it reservations are left to
/// expire, so that a store that hangs does not fill the memory.
const MAX_TASKS: usize = 16_384;

static TASKS: AtomicUsize = AtomicUsize::new(0);

/// How a reservation ends.
#[derive(Clone, Copy)]
pub(crate) enum Ending<'a> {
    Commit(&'a [u64]),
    Release,
}

/// The same, for as long as it takes.
enum OwnEnding {
    Commit(SmallVec<[u64; MAX_CLAIMS]>),
    Release,
}

impl Ending<'_> {
    #[inline]
    fn ask(self, store: &dyn UsageStore, id: ReservationId) -> Answer {
        match self {
            Self::Commit(units) => store.commit(id, units),
            Self::Release => store.release(id),
        }
    }

    #[inline]
    fn name(self) -> EndingName {
        match self {
            Self::Commit(_) => EndingName::Commit,
            Self::Release => EndingName::Release,
        }
    }

    fn to_owned(self) -> OwnEnding {
        match self {
            Self::Commit(units) => OwnEnding::Commit(SmallVec::from_slice(units)),
            Self::Release => OwnEnding::Release,
        }
    }
}

impl OwnEnding {
    fn as_ref(&self) -> Ending<'_> {
        match self {
            Self::Commit(units) => Ending::Commit(units),
            Self::Release => Ending::Release,
        }
    }
}

type Answer = StoreFuture<Result<Settlement, StoreError>>;

/// Ends a reservation: now, or in a task.
#[inline]
pub(crate) fn settle(
    store: Arc<dyn UsageStore>,
    id: ReservationId,
    ending: Ending<'_>,
    counted: observe::OpenReservation,
) -> Settling {
    match settle_now(store, id, ending, counted) {
        Ok(result) => Settling::from(State::Done(result)),
        Err(settling) => settling,
    }
}

/// The same, for who need not keep what is known at once.
#[inline]
pub(crate) fn settle_now(
    store: Arc<dyn UsageStore>,
    id: ReservationId,
    ending: Ending<'_>,
    counted: observe::OpenReservation,
) -> Result<Result<Settlement, StoreError>, Settling> {
    // Before the store is asked, so that it is told if the store panics.
    let job = Job {
        id,
        ending: ending.name(),
        progress: Progress::Open,
        _counted: counted,
    };
    match ending.ask(&*store, id).now_or_never() {
        Ok(Err(error)) if error.kind().is_transient() => {
            let failed = StoreFuture::ready(Err(error));
            Err(settle_later(store, job, ending, failed))
        }
        Ok(answer) => Ok(job.end(answer)),
        Err(answer) => Err(settle_later(store, job, ending, answer)),
    }
}

#[cold]
fn settle_later(
    store: Arc<dyn UsageStore>,
    job: Job,
    ending: Ending<'_>,
    answer: Answer,
) -> Settling {
    let Some((runtime, permit)) = place_for_task() else {
        return Settling::from(State::Inline { answer, job });
    };
    let ending = ending.to_owned();
    let task = async move {
        let result = persist(store, job, ending, answer).await;
        drop(permit);
        result
    };
    Settling::from(State::Task(runtime.spawn(task)))
}

/// Waits in a task for an answer whose asker has left.
pub(crate) fn await_abandoned<T: Send + 'static>(
    answer: StoreFuture<T>,
    then: impl FnOnce(T) + Send + 'static,
) {
    let Some((runtime, permit)) = place_for_task() else {
        observe::abandoned();
        return;
    };
    // Detached on purpose: nobody is left to wait for it.
    drop(runtime.spawn(async move {
        match tokio::time::timeout(ATTEMPT_DEADLINE, answer).await {
            Ok(answer) => then(answer),
            Err(_) => observe::abandoned(),
        }
        drop(permit);
    }));
}

async fn persist(
    store: Arc<dyn UsageStore>,
    job: Job,
    ending: OwnEnding,
    first: Answer,
) -> Result<Settlement, StoreError> {
    let mut answer = first;
    for attempt in 1..ATTEMPTS {
        match within_deadline(answer).await {
            Err(error) if error.kind().is_transient() => {
                observe::retrying(job.id, job.ending, attempt, &error);
            }
            result => return job.end(result),
        }
        tokio::time::sleep(pause_after(attempt)).await;
        answer = ending.as_ref().ask(&*store, job.id);
    }
    let last = within_deadline(answer).await;
    job.end(last)
}

async fn within_deadline(answer: Answer) -> Result<Settlement, StoreError> {
    match tokio::time::timeout(ATTEMPT_DEADLINE, answer).await {
        Ok(result) => result,
        Err(_) => Err(StoreError::new(StoreErrorKind::TimedOut)),
    }
}

/// A pause between half of its length and all of it, so that those who failed together do not
/// return together.
fn pause_after(attempt: u32) -> Duration {
    let longest = FIRST_PAUSE.saturating_mul(4_u32.saturating_pow(attempt - 1));
    let longest = longest.min(LONGEST_PAUSE);
    let random = foldhash::fast::RandomState::default().hash_one(attempt);
    let half = longest / 2;
    half + half.saturating_mul(u32::try_from(random % 1_000).unwrap_or(0)) / 1_000
}

/// The current runtime, and the right to one more task of it.
fn place_for_task() -> Option<(Handle, Permit)> {
    let runtime = Handle::try_current().ok()?;
    let more = |tasks| (tasks < MAX_TASKS).then_some(tasks + 1);
    TASKS
        .try_update(Ordering::Relaxed, Ordering::Relaxed, more)
        .ok()?;
    Some((runtime, Permit))
}

struct Permit;

impl Drop for Permit {
    fn drop(&mut self) {
        TASKS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A reservation that is to be ended. If it is dropped before, that is told.
struct Job {
    id: ReservationId,
    ending: EndingName,
    progress: Progress,
    _counted: observe::OpenReservation,
}

#[derive(PartialEq, Eq)]
enum Progress {
    Open,
    Ended,
}

impl Job {
    #[inline]
    fn end(mut self, result: Result<Settlement, StoreError>) -> Result<Settlement, StoreError> {
        match &result {
            Ok(settlement) => observe::settled(self.id, self.ending, *settlement),
            Err(error) => observe::left_to_expire(self.id, self.ending, Some(error)),
        }
        self.progress = Progress::Ended;
        result
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if self.progress == Progress::Open {
            observe::left_to_expire(self.id, self.ending, None);
        }
    }
}

/// How ending a reservation went, once that is known.
///
/// It goes on when this is dropped, in a task of the current tokio runtime. Without a runtime a
/// store that does not answer at once is asked while this is polled, and only once.
#[derive(Debug)]
#[must_use = "await it to learn how it went, or drop it to let it go on by itself"]
pub struct Settling {
    state: State,
}

enum State {
    Done(Result<Settlement, StoreError>),
    Task(JoinHandle<Result<Settlement, StoreError>>),
    Inline { answer: Answer, job: Job },
    Taken,
}

impl Settling {
    pub(crate) fn done() -> Self {
        Self::from(State::Done(Ok(Settlement::AlreadySettled)))
    }

    /// How it went, if that is known already.
    ///
    /// # Errors
    ///
    /// The future itself, when that is still to come.
    pub fn now_or_never(self) -> Result<Result<Settlement, StoreError>, Self> {
        match self.state {
            State::Done(result) => Ok(result),
            state => Err(Self { state }),
        }
    }

    fn from(state: State) -> Self {
        Self { state }
    }
}

impl Future for Settling {
    type Output = Result<Settlement, StoreError>;

    /// Once it has given its answer it stays pending for ever.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = match &mut self.state {
            State::Done(_) => None,
            State::Task(task) => Some(ready!(Pin::new(task).poll(cx)).unwrap_or_else(|error| {
                let ended = StoreError::new(StoreErrorKind::Internal);
                Err(ended
                    .with_detail("the settling task ended early")
                    .with_source(error))
            })),
            State::Inline { answer, .. } => Some(ready!(Pin::new(answer).poll(cx))),
            State::Taken => return Poll::Pending,
        };
        let state = std::mem::replace(&mut self.state, State::Taken);
        match (state, result) {
            (State::Done(result), _) | (State::Task(_), Some(result)) => Poll::Ready(result),
            (State::Inline { job, .. }, Some(result)) => Poll::Ready(job.end(result)),
            (State::Task(_) | State::Inline { .. } | State::Taken, _) => Poll::Pending,
        }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done(_) => "Done",
            Self::Task(_) => "Task",
            Self::Inline { .. } => "Inline",
            Self::Taken => "Taken",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_spread_over_their_upper_half() {
        for (attempt, longest) in [(1, 50), (2, 200), (3, 800), (4, 3_000), (11, 3_000)] {
            let longest = Duration::from_millis(longest);
            let pauses: Vec<Duration> = (0..64).map(|_| pause_after(attempt)).collect();
            assert!(
                pauses
                    .iter()
                    .all(|pause| (longest / 2..=longest).contains(pause))
            );
            assert!(pauses.iter().any(|pause| pause != &pauses[0]));
        }
    }
}
