//! Reading the rows that a batch works on.

use std::path::Path;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use crate::count::Count;
use crate::holders::Holders;
use crate::rate::RateLog;
use crate::sums::Sums;
use crate::{CounterKey, CounterWindow, LeaseId};

use super::fault::Fault;
use super::id::OperationId;
use super::json::Json;
use super::ledger::{
    Counter, HeldLease, Ledger, Meta, Progress, Remembered, Reservation, Rows, Stage,
};
use super::name::{ScopedName, read_counter, read_held, write_counter};
use super::operation::Wanted;

/// How many reservations and leases a batch lets expire at most. When there are more, they go first, in
/// batches of their own.
const MOST_DUE: usize = 256;

/// How many idle counters a batch looks at.
const MOST_LOOKED_AT: i64 = 64;

/// What a batch is going to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    Read,
    Write,
}

/// Whether all that was due is in a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backlog {
    None,
    Some,
}

// The first number of a row says what it is: one query reads all tables. Parameters have no numbers,
// because the driver counts those that a statement leaves out.
macro_rules! load {
    ($begin:literal) => {
        concat!(
            $begin,
            "
SELECT 0, max(time, ?), writer, counters, reservations, keys FROM tiergate_usage_meta;
SELECT 1, name, committed, open, log, touched, look_at FROM tiergate_usage_counters
    WHERE name IN (SELECT unhex(value) FROM json_each(?));
SELECT 1, name, committed, open, log, touched, look_at FROM tiergate_usage_counters
    WHERE look_at <= (SELECT max(time, ?) FROM tiergate_usage_meta) ORDER BY look_at LIMIT ?;
SELECT 2, id, stage, due, holders, joined, name, held FROM tiergate_usage_reservations
    WHERE id IN (
        SELECT unhex(value) FROM json_each(?)
        UNION
        SELECT reservation FROM tiergate_usage_keys
            WHERE until IS NULL AND name IN (SELECT unhex(value) FROM json_each(?))
    );
SELECT 3, id, stage, due, holders, joined, name, held FROM tiergate_usage_reservations
    WHERE stage = 'open' AND due <= (SELECT max(time, ?) FROM tiergate_usage_meta)
    ORDER BY due LIMIT ?;
SELECT 4, name, reservation, fingerprint, until FROM tiergate_usage_keys
    WHERE name IN (SELECT unhex(value) FROM json_each(?));
SELECT 5, id, counter, units, kept, stage, due FROM tiergate_usage_leases
    WHERE id IN (SELECT unhex(value) FROM json_each(?));
SELECT 6, id, counter, units, kept, stage, due FROM tiergate_usage_leases
    WHERE stage = 'open' AND due <= (SELECT max(time, ?) FROM tiergate_usage_meta)
    ORDER BY due LIMIT ?;
"
        )
    };
}

const READ: &str = load!("BEGIN;");
const WRITE: &str = load!("BEGIN IMMEDIATE;");

const LOAD_MORE: &str = "
SELECT 1, name, committed, open, log, touched, look_at FROM tiergate_usage_counters
    WHERE name IN (SELECT unhex(value) FROM json_each(?));
SELECT 4, name, reservation, fingerprint, until FROM tiergate_usage_keys
    WHERE name IN (SELECT unhex(value) FROM json_each(?));
";

