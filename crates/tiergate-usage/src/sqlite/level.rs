//! Reading counters, and putting them right.

use smallvec::SmallVec;

use crate::now::Now;
use crate::{
    Adjustment, CounterKey, CounterState, CounterStates, CounterWindow, Lowered, MAX_CLAIMS,
    StoreError, StoreErrorKind, Tally,
};

use super::ledger::{Keys, Ledger};
use super::operation::{Effect, Operation, Wanted};

/// Tells where counters stand.
#[derive(Debug)]
pub(super) struct Peek {
    pub(super) keys: SmallVec<[CounterKey; MAX_CLAIMS]>,
}

impl Operation for Peek {
    type Answer = CounterStates;

    const EFFECT: Effect = Effect::Reads;

    fn want(&self, wanted: &mut Wanted) {
        wanted.counters.extend(self.keys.iter().cloned());
    }

    fn run(&self, ledger: &mut Ledger, now: &Now<'_>) -> Result<CounterStates, StoreError> {
        Ok(self.keys.iter().map(|key| ledger.state(key, now)).collect())
    }
}

/// Tells what a counter is made of.
#[derive(Debug)]
pub(super) struct TakeTally {
    pub(super) key: CounterKey,
}

impl Operation for TakeTally {
    type Answer = Tally;

    const EFFECT: Effect = Effect::Reads;

    fn want(&self, wanted: &mut Wanted) {
        wanted.counters.push(self.key.clone());
    }

    fn run(&self, ledger: &mut Ledger, _: &Now<'_>) -> Result<Tally, StoreError> {
        has_tally(&self.key)?;
        let counter = ledger.counters.get(&self.key);
        Ok(counter.map_or(Tally::default(), |counter| counter.count.tally()))
    }
}

/// Changes what is committed.
#[derive(Debug)]
pub(super) struct Adjust {
    pub(super) key: CounterKey,
    pub(super) adjustment: Adjustment,
}

impl Operation for Adjust {
    type Answer = Tally;

    const EFFECT: Effect = Effect::Adds;

    fn want(&self, wanted: &mut Wanted) {
        wanted.counters.push(self.key.clone());
    }

    fn run(&self, ledger: &mut Ledger, now: &Now<'_>) -> Result<Tally, StoreError> {
        has_tally(&self.key)?;
        let is_missing = ledger.counters.get(&self.key).is_none();
        match self.adjustment {
            Adjustment::Raise(units) => {
                if is_missing {
                    ledger.make_room(1, Keys::None)?;
                }
                ledger.counter(&self.key, now).raise(units);
            }
            Adjustment::Lower(_) if is_missing => return Ok(Tally::default()),
            Adjustment::Lower(units) => drop(ledger.counter(&self.key, now).lower(units)),
        }
        Ok(ledger.counter(&self.key, now).tally())
    }
}

/// Gives back committed units of a gauge.
#[derive(Debug)]
pub(super) struct Lower {
    pub(super) key: CounterKey,
    pub(super) units: u64,
}

impl Operation for Lower {
    type Answer = Lowered;

    const EFFECT: Effect = Effect::Adds;

    fn want(&self, wanted: &mut Wanted) {
        wanted.counters.push(self.key.clone());
    }

    fn run(&self, ledger: &mut Ledger, now: &Now<'_>) -> Result<Lowered, StoreError> {
        if self.key.window() != CounterWindow::Level {
            let fault = StoreError::new(StoreErrorKind::InvalidClaims);
            return Err(fault.with_detail("only a gauge can be lowered"));
        }
        if ledger.counters.get(&self.key).is_none() {
            return Ok(Lowered::new(0, CounterState::default()));
        }
        let units = ledger.counter(&self.key, now).lower(self.units);
        Ok(Lowered::new(units, ledger.state(&self.key, now)))
    }
}

/// Tells how many rows there are, in a batch that forgets all it can.
#[derive(Debug)]
pub(super) struct CountRows;

impl Operation for CountRows {
    type Answer = u64;

    const EFFECT: Effect = Effect::Idempotent;

    fn want(&self, wanted: &mut Wanted) {
        wanted.thrift = super::operation::Thrift::Strict;
    }

    fn run(&self, ledger: &mut Ledger, _: &Now<'_>) -> Result<u64, StoreError> {
        let rows = ledger.meta.rows;
        Ok(rows
            .counters
            .saturating_add(rows.reservations)
            .saturating_add(rows.keys))
    }
}

fn has_tally(key: &CounterKey) -> Result<(), StoreError> {
    if matches!(key.window(), CounterWindow::Sliding { .. }) || key.window().is_empty() {
        let fault = StoreError::new(StoreErrorKind::InvalidClaims);
        return Err(fault.with_detail("only a quota or a gauge has a tally"));
    }
    Ok(())
}
