//! Reading what the functions answer, by the position of their columns.

use sqlx::postgres::PgRow;
use sqlx::{Decode, Postgres, Row, Type};

use crate::{CounterState, CounterStates, StoreError};

use super::fault::not_understood;
use super::moment::duration;

/// What is in a column.
pub(super) fn column<'r, T>(row: &'r PgRow, column: usize) -> Result<T, StoreError>
where
    T: Decode<'r, Postgres> + Type<Postgres>,
{
    row.try_get(column)
        .map_err(|error| not_understood(&error.to_string()))
}

pub(super) fn text(row: &PgRow, index: usize) -> Result<String, StoreError> {
    column(row, index)
}

pub(super) fn number(row: &PgRow, index: usize) -> Result<i64, StoreError> {
    column(row, index)
}

/// Units, which the database tells as text: its numbers of 64 bits have a sign.
pub(super) fn units(row: &PgRow, index: usize) -> Result<u64, StoreError> {
    parse_units(&text(row, index)?)
}

/// The states of counters: the units in a column, the waits in the next.
pub(super) fn states(row: &PgRow, index: usize) -> Result<CounterStates, StoreError> {
    let used: Vec<String> = column(row, index)?;
    let waits: Vec<Option<i64>> = column(row, index + 1)?;
    if used.len() != waits.len() {
        return Err(not_understood("as many waits as states"));
    }
    used.iter()
        .zip(waits)
        .map(|(used, wait)| Ok(CounterState::new(parse_units(used)?, wait.map(duration))))
        .collect()
}

/// A position in an array of the database, which begins with 1. An operation has few claims, and few go
/// together.
pub(super) fn position(position: usize) -> i32 {
    i32::try_from(position).unwrap_or(i32::MAX)
}

fn parse_units(text: &str) -> Result<u64, StoreError> {
    text.parse()
        .map_err(|_| not_understood("a number of units"))
}