/// Begins a transaction, and reads what is wanted, what is due, and all that belongs to it.
pub(super) async fn load(
    connection: &mut SqliteConnection,
    path: &Path,
    intent: Intent,
    wanted: &Wanted,
    now: u64,
) -> Result<(Ledger, Backlog), Fault> {
    let text = match intent {
        Intent::Read => READ,
        Intent::Write => WRITE,
    };
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let keys = array(&wanted.keys, |name| name.0.clone());
    let most_due = i64::try_from(MOST_DUE).unwrap_or(i64::MAX);
    let rows = sqlx::query(text)
        .bind(now)
        .bind(array(&wanted.counters, write_counter))
        .bind(now)
        .bind(MOST_LOOKED_AT)
        .bind(array(&wanted.operations, |id| id.to_bytes().to_vec()))
        .bind(keys.clone())
        .bind(now)
        .bind(most_due)
        .bind(keys)
        .bind(array(&wanted.leases, |id| {
            id.as_u128().to_be_bytes().to_vec()
        }))
        .bind(now)
        .bind(most_due)
        .fetch_all(&mut *connection)
        .await
        .map_err(|error| Fault::of(&error, path))?;
    let mut ledger = Ledger::default();
    read(rows, &mut ledger, path)?;
    let backlog =
        if ledger.due.reservations.len() >= MOST_DUE || ledger.due.leases.len() >= MOST_DUE {
            Backlog::Some
        } else {
            Backlog::None
        };
    load_more(connection, path, &mut ledger).await?;
    Ok((ledger, backlog))
}

/// Reads what the reservations and leases of a ledger are about.
async fn load_more(
    connection: &mut SqliteConnection,
    path: &Path,
    ledger: &mut Ledger,
) -> Result<(), Fault> {
    let mut counters: Vec<CounterKey> = Vec::new();
    let mut keys: Vec<ScopedName> = Vec::new();
    for (_, reservation) in ledger.reservations.rows_mut() {
        counters.extend(reservation.held.iter().map(|held| held.key.clone()));
        keys.extend(reservation.key.clone());
    }
    let leases = ledger.leases.rows_mut();
    counters.extend(leases.map(|(_, lease)| lease.key.clone()));
    counters.retain(|key| ledger.counters.get(key).is_none());
    keys.retain(|key| ledger.keys.get(key).is_none());
    if counters.is_empty() && keys.is_empty() {
        return Ok(());
    }
    let rows = sqlx::query(LOAD_MORE)
        .bind(array(&counters, write_counter))
        .bind(array(&keys, |name| name.0.clone()))
        .fetch_all(connection)
        .await
        .map_err(|error| Fault::of(&error, path))?;
    read(rows, ledger, path)
}

fn array<T>(items: &[T], bytes: impl Fn(&T) -> Vec<u8>) -> String {
    let mut json = Json::default();
    for item in items {
        json.blob(&bytes(item));
    }
    json.into_array()
}

fn read(rows: Vec<SqliteRow>, ledger: &mut Ledger, path: &Path) -> Result<(), Fault> {
    for row in rows {
        let kind: i64 = row.try_get(0).map_err(|error| Fault::of(&error, path))?;
        let (table, known) = match kind {
            0 => ("tiergate_usage_meta", read_meta(&row, ledger)),
            1 => ("tiergate_usage_counters", read_counter_row(&row, ledger)),
            2 | 3 => (
                "tiergate_usage_reservations",
                read_reservation(&row, ledger, kind),
            ),
            4 => ("tiergate_usage_keys", read_key(&row, ledger)),
            _ => ("tiergate_usage_leases", read_lease(&row, ledger, kind)),
        };
        known.ok_or_else(|| Fault::unreadable(path, table))?;
    }
    Ok(())
}

fn read_meta(row: &SqliteRow, ledger: &mut Ledger) -> Option<()> {
    let writer = bytes(row, 2)?;
    ledger.meta = Meta {
        time: number(row, 1)?,
        writer: writer.try_into().map_or(0, u64::from_be_bytes),
        rows: Rows {
            counters: number(row, 3)?,
            reservations: number(row, 4)?,
            keys: number(row, 5)?,
        },
    };
    Some(())
}

fn read_counter_row(row: &SqliteRow, ledger: &mut Ledger) -> Option<()> {
    let key = read_counter(&bytes(row, 1)?)?;
    let count = match key.window() {
        CounterWindow::Level | CounterWindow::Fixed { .. } => Count::Sums(Sums::new(
            text(row, 2)?.parse().ok()?,
            text(row, 3)?.parse().ok()?,
        )),
        CounterWindow::Sliding { length } => {
            let log = RateLog::from_entries(length, entries(&bytes(row, 4)?)?);
            Count::Log(Box::new(log))
        }
    };
    let counter = Counter {
        count,
        touched: number(row, 5)?,
        look_at: optional_number(row, 6)?,
    };
    ledger.counters.load(key, counter);
    Some(())
}

