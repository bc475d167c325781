//! Blocks of a rate's units, to be spent within a moment.

use std::sync::Arc;

use sqlx::AssertSqlSafe;

use crate::urgency::Urgency;
use crate::{CounterState, RateBlock, RateBlockOutcome, Refusal, StoreError};

use super::answer;
use super::engine::{Engine, Twice};
use super::fault::not_understood;
use super::moment::{duration, micros};
use super::name::Name;

/// A block, as the database is asked for it.
#[derive(Debug)]
pub(super) struct Asked {
    name: Name,
    units: String,
    limit: Option<String>,
    ahead: i64,
}

impl Asked {
    pub(super) fn new(block: RateBlock<'_>) -> Result<Self, StoreError> {
        block.validate()?;
        Ok(Self {
            name: Name::new(block.key)?,
            units: block.units.to_string(),
            limit: block.limit.at_most().map(|most| most.to_string()),
            ahead: micros(block.spend_within),
        })
    }

    pub(super) async fn ask(self, engine: Arc<Engine>) -> Result<RateBlockOutcome, StoreError> {
        let row = engine
            .call(
                "take_of_rate",
                Twice::CountsTwice,
                Urgency::Begins,
                |moment| {
                    sqlx::query(AssertSqlSafe(Arc::clone(&engine.statements.take_of_rate)))
                        .bind(self.name.subject.clone())
                        .bind(self.name.feature.clone())
                        .bind(self.name.span.clone())
                        .bind(self.name.length)
                        .bind(self.units.clone())
                        .bind(self.limit.clone())
                        .bind(self.ahead)
                        .bind(moment.steady)
                        .bind(moment.wall)
                },
            )
            .await?;
        engine.counts.expired(answer::number(&row, 3)?);
        let wait: Option<i64> = answer::column(&row, 2)?;
        let state = CounterState::new(answer::units(&row, 1)?, wait.map(duration));
        match &*answer::text(&row, 0)? {
            "granted" => Ok(RateBlockOutcome::Granted(state)),
            "full" => Ok(RateBlockOutcome::Refused(Refusal::Full, state)),
            "never" => Ok(RateBlockOutcome::Refused(Refusal::NeverFits, state)),
            other => Err(not_understood(other)),
        }
    }
}
