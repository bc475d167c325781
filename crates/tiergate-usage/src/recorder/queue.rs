//! What waits for the thread of the journal. Its lock is held for moments only, never over I/O.

use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use super::RecordError;
use crate::journal::{Most, Portion};

/// Something to be done in the order it came.
#[derive(Debug)]
pub(super) enum Entry {
    Record(Pending),
    /// Says how far the journal goes once everything before it is written.
    Mark(oneshot::Sender<u64>),
}

/// A record that waits to be written.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) payload: Vec<u8>,
    pub(super) reply: oneshot::Sender<Result<(), RecordError>>,
}

impl AsRef<[u8]> for Pending {
    fn as_ref(&self) -> &[u8] {
        &self.payload
    }
}

/// Something that the one who delivers wants of the journal. There is one at a time.
#[derive(Debug)]
pub(super) enum Request {
    Read {
        from: u64,
        most: Most,
        reply: oneshot::Sender<io::Result<Portion>>,
    },
    Reject {
        lines: Vec<u8>,
        reply: oneshot::Sender<io::Result<()>>,
    },
    Settle {
        end: u64,
        reply: oneshot::Sender<()>,
    },
}

/// Which way a recorder goes, from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Open,
    /// No record is taken any more.
    Refusing,
    /// The thread writes what waits, and ends.
    Closing,
    /// The thread has ended.
    Ended,
}

/// What the thread wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Everything,
    /// The disk fails: entries wait.
    Requests,
}

/// What the thread takes. It brings this back empty, so that nothing is allocated anew.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) entries: Vec<Entry>,
    pub(super) requests: Vec<Request>,
}

/// Whether a refusal is the first of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Episode {
    Begins,
    GoesOn,
}

/// Why an entry was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Full(Episode),
    /// The journal takes no more.
    NoRoom,
    ShutDown,
}

/// Whether the journal takes more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Some,
    None,
}

#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    most: usize,
    ended: Notify,
}

#[derive(Debug)]
struct State {
    work: Work,
    /// Records in `work`.
    waiting: usize,
    /// Records that the thread has taken and not finished.
    taken: usize,
    phase: Phase,
    thread: Thread,
    refusing: Episode,
    room: Room,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thread {
    Works,
    /// Until there is something that it wants.
    Sleeps(Wanted),
}

impl Queue {
    /// A queue of at most so many records, those included that are being written.
    pub(super) fn of(most: usize) -> Self {
        Self {
            state: Mutex::new(State {
                work: Work::default(),
                waiting: 0,
                taken: 0,
                phase: Phase::Open,
                thread: Thread::Works,
                refusing: Episode::Begins,
                room: Room::Some,
            }),
            wake: Condvar::new(),
            most,
            ended: Notify::new(),
        }
    }

    pub(super) fn record(&self, pending: Pending) -> Result<(), Refusal> {
        let mut state = self.state();
        if state.phase != Phase::Open {
            return Err(Refusal::ShutDown);
        }
        if state.room == Room::None {
            return Err(Refusal::NoRoom);
        }
        if state.held() >= self.most {
            let refusal = Refusal::Full(state.refusing);
            state.refusing = Episode::GoesOn;
            return Err(refusal);
        }
        state.work.entries.push(Entry::Record(pending));
        state.waiting = state.waiting.saturating_add(1);
        self.wake(state);
        Ok(())
    }

    /// Puts a mark behind the records. If the thread has ended, nobody will answer.
    pub(super) fn mark(&self, reply: oneshot::Sender<u64>) {
        let mut state = self.state();
        if state.phase < Phase::Closing {
            state.work.entries.push(Entry::Mark(reply));
            self.wake(state);
        }
    }

    /// Asks for something. If the thread has ended, nobody will answer.
    pub(super) fn request(&self, request: Request) {
        let mut state = self.state();
        if state.phase < Phase::Closing {
            state.work.requests.push(request);
            self.wake(state);
        }
    }

    /// Goes on to a phase, if it is not there yet.
    pub(super) fn go_on_to(&self, phase: Phase) {
        let mut state = self.state();
        state.phase = state.phase.max(phase);
        if phase == Phase::Ended {
            state.work = Work::default();
            state.waiting = 0;
            state.taken = 0;
        }
        self.wake(state);
        if phase == Phase::Ended {
            self.ended.notify_waiters();
        }
    }

    /// Waits until the thread has ended.
    pub(super) async fn ended(&self) {
        loop {
            // Before the phase is looked at, or its end could be missed.
            let ended = self.ended.notified();
            if self.state().phase == Phase::Ended {
                return;
            }
            ended.await;
        }
    }

    /// Says whether the journal takes more.
    pub(super) fn set_room(&self, room: Room) {
        self.state().room = room;
    }

    /// Frees the places of so many records that were taken. Before anybody is told what became of them:
    /// whoever is told finds room.
    pub(super) fn finish(&self, records: usize) {
        let mut state = self.state();
        state.taken = state.taken.saturating_sub(records);
    }