/// The entries of a log: pairs of a moment and units, eight bytes each.
fn entries(log: &[u8]) -> Option<impl Iterator<Item = (u64, u64)>> {
    let (words, rest) = log.as_chunks::<8>();
    let (pairs, odd) = words.as_chunks::<2>();
    if !rest.is_empty() || !odd.is_empty() {
        return None;
    }
    let entry = |[at, units]: &[[u8; 8]; 2]| (u64::from_be_bytes(*at), u64::from_be_bytes(*units));
    Some(pairs.iter().map(entry))
}

fn read_reservation(row: &SqliteRow, ledger: &mut Ledger, kind: i64) -> Option<()> {
    let id = OperationId::from_bytes(&bytes(row, 1)?)?;
    let present: i64 = row.try_get(4).ok()?;
    let joined = bytes(row, 5)?;
    let (joined, rest) = joined.as_chunks::<16>();
    if !rest.is_empty() {
        return None;
    }
    let joined: Vec<OperationId> = joined
        .iter()
        .map(|bytes| OperationId::from_bytes(bytes))
        .collect::<Option<_>>()?;
    let reservation = Reservation {
        stage: stage(row, 2)?,
        due: number(row, 3)?,
        holders: Holders::from_parts(present.cast_unsigned(), joined.len())?,
        joined,
        key: row.try_get::<Option<Vec<u8>>, _>(6).ok()?.map(ScopedName),
        held: read_held(&bytes(row, 7)?)?,
    };
    ledger.reservations.load(id, reservation);
    if kind == 3 {
        ledger.due.reservations.push(id);
    }
    Some(())
}

fn read_key(row: &SqliteRow, ledger: &mut Ledger) -> Option<()> {
    let remembered = Remembered {
        operation: OperationId::from_bytes(&bytes(row, 2)?)?,
        fingerprint: bytes(row, 3)?,
        progress: optional_number(row, 4)?.map_or(Progress::Open, |until| Progress::Done { until }),
    };
    ledger.keys.load(ScopedName(bytes(row, 1)?), remembered);
    Some(())
}

fn read_lease(row: &SqliteRow, ledger: &mut Ledger, kind: i64) -> Option<()> {
    let id = bytes(row, 1)?.try_into().map(u128::from_be_bytes).ok()?;
    let id = LeaseId::from_u128(id);
    let lease = HeldLease {
        key: read_counter(&bytes(row, 2)?)?,
        units: text(row, 3)?.parse().ok()?,
        kept: text(row, 4)?.parse().ok()?,
        stage: stage(row, 5)?,
        due: number(row, 6)?,
    };
    ledger.leases.load(id, lease);
    if kind == 6 {
        ledger.due.leases.push(id);
    }
    Some(())
}

fn stage(row: &SqliteRow, column: usize) -> Option<Stage> {
    Stage::read(&text(row, column)?)
}

fn bytes(row: &SqliteRow, column: usize) -> Option<Vec<u8>> {
    row.try_get(column).ok()
}

fn text(row: &SqliteRow, column: usize) -> Option<String> {
    row.try_get(column).ok()
}

fn number(row: &SqliteRow, column: usize) -> Option<u64> {
    let number: i64 = row.try_get(column).ok()?;
    u64::try_from(number).ok()
}

#[expect(
    clippy::option_option,
    reason = "the outer one is a fault, the inner one is the value"
)]
fn optional_number(row: &SqliteRow, column: usize) -> Option<Option<u64>> {
    match row.try_get::<Option<i64>, _>(column).ok()? {
        None => Some(None),
        Some(number) => u64::try_from(number).ok().map(Some),
    }
}
