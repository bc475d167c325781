//! Reading counters, and putting them right.

use std::sync::Arc;

use sqlx::AssertSqlSafe;

use crate::{
    Adjustment, CounterKey, CounterState, CounterStates, CounterWindow, Lowered, StoreError,
    StoreErrorKind, Tally,
};

use super::answer;
use super::engine::{Engine, Twice};
use super::name::Name;
use crate::urgency::Urgency;

/// How many rows of each table a sweep looks at in one call, so that it holds nobody up for long.
const SWEPT_AT_ONCE: i32 = 200;

pub(super) fn names(keys: &[CounterKey]) -> Result<Vec<Name>, StoreError> {
    keys.iter().map(Name::new).collect()
}

/// The name of a counter that has a tally.
pub(super) fn tallied(key: &CounterKey) -> Result<Name, StoreError> {
    if matches!(key.window(), CounterWindow::Sliding { .. }) || key.window().is_empty() {
        let fault = StoreError::new(StoreErrorKind::InvalidClaims);
        return Err(fault.with_detail("only a quota or a gauge has a tally"));
    }
    Name::new(key)
}

/// The name of a gauge.
pub(super) fn gauge(key: &CounterKey) -> Result<Name, StoreError> {
    if key.window() == CounterWindow::Level {
        return Name::new(key);
    }
    let fault = StoreError::new(StoreErrorKind::InvalidClaims);
    Err(fault.with_detail("only a gauge can be lowered"))
}

pub(super) async fn peek(
    engine: Arc<Engine>,
    names: Vec<Name>,
) -> Result<CounterStates, StoreError> {
    if names.is_empty() {
        return Ok(CounterStates::new());
    }
    let each = |part: fn(&Name) -> &String| -> Vec<String> {
        names.iter().map(|name| part(name).clone()).collect()
    };
    let ends: Vec<Option<i64>> = names.iter().map(|name| name.ends).collect();
    let row = engine
        .call("peek", Twice::CountsOnce, Urgency::Begins, |moment| {
            sqlx::query(AssertSqlSafe(Arc::clone(&engine.statements.peek)))
                .bind(each(|name| &name.subject))
                .bind(each(|name| &name.feature))
                .bind(each(|name| &name.span))
                .bind(ends.clone())
                .bind(moment.steady)
                .bind(moment.wall)
        })
        .await?;
    answer::states(&row, 0)
}

pub(super) async fn tally(engine: Arc<Engine>, name: Name) -> Result<Tally, StoreError> {
    let row = engine
        .call("tally", Twice::CountsOnce, Urgency::Begins, |moment| {
            sqlx::query(AssertSqlSafe(Arc::clone(&engine.statements.tally)))
                .bind(name.subject.clone())
                .bind(name.feature.clone())
                .bind(name.span.clone())
                .bind(moment.steady)
        })
        .await?;
    Ok(Tally::new(answer::units(&row, 0)?, answer::units(&row, 1)?))
}

/// What an adjustment came to.
#[derive(Debug)]
pub(super) struct Adjusted {
    pub(super) lowered: Lowered,
    pub(super) tally: Tally,
}

pub(super) async fn adjust(
    engine: Arc<Engine>,
    name: Name,
    adjustment: Adjustment,
) -> Result<Adjusted, StoreError> {
    let change = match adjustment {
        Adjustment::Raise(units) => units.to_string(),
        Adjustment::Lower(units) => format!("-{units}"),
    };
    let row = engine
        .call("adjust", Twice::CountsTwice, Urgency::Ends, |moment| {
            sqlx::query(AssertSqlSafe(Arc::clone(&engine.statements.adjust)))
                .bind(name.subject.clone())
                .bind(name.feature.clone())
                .bind(name.span.clone())
                .bind(name.ends)
                .bind(change.clone())
                .bind(moment.steady)
                .bind(moment.wall)
        })
        .await?;
    engine.counts.expired(answer::number(&row, 4)?);
    let state = CounterState::new(answer::units(&row, 3)?, None);
    Ok(Adjusted {
        lowered: Lowered::new(answer::units(&row, 0)?, state),
        tally: Tally::new(answer::units(&row, 1)?, answer::units(&row, 2)?),
    })
}

/// Removes what is over until nothing is left of it. Tells how many rows went or were looked at.
pub(super) async fn sweep(engine: Arc<Engine>) -> Result<u64, StoreError> {
    let mut swept = 0_u64;
    loop {
        let row = engine
            .call("sweep", Twice::CountsOnce, Urgency::Begins, |moment| {
                sqlx::query(AssertSqlSafe(Arc::clone(&engine.statements.sweep)))
                    .bind(SWEPT_AT_ONCE)
                    .bind(moment.steady)
                    .bind(moment.wall)
            })
            .await?;
        let done = u64::try_from(answer::number(&row, 0)?).unwrap_or(0);
        swept = swept.saturating_add(done);
        if done == 0 {
            return Ok(swept);
        }
    }
}
