//! Ending a reservation.

use std::sync::Arc;

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgRow;

use crate::{ReservationId, Settlement, StoreError, StoreErrorKind};

use super::answer;
use super::engine::Engine;
use super::fault::not_understood;
use super::lanes::{self, Job, Lane, Lanes, Operation};
use super::moment::Moment;
use super::pool::PgQuery;
use super::statistics::Counts;
use crate::urgency::Urgency;

/// How a holder ends a reservation.
#[derive(Clone, Debug)]
pub(super) enum Ending {
    /// It has used so much of each claim.
    Commit(Vec<String>),
    /// It has used nothing.
    Release,
}

impl Ending {
    pub(super) fn commit(units: &[u64]) -> Self {
        Self::Commit(units.iter().map(u64::to_string).collect())
    }
}

/// The end of a reservation, as the database is asked for it.
#[derive(Debug)]
pub(super) struct Asked {
    id: [u8; 16],
    ending: Ending,
}

pub(super) async fn settle(
    engine: Arc<Engine>,
    id: ReservationId,
    ending: Ending,
) -> Result<Settlement, StoreError> {
    let id = id.as_u128().to_be_bytes();
    // The reservation was made with it. If another process made it, it is a lane like any other.
    let [a, b, c, d, ..] = id;
    let lane = Lane::from_bytes([a, b, c, d]);
    lanes::ask(engine, lane, Asked { id, ending }).await
}

impl Operation for Asked {
    type Answer = Settlement;

    const NAME: &'static str = "settle";
    const URGENCY: Urgency = Urgency::Ends;

    fn lanes(engine: &Engine) -> &Lanes<Self> {
        &engine.settlements
    }

    /// Two ends of one reservation are told apart by which is first.
    fn goes_with(&self, others: &[Job<Self>]) -> bool {
        others.iter().all(|other| other.operation.id != self.id)
    }

    fn query(engine: &Engine, together: &[Self], moment: Moment) -> PgQuery {
        let ids: Vec<Vec<u8>> = together.iter().map(|it| it.id.to_vec()).collect();
        let (mut heads, mut tails): (Vec<Option<i32>>, Vec<Option<i32>>) = (Vec::new(), Vec::new());
        let mut units: Vec<String> = Vec::new();
        for asked in together {
            match &asked.ending {
                Ending::Commit(used) => {
                    heads.push(Some(answer::position(units.len() + 1)));
                    units.extend(used.iter().cloned());
                    tails.push(Some(answer::position(units.len())));
                }
                Ending::Release => {
                    heads.push(None);
                    tails.push(None);
                }
            }
        }
        sqlx::query(AssertSqlSafe(Arc::clone(&engine.statements.settle)))
            .bind(ids)
            .bind(heads)
            .bind(tails)
            .bind(units)
            .bind(moment.steady)
            .bind(moment.wall)
    }

    fn read(row: &PgRow, counts: &Counts) -> Result<Settlement, StoreError> {
        counts.expired(answer::number(row, 1)?);
        match &*answer::text(row, 0)? {
            "settled" => Ok(Settlement::Settled),
            "before" => Ok(Settlement::AlreadySettled),
            "expired" => Ok(Settlement::Expired),
            "unknown" => Ok(Settlement::Unknown),
            "miscounted" => {
                let fault = StoreError::new(StoreErrorKind::InvalidClaims);
                Err(fault.with_detail("a commit names the units of each claim"))
            }
            other => Err(not_understood(other)),
        }
    }

    /// It is ended all the same.
    fn unheard(_engine: &Arc<Engine>, _answer: Settlement) {}
}
