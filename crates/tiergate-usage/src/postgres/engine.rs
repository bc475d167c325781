//! One call: within its time, and made again where that helps.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgRow;

use crate::{StoreError, StoreErrorKind};

use super::bound::{Bound, Waiting};
use super::fault::{Fault, Remedy, not_understood};
use super::lanes::{Lanes, Operation, Signs};
use super::moment::{Moment, Time};
use super::pool::{PgQuery, Place, Pool};
use super::schema::Statements;
use super::statistics::{Counts, PostgresStatistics};
use super::{reserve, settle};
use crate::urgency::{MOST_ENDING, Urgency};

/// How often a call is made again that was in the way of another.
const MOST_REPEATS: u32 = 4;

/// The longest pause before that.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// What happens if a call is made twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Twice {
    /// It counts once: it is known by its id, or changes nothing.
    CountsOnce,
    /// It counts twice.
    CountsTwice,
}

/// What all calls of a store need.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) pool: Pool,
    pub(super) statements: Statements,
    pub(super) deadline: Duration,
    pub(super) counts: Counts,
    pub(super) signs: Signs,
    pub(super) reserves: Lanes<reserve::Asked>,
    pub(super) settlements: Lanes<settle::Asked>,
    time: Time,
    beginning: Arc<Bound>,
    ending: Arc<Bound>,
}

impl Engine {
    pub(super) fn new(
        pool: Pool,
        statements: Statements,
        time: Time,
        deadline: Duration,
        most_waiting: usize,
    ) -> Self {
        Self {
            pool,
            statements,
            deadline,
            counts: Counts::default(),
            signs: Signs::default(),
            reserves: Lanes::default(),
            settlements: Lanes::default(),
            time,
            beginning: Arc::new(Bound::new(most_waiting)),
            ending: Arc::new(Bound::new(most_waiting.max(MOST_ENDING))),
        }
    }

    /// Makes the call that `ask` builds, once for each time it is made, and reads its one row.
    pub(super) async fn call(
        &self,
        operation: &'static str,
        twice: Twice,
        urgency: Urgency,
        ask: impl Fn(Moment) -> PgQuery,
    ) -> Result<PgRow, StoreError> {
        let call = async {
            let place = match self.pool.try_place() {
                Some(place) => place,
                None => {
                    let waiting = self.wait(urgency).ok_or_else(|| self.crowded())?;
                    let place = self.pool.place(urgency).await;
                    drop(waiting);
                    place
                }
            };
            self.insist(operation, twice, urgency, place, ask).await
        };
        let rows = tokio::time::timeout(self.deadline, call).await;
        let rows = rows.unwrap_or_else(|_| Err(self.timed_out(operation)))?;
        let only = rows.into_iter().next();
        only.ok_or_else(|| not_understood("no row"))
    }

    /// Makes one call for all of them, which has a connection already.
    pub(super) async fn call_together<O: Operation>(
        &self,
        place: Place,
        together: &[O],
    ) -> Result<Vec<Result<O::Answer, StoreError>>, StoreError> {
        let ask = |moment| O::query(self, together, moment);
        let call = self.insist(O::NAME, Twice::CountsOnce, O::URGENCY, place, ask);
        // Whoever asked has a deadline of their own, which began earlier: it is told there.
        let rows = tokio::time::timeout(self.deadline, call).await;
        let rows = rows.unwrap_or_else(|_| Err(self.no_answer()))?;
        if rows.len() != together.len() {
            return Err(not_understood("not as many rows as operations"));
        }
        Ok(rows.iter().map(|row| O::read(row, &self.counts)).collect())
    }

    /// A place among those who wait. None when there are as many as may.
    pub(super) fn wait(&self, urgency: Urgency) -> Option<Waiting> {
        match urgency {
            Urgency::Begins => self.beginning.begin(),
            Urgency::Ends => self.ending.begin(),
        }
    }

    /// What is told to those who may not wait.
    pub(super) fn crowded(&self) -> StoreError {
        self.counts.crowded();
        let full = StoreError::new(StoreErrorKind::Full);
        full.with_detail("too many calls wait for a connection to PostgreSQL")
    }

    /// What is told to those whose time is up.
    pub(super) fn timed_out(&self, operation: &'static str) -> StoreError {
        self.counts.timed_out(operation);
        self.no_answer()
    }

    fn no_answer(&self) -> StoreError {
        let within = self.deadline;
        let error = StoreError::new(StoreErrorKind::TimedOut);
        error.with_detail(format!("PostgreSQL gave no answer within {within:?}"))
    }

    pub(super) fn statistics(&self) -> PostgresStatistics {
        let waiting = self.beginning.waiting() + self.ending.waiting();
        self.counts
            .statistics(waiting, self.pool.in_use(), self.pool.made())
    }

    async fn insist(
        &self,
        operation: &'static str,
        twice: Twice,
        urgency: Urgency,
        place: Place,
        ask: impl Fn(Moment) -> PgQuery,
    ) -> Result<Vec<PgRow>, StoreError> {
        let mut reconnected = false;
        let mut repeats = 0;
        let mut place = place;
        loop {
            let fault = match self.attempt(twice, place, &ask).await? {
                Ok(rows) => return Ok(rows),
                Err(fault) => fault,
            };
            match fault.remedy {
                Remedy::Reconnect if !reconnected && twice == Twice::CountsOnce => {
                    reconnected = true;
                }
                Remedy::Repeat if repeats < MOST_REPEATS => {
                    // The server has taken all of it back.
                    repeats += 1;
                    tokio::time::sleep(pause(repeats)).await;
                }
                _ => return Err(fault.into_error()),
            }
            self.counts.repeated(operation, &fault);
            place = self.pool.place(urgency).await;
        }
    }

    async fn attempt(
        &self,
        twice: Twice,
        place: Place,
        ask: &impl Fn(Moment) -> PgQuery,
    ) -> Result<Result<Vec<PgRow>, Fault>, StoreError> {
        let connected = match twice {
            Twice::CountsOnce => place.connect().await,
            Twice::CountsTwice => place.connect_checked().await,
        };
        // Nothing was asked yet, and a second attempt would meet the same.
        let mut session = connected.map_err(|error| Fault::from(error).into_error())?;
        match session.fetch(ask(self.time.now())).await {
            Ok(rows) => {
                session.give_back();
                Ok(Ok(rows))
            }
            Err(error) => {
                let fault = Fault::from(error);
                if fault.remedy == Remedy::Reconnect {
                    session.discard();
                    self.pool.forget_idle();
                } else {
                    session.give_back_failed();
                }
                Ok(Err(fault))
            }
        }
    }
}

/// A pause between half of its length and all of it, so that those who met do not meet again.
fn pause(repeats: u32) -> Duration {
    let longest = LONGEST_PAUSE / MOST_REPEATS * repeats.min(MOST_REPEATS);
    let random = foldhash::fast::RandomState::default().hash_one(repeats);
    longest / 2 + longest.saturating_mul(u32::try_from(random % 500).unwrap_or(0)) / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_short_and_spread() {
        let pauses: Vec<Duration> = (0..64).map(|_| pause(MOST_REPEATS)).collect();
        assert!(
            pauses
                .iter()
                .all(|pause| (LONGEST_PAUSE / 2..=LONGEST_PAUSE).contains(pause))
        );
        assert!(pauses.iter().any(|pause| pause != &pauses[0]));
    }
}
