//! One lookup, in a task of its own.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use tiergate_core::Subject;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;

use super::Shared;
use super::board::{Flight, Landed};
use super::entry::Moment;
use crate::breaker::{Change, Outcome, Refused};
use crate::jitter::Dice;
use crate::{Answer, LookupError, LookupErrorKind, events};

/// What a flight needs to take off.
pub(super) struct Pass {
    runtime: Handle,
    permit: Option<OwnedSemaphorePermit>,
    _place: Place,
}

/// One of the places among the flights under way and waiting.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Lands the flight when its task ends, in whatever way it ends.
struct Pilot {
    shared: Arc<Shared>,
    subject: Subject,
    flight: Flight,
    answer: Answer,
}

impl Pilot {
    fn bring(mut self, answer: Answer) {
        self.answer = answer;
    }
}

impl Drop for Pilot {
    fn drop(&mut self) {
        let answer = self.answer.clone();
        self.shared.counters.answered(&answer);
        let landed = self.shared.board.land(
            &self.subject,
            self.flight,
            answer,
            Moment::of(&*self.shared.clock),
            Dice::roll(),
        );
        events::entries(self.shared.board.store().len());
        if landed == Landed::Overtaken {
            self.shared.counters.discarded.increment();
            events::answer_discarded(&self.subject);
        }
    }
}

impl Shared {
    /// Whether a flight that somebody waits for may take off; it waits for its turn itself.
    pub(super) fn admit(&self) -> Result<Pass, LookupError> {
        let runtime = runtime()?;
        self.circuit_allows()?;
        let limit = self
            .config
            .max_flights()
            .saturating_add(self.config.max_waiting_flights());
        Ok(Pass {
            runtime,
            permit: None,
            _place: self.place(limit)?,
        })
    }

    /// Whether a refresh that nobody waits for may take off: only when it need not wait.
    pub(super) fn admit_refresh(&self) -> Result<Pass, LookupError> {
        let runtime = runtime()?;
        self.circuit_allows()?;
        let permit = Arc::clone(&self.permits)
            .try_acquire_owned()
            .map_err(|_| LookupErrorKind::Overloaded)?;
        Ok(Pass {
            runtime,
            permit: Some(permit),
            _place: self.place(usize::MAX)?,
        })
    }

    /// Starts the flight in a task that no caller can cancel.
    pub(super) fn take_off(self: &Arc<Self>, subject: &Subject, flight: Flight, pass: Pass) {
        self.counters.flights.increment();
        let runtime = pass.runtime.clone();
        let pilot = Pilot {
            shared: Arc::clone(self),
            subject: subject.clone(),
            flight,
            answer: Answer::Failed(LookupErrorKind::Interrupted.into()),
        };
        runtime.spawn(async move {
            let started = pilot.shared.clock.elapsed();
            let answer = pilot.shared.fly(&pilot.subject, pass).await;
            let took = pilot.shared.clock.elapsed().saturating_sub(started);
            events::lookup_finished(&pilot.subject, &answer, took);
            pilot.bring(answer);
        });
    }

    async fn fly(&self, subject: &Subject, pass: Pass) -> Answer {
        let mut stage = Stage::Waiting;
        let flight = AssertUnwindSafe(self.ask(subject, pass, &mut stage)).catch_unwind();
        let outcome = tokio::time::timeout(self.config.flight_deadline(), flight).await;
        let answer = match outcome {
            Ok(Ok(answer)) => answer,
            Ok(Err(_panic)) => {
                events::lookup_panicked(subject);
                Answer::Failed(LookupErrorKind::Interrupted.into())
            }
            Err(_elapsed) => Answer::Failed(match stage {
                Stage::Waiting => LookupErrorKind::Overloaded.into(),
                Stage::Asking(_) => LookupErrorKind::TimedOut.into(),
            }),
        };
        if let Stage::Asking(call) = stage {
            let outcome = match &answer {
                Answer::Found(_) | Answer::Missing => Outcome::Success,
                Answer::Failed(error) if error.is_about_the_question() => Outcome::Neutral,
                Answer::Failed(_) => Outcome::Failure,
            };
            let now = self.clock.elapsed();
            match self.breaker().record(call, outcome, now) {
                Change::None => {}
                Change::Opened => {
                    self.counters.circuit_opened.increment();
                    events::circuit_opened();
                }
                Change::Closed => events::circuit_closed(),
            }
        }
        answer
    }

    async fn ask(&self, subject: &Subject, pass: Pass, stage: &mut Stage) -> Answer {
        let _permit = match pass.permit {
            Some(permit) => permit,
            None => match Arc::clone(&self.permits).acquire_owned().await {
                Ok(permit) => permit,
                Err(_closed) => return Answer::Failed(LookupErrorKind::Interrupted.into()),
            },
        };
        // The circuit may have opened while this waited for its turn.
        let now = self.clock.elapsed();
        let admitted = self.breaker().admit(now);
        match admitted {
            Ok(call) => *stage = Stage::Asking(call),
            Err(refused) => return Answer::Failed(circuit_open(refused)),
        }
        self.lookup.lookup(subject).await
    }

    fn circuit_allows(&self) -> Result<(), LookupError> {
        let now = self.clock.elapsed();
        self.breaker().check(now).map_err(circuit_open)
    }

    fn place(&self, limit: usize) -> Result<Place, LookupError> {
        let place = Place(Arc::clone(&self.under_way));
        let before = place.0.fetch_add(1, Ordering::Relaxed);
        if before < limit {
            Ok(place)
        } else {
            Err(LookupErrorKind::Overloaded.into())
        }
    }
}

/// How far a flight has come.
enum Stage {
    Waiting,
    Asking(crate::breaker::Call),
}

fn runtime() -> Result<Handle, LookupError> {
    Handle::try_current()
        .map_err(|error| LookupError::new(LookupErrorKind::Interrupted).with_source(error))
}

fn circuit_open(refused: Refused) -> LookupError {
    // At least a moment, so that nobody is told to come back at once.
    let wait = refused.retry_after.max(Duration::from_millis(1));
    LookupError::new(LookupErrorKind::CircuitOpen).with_retry_after(wait)
}