    /// How many records are held in memory here.
    pub(super) fn held(&self) -> usize {
        self.state().held()
    }

    /// Waits until there is something to do, at most so long, and takes it. What was taken before is
    /// finished. Once the recorder closes everything is taken.
    pub(super) fn take(
        &self,
        wanted: Wanted,
        patience: Option<Duration>,
        work: &mut Work,
    ) -> Phase {
        let mut state = self.state();
        state.taken = 0;
        if !state.has(wanted) {
            state.thread = Thread::Sleeps(wanted);
            state = match patience {
                None => self
                    .wake
                    .wait_while(state, |state| !state.has(wanted))
                    .unwrap_or_else(PoisonError::into_inner),
                Some(patience) => {
                    self.wake
                        .wait_timeout_while(state, patience, |state| !state.has(wanted))
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
            state.thread = Thread::Works;
        }
        std::mem::swap(&mut state.work.requests, &mut work.requests);
        if wanted == Wanted::Everything || state.phase == Phase::Closing {
            if state.waiting <= self.most / 2 {
                state.refusing = Episode::Begins;
            }
            std::mem::swap(&mut state.work.entries, &mut work.entries);
            state.taken = state.waiting;
            state.waiting = 0;
        }
        state.phase
    }

    fn wake(&self, mut state: MutexGuard<'_, State>) {
        if let Thread::Sleeps(wanted) = state.thread
            && state.has(wanted)
        {
            state.thread = Thread::Works;
            drop(state);
            self.wake.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn held(&self) -> usize {
        self.waiting.saturating_add(self.taken)
    }

    fn has(&self, wanted: Wanted) -> bool {
        let entries = wanted == Wanted::Everything && !self.work.entries.is_empty();
        entries || !self.work.requests.is_empty() || self.phase >= Phase::Closing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending() -> Pending {
        let (reply, _) = oneshot::channel();
        Pending {
            payload: vec![1],
            reply,
        }
    }

    #[test]
    fn records_that_are_being_written_count_towards_the_bound() {
        let queue = Queue::of(4);
        let mut work = Work::default();
        for _ in 0..3 {
            assert_eq!(queue.record(pending()), Ok(()));
        }
        queue.take(Wanted::Everything, None, &mut work);
        assert_eq!((work.entries.len(), queue.held()), (3, 3));
        assert_eq!(queue.record(pending()), Ok(()));
        assert_eq!(queue.record(pending()), Err(Refusal::Full(Episode::Begins)));
        assert_eq!(queue.record(pending()), Err(Refusal::Full(Episode::GoesOn)));
        work.entries.clear();
        queue.take(Wanted::Everything, None, &mut work);
        assert_eq!((work.entries.len(), queue.held()), (1, 1));
    }

    #[test]
    fn an_episode_of_refusals_ends_when_the_queue_has_room_again() {
        let queue = Queue::of(2);
        let mut work = Work::default();
        let fill = || {
            queue.record(pending()).unwrap();
            queue.record(pending()).unwrap();
            queue.record(pending()).unwrap_err()
        };
        assert_eq!(fill(), Refusal::Full(Episode::Begins));
        queue.take(Wanted::Everything, None, &mut work);
        work.entries.clear();
        queue.take(Wanted::Requests, Some(Duration::ZERO), &mut work);
        // It was full until then.
        assert_eq!(fill(), Refusal::Full(Episode::GoesOn));
        queue.take(Wanted::Everything, None, &mut work);
        work.entries.clear();
        queue.take(Wanted::Everything, Some(Duration::ZERO), &mut work);
        assert_eq!(fill(), Refusal::Full(Episode::Begins));
    }

    #[test]
    fn a_thread_that_wants_requests_only_is_not_lost_to_records() {
        let queue = std::sync::Arc::new(Queue::of(9));
        let thread = {
            let queue = std::sync::Arc::clone(&queue);
            std::thread::spawn(move || {
                let mut work = Work::default();
                queue.take(Wanted::Requests, None, &mut work);
                work.requests.len()
            })
        };
        while queue.state().thread == Thread::Works {
            std::thread::yield_now();
        }
        queue.record(pending()).unwrap();
        let (reply, _answer) = oneshot::channel();
        queue.request(Request::Settle { end: 1, reply });
        assert_eq!(thread.join().unwrap(), 1);
    }

    #[test]
    fn entries_wait_while_the_disk_fails_and_are_taken_when_all_ends() {
        let queue = Queue::of(2);
        let mut work = Work::default();
        queue.record(pending()).unwrap();
        let phase = queue.take(Wanted::Requests, Some(Duration::ZERO), &mut work);
        assert_eq!((phase, work.entries.len()), (Phase::Open, 0));
        queue.go_on_to(Phase::Closing);
        let phase = queue.take(Wanted::Requests, None, &mut work);
        assert_eq!((phase, work.entries.len()), (Phase::Closing, 1));
        assert_eq!(queue.record(pending()), Err(Refusal::ShutDown));
    }
}
