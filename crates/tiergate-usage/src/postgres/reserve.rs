//! Taking units: all claims or none.

use std::sync::Arc;

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgRow;

use crate::{
    Admitted, Claim, CounterState, IdempotencyKey, Refusal, Refused, Replay, ReservationId,
    Reserve, ReserveOutcome, StoreError, StoreErrorKind,
};

use super::answer::{self, text};
use super::engine::{Engine, Twice};
use super::fault::not_understood;
use super::moment::{Moment, micros};
use super::name::Name;
use super::observe;
use super::pool::PgQuery;

/// An operation, as the database is asked for it.
#[derive(Debug)]
pub(super) struct Asked {
    names: Vec<Name>,
    units: Vec<String>,
    limits: Vec<Option<String>>,
    ttl: i64,
    key: Option<IdempotencyKey>,
}

impl Asked {
    pub(super) fn new(request: Reserve<'_>) -> Result<Self, StoreError> {
        request.validate()?;
        let claims = request.claims();
        let names: Result<_, _> = claims.iter().map(|claim| Name::new(claim.key())).collect();
        let limit = |claim: &Claim| claim.limit().at_most().map(|most| most.to_string());
        Ok(Self {
            names: names?,
            units: claims
                .iter()
                .map(|claim| claim.units().to_string())
                .collect(),
            limits: claims.iter().map(limit).collect(),
            ttl: micros(request.ttl()),
            key: request.idempotency_key().cloned(),
        })
    }

    pub(super) async fn ask(self, engine: Arc<Engine>) -> Result<ReserveOutcome, StoreError> {
        // Made before anything is sent, so that a call made again is known.
        let id = new_id()?;
        let ask = |moment| self.query(&engine, &id, moment);
        let row = engine.call("reserve", Twice::CountsOnce, ask).await?;
        read(&row)
    }

    fn query(&self, engine: &Engine, id: &[u8; 16], moment: Moment) -> PgQuery {
        let each = |part: fn(&Name) -> &String| -> Vec<String> {
            self.names.iter().map(|name| part(name).clone()).collect()
        };
        let lengths: Vec<Option<i64>> = self.names.iter().map(|name| name.length).collect();
        let ends: Vec<Option<i64>> = self.names.iter().map(|name| name.ends).collect();
        sqlx::query(AssertSqlSafe(Arc::clone(&engine.statements.reserve)))
            .bind(id.to_vec())
            .bind(each(|name| &name.subject))
            .bind(each(|name| &name.feature))
            .bind(each(|name| &name.span))
            .bind(lengths)
            .bind(ends)
            .bind(self.units.clone())
            .bind(self.limits.clone())
            .bind(self.ttl)
            .bind(self.key.as_ref().map(|key| key.as_str().to_owned()))
            .bind(moment.steady)
            .bind(moment.wall)
    }
}

fn new_id() -> Result<[u8; 16], StoreError> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|error| {
        let fault = StoreError::new(StoreErrorKind::Internal);
        fault.with_detail(format!("the system gives no random numbers: {error}"))
    })?;
    Ok(id)
}

fn read(row: &PgRow) -> Result<ReserveOutcome, StoreError> {
    let outcome = text(row, 0)?;
    observe::expired(answer::number(row, 5)?);
    let replay = match &*outcome {
        "admitted" => Replay::First,
        "joined" | "repeated" => Replay::Repeated,
        "full" => return refused(row, Refusal::Full),
        "never" => return refused(row, Refusal::NeverFits),
        "conflict" => return Err(StoreError::new(StoreErrorKind::IdempotencyConflict)),
        "crowded" => {
            let full = StoreError::new(StoreErrorKind::Full);
            return Err(full.with_detail("too many retries of one operation are under way"));
        }
        other => return Err(not_understood(other)),
    };
    let id: Vec<u8> = answer::column(row, 1)?;
    let id = id
        .try_into()
        .map_err(|_| not_understood("the id of a reservation"))?;
    let id = ReservationId::from_u128(u128::from_be_bytes(id));
    Ok(ReserveOutcome::Admitted(Admitted::new(
        id,
        answer::states(row, 3)?,
        replay,
    )))
}

fn refused(row: &PgRow, reason: Refusal) -> Result<ReserveOutcome, StoreError> {
    let claim: i32 = answer::column(row, 2)?;
    let claim = usize::try_from(claim).map_err(|_| not_understood("the index of a claim"))?;
    let states = answer::states(row, 3)?;
    let state: &CounterState = states.first().ok_or_else(|| not_understood("no state"))?;
    Ok(ReserveOutcome::Refused(Refused::new(claim, reason, *state)))
}
