//! Taking units: all claims or none.

use std::sync::Arc;

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgRow;
use tokio::runtime::Handle;

use crate::{
    Admitted, Claim, CounterState, IdempotencyKey, Refusal, Refused, Replay, ReservationId,
    Reserve, ReserveOutcome, StoreError, StoreErrorKind,
};

use super::answer::{self, text};
use super::engine::Engine;
use super::fault::not_understood;
use super::lanes::{self, Job, Lane, Lanes, Operation};
use super::moment::{Moment, micros};
use super::name::Name;
use super::pool::PgQuery;
use super::settle::{Ending, settle};
use super::statistics::Counts;
use crate::urgency::Urgency;

/// An operation, as the database is asked for it.
#[derive(Debug)]
pub(super) struct Asked {
    id: [u8; 16],
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
            id: random()?,
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

    pub(super) async fn ask(mut self, engine: Arc<Engine>) -> Result<ReserveOutcome, StoreError> {
        let subjects = self.names.iter().map(|name| name.subject.as_str());
        let lane = engine.signs.lane(subjects);
        self.mark(lane);
        lanes::ask(engine, lane, self).await
    }

    /// Has the id tell the lane, by which the reservation is settled.
    fn mark(&mut self, lane: Lane) {
        for (byte, of_lane) in self.id.iter_mut().zip(lane.to_bytes()) {
            *byte = of_lane;
        }
    }
}

impl Operation for Asked {
    type Answer = ReserveOutcome;

    const NAME: &'static str = "reserve";
    const URGENCY: Urgency = Urgency::Begins;

    fn lanes(engine: &Engine) -> &Lanes<Self> {
        &engine.reserves
    }

    /// Each has an id of its own.
    fn goes_with(&self, _others: &[Job<Self>]) -> bool {
        true
    }

    fn query(engine: &Engine, together: &[Self], moment: Moment) -> PgQuery {
        let all = || together.iter().flat_map(|asked| &asked.names);
        let each = |part: fn(&Name) -> &String| -> Vec<String> {
            all().map(|name| part(name).clone()).collect()
        };
        let lengths: Vec<Option<i64>> = all().map(|name| name.length).collect();
        let ends: Vec<Option<i64>> = all().map(|name| name.ends).collect();
        let units: Vec<String> = together.iter().flat_map(|it| it.units.clone()).collect();
        let limits: Vec<_> = together.iter().flat_map(|it| it.limits.clone()).collect();
        let key = |asked: &Self| asked.key.as_ref().map(|key| key.as_str().to_owned());
        let (mut heads, mut tails) = (Vec::new(), Vec::new());
        let mut claims = 0;
        for asked in together {
            heads.push(answer::position(claims + 1));
            claims += asked.names.len();
            tails.push(answer::position(claims));
        }
        sqlx::query(AssertSqlSafe(Arc::clone(&engine.statements.reserve)))
            .bind(together.iter().map(|it| it.id.to_vec()).collect::<Vec<_>>())
            .bind(heads)
            .bind(tails)
            .bind(together.iter().map(|it| it.ttl).collect::<Vec<_>>())
            .bind(together.iter().map(key).collect::<Vec<_>>())
            .bind(each(|name| &name.subject))
            .bind(each(|name| &name.feature))
            .bind(each(|name| &name.span))
            .bind(lengths)
            .bind(ends)
            .bind(units)
            .bind(limits)
            .bind(moment.steady)
            .bind(moment.wall)
    }

    fn read(row: &PgRow, counts: &Counts) -> Result<ReserveOutcome, StoreError> {
        let outcome = text(row, 0)?;
        counts.expired(answer::number(row, 5)?);
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

    /// Whoever left was told that it failed, or will never ask: what was taken goes back.
    fn unheard(engine: &Arc<Engine>, answer: ReserveOutcome) {
        let (ReserveOutcome::Admitted(admitted), Ok(runtime)) = (answer, Handle::try_current())
        else {
            return;
        };
        let release = settle(Arc::clone(engine), admitted.id(), Ending::Release);
        // If that fails, it expires.
        drop(runtime.spawn(release));
    }
}

/// Made before anything is sent, so that a call made again is known.
fn random() -> Result<[u8; 16], StoreError> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|error| {
        let fault = StoreError::new(StoreErrorKind::Internal);
        fault.with_detail(format!("the system gives no random numbers: {error}"))
    })?;
    Ok(id)
}

fn refused(row: &PgRow, reason: Refusal) -> Result<ReserveOutcome, StoreError> {
    let claim: i32 = answer::column(row, 2)?;
    let claim = usize::try_from(claim).map_err(|_| not_understood("the index of a claim"))?;
    let states = answer::states(row, 3)?;
    let state: &CounterState = states.first().ok_or_else(|| not_understood("no state"))?;
    Ok(ReserveOutcome::Refused(Refused::new(claim, reason, *state)))
}
