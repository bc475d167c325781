//! One call: within its time, and made again where that helps.

use std::hash::BuildHasher;
use std::time::Duration;

use sqlx::postgres::PgRow;

use crate::{StoreError, StoreErrorKind};

use super::fault::{Fault, Remedy};
use super::moment::{Moment, Time};
use super::observe;
use super::pool::{Crowded, PgQuery, Pool};
use super::schema::Statements;

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
    pub(super) time: Time,
    pub(super) deadline: Duration,
}

impl Engine {
    /// Makes the call that `ask` builds, once for each time it is made, and reads its one row.
    pub(super) async fn call(
        &self,
        operation: &'static str,
        twice: Twice,
        ask: impl Fn(Moment) -> PgQuery,
    ) -> Result<PgRow, StoreError> {
        let answer = tokio::time::timeout(self.deadline, self.insist(operation, twice, ask)).await;
        answer.unwrap_or_else(|_| {
            observe::timed_out(operation);
            let within = self.deadline;
            let error = StoreError::new(StoreErrorKind::TimedOut);
            Err(error.with_detail(format!("PostgreSQL gave no answer within {within:?}")))
        })
    }

    async fn insist(
        &self,
        operation: &'static str,
        twice: Twice,
        ask: impl Fn(Moment) -> PgQuery,
    ) -> Result<PgRow, StoreError> {
        let mut reconnected = false;
        let mut repeats = 0;
        loop {
            let fault = match self.attempt(twice, &ask).await? {
                Ok(row) => return Ok(row),
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
            observe::repeated(operation, &fault);
        }
    }

    async fn attempt(
        &self,
        twice: Twice,
        ask: &impl Fn(Moment) -> PgQuery,
    ) -> Result<Result<PgRow, Fault>, StoreError> {
        let place = self.pool.place().await.map_err(|Crowded| {
            observe::crowded();
            let full = StoreError::new(StoreErrorKind::Full);
            full.with_detail("too many calls wait for a connection to PostgreSQL")
        })?;
        let connected = match twice {
            Twice::CountsOnce => place.connect().await,
            Twice::CountsTwice => place.connect_checked().await,
        };
        // Nothing was asked yet, and a second attempt would meet the same.
        let mut session = connected.map_err(|error| Fault::from(error).into_error())?;
        match session.fetch(ask(self.time.now())).await {
            Ok(row) => {
                session.give_back();
                Ok(Ok(row))
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
