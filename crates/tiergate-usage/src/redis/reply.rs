//! What a script answered.

use std::time::Duration;

use redis::Value;
use tiergate_core::time::Timestamp;

use crate::{CounterState, CounterWindow, StoreError, StoreErrorKind};

/// What came of a call, and what the script told about it.
#[derive(Debug)]
pub(super) struct Reply {
    status: String,
    /// How many reservations and leases expired in passing.
    pub(super) expired: u64,
    wall: Timestamp,
    rest: Parts,
}

/// Values that are taken one by one. Each fails if it is not there, or not of its kind.
#[derive(Debug)]
pub(super) struct Parts(std::vec::IntoIter<Value>);

/// A state without what only the end of a window can tell.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawState {
    used: u64,
    wait: Option<Duration>,
}

impl Reply {
    pub(super) fn read(value: Value) -> Result<Self, StoreError> {
        let mut rest = Parts::of(value)?;
        Ok(Self {
            status: rest.text()?,
            expired: rest.number()?,
            wall: Timestamp::from_micros(rest.signed()?),
            rest,
        })
    }

    pub(super) fn status(&self) -> &str {
        &self.status
    }

    pub(super) fn parts(&mut self) -> &mut Parts {
        &mut self.rest
    }

    /// A counter's state, where time alone may change it.
    pub(super) fn state(&self, raw: RawState, window: CounterWindow) -> CounterState {
        let wait = match window {
            CounterWindow::Fixed { end, .. } => Some(end.duration_since(self.wall)),
            CounterWindow::Level => None,
            CounterWindow::Sliding { .. } => raw.wait,
        };
        CounterState::new(raw.used, wait)
    }

    /// The fault of an answer that this does not know.
    pub(super) fn unexpected(&self) -> StoreError {
        not_understood(&format!("the status {:?}", self.status))
    }
}

impl RawState {
    /// The state of a counter for which waiting never helps.
    pub(super) fn without_wait(self) -> CounterState {
        CounterState::new(self.used, None)
    }
}

impl Parts {
    fn of(value: Value) -> Result<Self, StoreError> {
        match value {
            Value::Array(values) => Ok(Self(values.into_iter())),
            other => Err(not_understood(kind_of(&other))),
        }
    }

    fn next(&mut self) -> Result<Value, StoreError> {
        self.0.next().ok_or_else(|| not_understood("too little"))
    }

    fn signed(&mut self) -> Result<i64, StoreError> {
        match self.next()? {
            Value::Int(number) => Ok(number),
            other => Err(not_understood(kind_of(&other))),
        }
    }

    pub(super) fn number(&mut self) -> Result<u64, StoreError> {
        u64::try_from(self.signed()?).map_err(|_| not_understood("a number below zero"))
    }

    pub(super) fn text(&mut self) -> Result<String, StoreError> {
        match self.next()? {
            Value::BulkString(bytes) => {
                String::from_utf8(bytes).map_err(|_| not_understood("a text that is not UTF-8"))
            }
            other => Err(not_understood(kind_of(&other))),
        }
    }

    /// Units, by their high and their low half.
    pub(super) fn units(&mut self) -> Result<u64, StoreError> {
        let half = |number| u32::try_from(number).map_err(|_| not_understood("half a number"));
        let (high, low) = (half(self.number()?)?, half(self.number()?)?);
        Ok(u64::from(high) << 32 | u64::from(low))
    }

    pub(super) fn list(&mut self) -> Result<Self, StoreError> {
        Self::of(self.next()?)
    }

    pub(super) fn state(&mut self) -> Result<RawState, StoreError> {
        let mut parts = self.list()?;
        let used = parts.units()?;
        let wait = match parts.0.next() {
            // A list in Lua ends before its last nothing, and keeps a false.
            None | Some(Value::Nil) => None,
            Some(Value::Int(micros)) => {
                Some(Duration::from_micros(u64::try_from(micros).unwrap_or(0)))
            }
            Some(other) => return Err(not_understood(kind_of(&other))),
        };
        Ok(RawState { used, wait })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.as_slice().is_empty()
    }
}

fn not_understood(what: &str) -> StoreError {
    let error = StoreError::new(StoreErrorKind::Internal);
    error.with_detail(format!("Redis answered {what}, which no script does"))
}

/// What a value is, without what is in it.
fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Nil => "nothing",
        Value::Int(_) => "a number",
        Value::BulkString(_) | Value::SimpleString(_) => "a text",
        Value::Array(_) => "a list",
        _ => "something else",
    }
}
