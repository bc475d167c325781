//! Ending a reservation.

use std::sync::Arc;

use sqlx::AssertSqlSafe;

use crate::{ReservationId, Settlement, StoreError, StoreErrorKind};

use super::answer;
use super::engine::{Engine, Twice};
use super::fault::not_understood;
use super::observe;

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

pub(super) async fn settle(
    engine: Arc<Engine>,
    id: ReservationId,
    ending: Ending,
) -> Result<Settlement, StoreError> {
    let units = match ending {
        Ending::Commit(units) => Some(units),
        Ending::Release => None,
    };
    let row = engine
        .call("settle", Twice::CountsOnce, |moment| {
            sqlx::query(AssertSqlSafe(Arc::clone(&engine.statements.settle)))
                .bind(id.as_u128().to_be_bytes().to_vec())
                .bind(units.clone())
                .bind(moment.steady)
                .bind(moment.wall)
        })
        .await?;
    observe::expired(answer::number(&row, 1)?);
    match &*answer::text(&row, 0)? {
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
