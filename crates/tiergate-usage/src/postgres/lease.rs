//! Blocks of units.

use std::sync::Arc;

use sqlx::AssertSqlSafe;

use crate::{
    CounterState, Lease, LeaseEnd, LeaseExtension, LeaseId, LeaseOutcome, Refusal, StoreError,
    StoreErrorKind,
};

use super::answer;
use super::engine::{Engine, Twice};
use super::fault::not_understood;
use super::moment::{duration, micros};
use super::name::Name;
use crate::urgency::Urgency;

/// A block of units, as the database is asked for it.
#[derive(Debug)]
pub(super) struct Asked {
    id: Vec<u8>,
    name: Name,
    units: String,
    kept: String,
    limit: Option<String>,
    ttl: i64,
}

impl Asked {
    pub(super) fn new(lease: Lease<'_>) -> Result<Self, StoreError> {
        lease.validate()?;
        Ok(Self {
            id: bytes(lease.id),
            name: Name::new(lease.key)?,
            units: lease.units.to_string(),
            kept: lease.kept.to_string(),
            limit: lease.limit.at_most().map(|most| most.to_string()),
            ttl: micros(lease.ttl),
        })
    }

    pub(super) async fn ask(self, engine: Arc<Engine>) -> Result<LeaseOutcome, StoreError> {
        let row = engine
            .call("lease", Twice::CountsOnce, Urgency::Begins, |moment| {
                sqlx::query(AssertSqlSafe(Arc::clone(&engine.statements.lease)))
                    .bind(self.id.clone())
                    .bind(self.name.subject.clone())
                    .bind(self.name.feature.clone())
                    .bind(self.name.span.clone())
                    .bind(self.name.ends)
                    .bind(self.units.clone())
                    .bind(self.kept.clone())
                    .bind(self.limit.clone())
                    .bind(self.ttl)
                    .bind(moment.steady)
                    .bind(moment.wall)
            })
            .await?;
        engine.counts.expired(answer::number(&row, 3)?);
        let wait: Option<i64> = answer::column(&row, 2)?;
        let state = CounterState::new(answer::units(&row, 1)?, wait.map(duration));
        match &*answer::text(&row, 0)? {
            "granted" => Ok(LeaseOutcome::Granted(state)),
            "full" => Ok(LeaseOutcome::Refused(Refusal::Full, state)),
            "never" => Ok(LeaseOutcome::Refused(Refusal::NeverFits, state)),
            "over" => Ok(LeaseOutcome::Over),
            "foreign" => {
                let fault = StoreError::new(StoreErrorKind::InvalidClaims);
                Err(fault.with_detail("the id names a lease of another counter"))
            }
            other => Err(not_understood(other)),
        }
    }
}

pub(super) async fn extend(
    engine: Arc<Engine>,
    name: Name,
    id: LeaseId,
    kept: u64,
    ttl: i64,
) -> Result<LeaseExtension, StoreError> {
    let row = engine
        .call("extend", Twice::CountsOnce, Urgency::Ends, |moment| {
            sqlx::query(AssertSqlSafe(Arc::clone(&engine.statements.extend)))
                .bind(bytes(id))
                .bind(name.subject.clone())
                .bind(name.feature.clone())
                .bind(name.span.clone())
                .bind(kept.to_string())
                .bind(ttl)
                .bind(moment.steady)
                .bind(moment.wall)
        })
        .await?;
    engine.counts.expired(answer::number(&row, 1)?);
    match &*answer::text(&row, 0)? {
        "extended" => Ok(LeaseExtension::Extended),
        "expired" => Ok(LeaseExtension::Expired),
        "ended" => Ok(LeaseExtension::Ended),
        "unknown" => Ok(LeaseExtension::Unknown),
        "senseless" => {
            let fault = StoreError::new(StoreErrorKind::InvalidClaims);
            Err(fault.with_detail("a lease keeps no more than its units, for some time"))
        }
        other => Err(not_understood(other)),
    }
}

pub(super) async fn end(
    engine: Arc<Engine>,
    name: Name,
    id: LeaseId,
    used: u64,
) -> Result<LeaseEnd, StoreError> {
    let row = engine
        .call("end", Twice::CountsOnce, Urgency::Ends, |moment| {
            sqlx::query(AssertSqlSafe(Arc::clone(&engine.statements.end_lease)))
                .bind(bytes(id))
                .bind(name.subject.clone())
                .bind(name.feature.clone())
                .bind(name.span.clone())
                .bind(name.ends)
                .bind(used.to_string())
                .bind(moment.steady)
                .bind(moment.wall)
        })
        .await?;
    engine.counts.expired(answer::number(&row, 1)?);
    match &*answer::text(&row, 0)? {
        "ended" => Ok(LeaseEnd::Ended),
        "corrected" => Ok(LeaseEnd::Corrected),
        "before" => Ok(LeaseEnd::AlreadyEnded),
        "unknown" => Ok(LeaseEnd::Unknown),
        other => Err(not_understood(other)),
    }
}

fn bytes(id: LeaseId) -> Vec<u8> {
    id.as_u128().to_be_bytes().to_vec()
}
