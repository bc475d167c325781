//! Writing what a batch has changed.

use std::path::Path;

use sqlx::SqliteConnection;

use crate::CounterKey;
use crate::count::Count;

use super::fault::Fault;
use super::json::Json;
use super::ledger::{Counter, Ledger, Progress, Stage};
use super::name::{write_counter, write_held};
use super::operation::Thrift;
use super::table::Change;

/// How many rows of each kind that are over a batch forgets at most. It adds fewer itself.
const FORGOTTEN: i64 = 512;

/// The same when somebody asked for it.
const FORGOTTEN_STRICTLY: i64 = 8_192;

// A row that is changed once is often changed again, so one that is there is written over.
const SAVE: &str = "
INSERT INTO tiergate_usage_counters (name, committed, open, log, touched, look_at)
    SELECT unhex(value ->> 0), value ->> 1, value ->> 2, unhex(value ->> 3), value ->> 4, value ->> 5
    FROM json_each(?) WHERE true
    ON CONFLICT (name) DO UPDATE SET committed = excluded.committed, open = excluded.open,
        log = excluded.log, touched = excluded.touched, look_at = excluded.look_at;
DELETE FROM tiergate_usage_counters WHERE name IN (SELECT unhex(value) FROM json_each(?));
INSERT INTO tiergate_usage_reservations (id, stage, due, holders, joined, name, held)
    SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, unhex(value ->> 4),
        unhex(value ->> 5), unhex(value ->> 6)
    FROM json_each(?) WHERE true
    ON CONFLICT (id) DO UPDATE SET stage = excluded.stage, due = excluded.due,
        holders = excluded.holders, joined = excluded.joined, name = excluded.name,
        held = excluded.held;
INSERT INTO tiergate_usage_keys (name, reservation, fingerprint, until)
    SELECT unhex(value ->> 0), unhex(value ->> 1), unhex(value ->> 2), value ->> 3
    FROM json_each(?) WHERE true
    ON CONFLICT (name) DO UPDATE SET reservation = excluded.reservation,
        fingerprint = excluded.fingerprint, until = excluded.until;
DELETE FROM tiergate_usage_keys WHERE name IN (SELECT unhex(value) FROM json_each(?));
INSERT INTO tiergate_usage_leases (id, counter, units, kept, stage, due)
    SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, value ->> 5
    FROM json_each(?) WHERE true
    ON CONFLICT (id) DO UPDATE SET kept = excluded.kept, stage = excluded.stage, due = excluded.due;
UPDATE tiergate_usage_meta SET time = ?, writer = ?, counters = max(0, counters + ?),
    reservations = max(0, reservations + ?), keys = max(0, keys + ?);
DELETE FROM tiergate_usage_reservations WHERE id IN (
    SELECT id FROM tiergate_usage_reservations WHERE stage <> 'open' AND due <= ?
    ORDER BY due LIMIT ?);
UPDATE tiergate_usage_meta SET reservations = max(0, reservations - changes());
DELETE FROM tiergate_usage_leases WHERE id IN (
    SELECT id FROM tiergate_usage_leases WHERE stage <> 'open' AND due <= ? LIMIT ?);
UPDATE tiergate_usage_meta SET reservations = max(0, reservations - changes());
DELETE FROM tiergate_usage_keys WHERE name IN (
    SELECT name FROM tiergate_usage_keys WHERE until <= ? LIMIT ?);
UPDATE tiergate_usage_meta SET keys = max(0, keys - changes());
";

/// Writes what a ledger has changed, into the transaction that it was read in. Does not commit.
pub(super) async fn save(
    connection: &mut SqliteConnection,
    path: &Path,
    ledger: &Ledger,
    thrift: Thrift,
) -> Result<(), Fault> {
    let now = moment(ledger.meta.time);
    let most = match thrift {
        Thrift::Ordinary => FORGOTTEN,
        Thrift::Strict => FORGOTTEN_STRICTLY,
    };
    let (counters, idle) = counters(ledger);
    let (keys, free) = keys(ledger);
    sqlx::query(SAVE)
        .bind(counters)
        .bind(idle)
        .bind(reservations(ledger))
        .bind(keys)
        .bind(free)
        .bind(leases(ledger))
        .bind(now)
        .bind(ledger.meta.writer.to_be_bytes().to_vec())
        .bind(ledger.counters.growth())
        .bind(ledger.reservations.growth() + ledger.leases.growth())
        .bind(ledger.keys.growth())
        .bind(if ledger.is_crowded() { i64::MAX } else { now })
        .bind(most)
        .bind(now)
        .bind(most)
        .bind(now)
        .bind(most)
        .execute(connection)
        .await
        .map(drop)
        .map_err(|error| Fault::of(&error, path))
}

fn counters(ledger: &Ledger) -> (String, String) {
    let (mut put, mut delete) = (Json::default(), Json::default());
    for change in ledger.counters.changes() {
        match change {
            Change::Put(key, counter) => put.row(|row| put_counter(row, key, counter)),
            Change::Delete(key) => delete.blob(&write_counter(key)),
        }
    }
    (put.into_array(), delete.into_array())
}

fn put_counter(row: &mut Json, key: &CounterKey, counter: &Counter) {
    row.blob(&write_counter(key));
    match &counter.count {
        Count::Sums(sums) => {
            row.word(sums.committed());
            row.word(sums.open());
            row.null();
        }
        Count::Log(log) => {
            row.null();
            row.null();
            let entries = log.entries().flat_map(|(at, units)| [at, units]);
            let bytes: Vec<u8> = entries.flat_map(u64::to_be_bytes).collect();
            row.blob(&bytes);
        }
    }
    row.integer(moment(counter.touched));
    match counter.look_at {
        Some(look_at) => row.integer(moment(look_at)),
        None => row.null(),
    }
}

fn reservations(ledger: &Ledger) -> String {
    let mut put = Json::default();
    for change in ledger.reservations.changes() {
        // They are forgotten by their time, and in no other way.
        let Change::Put(id, reservation) = change else {
            continue;
        };
        put.row(|row| {
            row.blob(&id.to_bytes());
            row.word(reservation.stage.as_str());
            row.integer(moment(reservation.due));
            row.integer(reservation.holders.present().cast_signed());
            let joined = reservation.joined.iter();
            let joined: Vec<u8> = joined.flat_map(|id| id.to_bytes()).collect();
            row.blob(&joined);
            match &reservation.key {
                Some(name) => row.blob(&name.0),
                None => row.null(),
            }
            row.blob(&write_held(&reservation.held));
        });
    }
    put.into_array()
}

fn keys(ledger: &Ledger) -> (String, String) {
    let (mut put, mut delete) = (Json::default(), Json::default());
    for change in ledger.keys.changes() {
        match change {
            Change::Put(name, remembered) => put.row(|row| {
                row.blob(&name.0);
                row.blob(&remembered.operation.to_bytes());
                row.blob(&remembered.fingerprint);
                match remembered.progress {
                    Progress::Open => row.null(),
                    Progress::Done { until } => row.integer(moment(until)),
                }
            }),
            Change::Delete(name) => delete.blob(&name.0),
        }
    }
    (put.into_array(), delete.into_array())
}

fn leases(ledger: &Ledger) -> String {
    let mut put = Json::default();
    for change in ledger.leases.changes() {
        let Change::Put(id, lease) = change else {
            continue;
        };
        put.row(|row| {
            row.blob(&id.as_u128().to_be_bytes());
            row.blob(&write_counter(&lease.key));
            row.word(lease.units);
            row.word(lease.kept);
            row.word(lease.stage.as_str());
            row.integer(moment(lease.due));
        });
    }
    put.into_array()
}

/// A time as SQLite keeps it. Those after the year 2262 never come.
fn moment(time: u64) -> i64 {
    i64::try_from(time).unwrap_or(i64::MAX)
}

impl Stage {
    fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Settled => "settled",
            Self::Expired => "expired",
        }
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        let all = [Self::Open, Self::Settled, Self::Expired];
        all.into_iter().find(|stage| stage.as_str() == text)
    }
}
