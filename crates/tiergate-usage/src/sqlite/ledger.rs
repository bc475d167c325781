//! What a batch has read of the file, and what its operations make of it. No I/O: a batch is read,
//! worked on here, and written.

use std::time::Duration;

use crate::count::{Count, KEPT_AFTER_END, unused};
use crate::holders::Holders;
use crate::now::{Now, nanos};
use crate::{CounterKey, CounterState, CounterWindow, LeaseId, StoreError, StoreErrorKind};

use super::id::OperationId;
use super::name::{Held, ScopedName};
use super::table::Table;

/// How long it is known that a reservation was settled.
const SETTLED_KEPT: Duration = Duration::from_secs(60);

/// The same for one that expired, where the second call comes later.
const EXPIRED_KEPT: Duration = Duration::from_secs(3_600);

/// How many reservations there should be room for at any time: as many as one batch makes.
const ROOM_KEPT: u64 = 256;

/// The rows that a batch works on.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) meta: Meta,
    pub(super) counters: Table<CounterKey, Counter>,
    pub(super) reservations: Table<OperationId, Reservation>,
    pub(super) keys: Table<ScopedName, Remembered>,
    pub(super) leases: Table<LeaseId, HeldLease>,
    /// Those that are open and should not be any more.
    pub(super) due: Due,
    pub(super) bounds: Bounds,
    /// How many reservations and leases it has found expired.
    pub(super) expired: u64,
}

/// What is known of the file as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Meta {
    /// The latest time that anybody saw who wrote.
    pub(super) time: u64,
    /// Who wrote last.
    pub(super) writer: u64,
    pub(super) rows: Rows,
}

/// How many rows there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rows {
    pub(super) counters: u64,
    pub(super) reservations: u64,
    pub(super) keys: u64,
}

/// How many rows there may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) counters: u64,
    pub(super) reservations: u64,
    pub(super) keys: u64,
}

/// Reservations and leases that were open for too long.
#[derive(Debug, Default)]
pub(super) struct Due {
    pub(super) reservations: Vec<OperationId>,
    pub(super) leases: Vec<LeaseId>,
}

#[derive(Debug)]
pub(super) struct Counter {
    pub(super) count: Count,
    pub(super) touched: u64,
    /// When it may be worth a look whether it can be forgotten. Gauges are forgotten at zero, whenever
    /// that is.
    pub(super) look_at: Option<u64>,
}

/// Where something that can be held is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Open,
    /// Its holders have ended it.
    Settled,
    Expired,
}

#[derive(Debug)]
pub(super) struct Reservation {
    pub(super) stage: Stage,
    /// When it expires, or when it is forgotten.
    pub(super) due: u64,
    pub(super) holders: Holders,
    /// The operations that joined it by its key, in the order of their numbers.
    pub(super) joined: Vec<OperationId>,
    pub(super) key: Option<ScopedName>,
    pub(super) held: Held,
}

/// What is known of an idempotency key.
#[derive(Debug)]
pub(super) struct Remembered {
    pub(super) operation: OperationId,
    pub(super) fingerprint: Vec<u8>,
    pub(super) progress: Progress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// The operation is under way.
    Open,
    /// It was committed, and is remembered until then.
    Done { until: u64 },
}

#[derive(Debug)]
pub(super) struct HeldLease {
    pub(super) key: CounterKey,
    pub(super) units: u64,
    pub(super) kept: u64,
    pub(super) stage: Stage,
    /// When it expires, or when it is forgotten.
    pub(super) due: u64,
}

impl Ledger {
    /// Releases what has been open for too long.
    pub(super) fn expire(&mut self, now: &Now<'_>) {
        for id in std::mem::take(&mut self.due.reservations) {
            let is_due = |one: &Reservation| one.stage == Stage::Open && one.due <= now.elapsed();
            if self.reservations.get(&id).is_some_and(is_due) {
                self.give_back(id, Stage::Expired, now);
                self.expired += 1;
            }
        }
        for id in std::mem::take(&mut self.due.leases) {
            self.expire_lease(id, now);
        }
    }

    /// Releases an open reservation, and its key with it.
    pub(super) fn give_back(&mut self, id: OperationId, stage: Stage, now: &Now<'_>) {
        let Some((held, key)) = self.close(id, stage, now) else {
            return;
        };
        for held in held {
            // One that is gone counts nothing any more.
            if let Some(counter) = self.counters.change(&held.key) {
                counter.count.release(held.units);
                counter.touched = now.elapsed();
            }
        }
        if let Some(key) = key {
            self.keys.remove(&key);
        }
    }

    /// Ends an open reservation, and hands out what it was.
    pub(super) fn close(
        &mut self,
        id: OperationId,
        stage: Stage,
        now: &Now<'_>,
    ) -> Option<(Held, Option<ScopedName>)> {
        let kept = match stage {
            Stage::Open | Stage::Settled => SETTLED_KEPT,
            Stage::Expired => EXPIRED_KEPT,
        };
        let reservation = self.reservations.change(&id)?;
        reservation.stage = stage;
        reservation.due = now.elapsed().saturating_add(nanos(kept));
        Some((
            std::mem::take(&mut reservation.held),
            reservation.key.take(),
        ))
    }

    fn expire_lease(&mut self, id: LeaseId, now: &Now<'_>) {
        let is_due = |one: &HeldLease| one.stage == Stage::Open && one.due <= now.elapsed();
        if !self.leases.get(&id).is_some_and(is_due) {
            return;
        }
        if let Some((key, units, kept)) = self.close_lease(id, Stage::Expired, now) {
            self.counter(&key, now).commit(units, kept, now);
            self.expired += 1;
        }
    }

    /// Ends a lease, and tells its counter, its units and what it keeps.
    pub(super) fn close_lease(
        &mut self,
        id: LeaseId,
        stage: Stage,
        now: &Now<'_>,
    ) -> Option<(CounterKey, u64, u64)> {
        let lease = self.leases.change(&id)?;
        let window = match lease.key.window() {
            CounterWindow::Fixed { end, .. } => end.duration_since(now.wall()),
            CounterWindow::Level | CounterWindow::Sliding { .. } => Duration::ZERO,
        };
        lease.stage = stage;
        lease.due = now
            .elapsed()
            .saturating_add(nanos(window))
            .saturating_add(nanos(KEPT_AFTER_END));
        Some((lease.key.clone(), lease.units, lease.kept))
    }

    /// The counter of `key`, made if it is not there, to be changed.
    pub(super) fn counter(&mut self, key: &CounterKey, now: &Now<'_>) -> &mut Count {
        let counter = self.counters.change_or_put(key, || Counter {
            count: Count::new(key.window()),
            touched: 0,
            look_at: None,
        });
        counter.touched = now.elapsed();
        &mut counter.count
    }

    /// Where the counter of `key` stands.
    pub(super) fn state(&mut self, key: &CounterKey, now: &Now<'_>) -> CounterState {
        match self.counters.look_at(key) {
            Some(counter) => counter.count.state(key.window(), now),
            None => unused(key.window(), now),
        }
    }

    /// Whether there is room for so many counters more, for a reservation or lease, and for a key.
    pub(super) fn make_room(&self, counters: usize, keys: Keys) -> Result<(), StoreError> {
        let keys = match keys {
            Keys::None => 0,
            Keys::One => 1,
        };
        let with = |rows: u64, growth: i64, more: u64| {
            rows.saturating_add_signed(growth).saturating_add(more)
        };
        let rows = self.meta.rows;
        let counters = u64::try_from(counters).unwrap_or(u64::MAX);
        let held = self.reservations.growth() + self.leases.growth();
        let full = if with(rows.counters, self.counters.growth(), counters) > self.bounds.counters
            && counters > 0
        {
            "no room for another counter"
        } else if with(rows.reservations, held, 1) > self.bounds.reservations {
            "no room for another reservation"
        } else if with(rows.keys, self.keys.growth(), keys) > self.bounds.keys && keys > 0 {
            "no room for another idempotency key"
        } else {
            return Ok(());
        };
        Err(StoreError::new(StoreErrorKind::Full).with_detail(full))
    }

    /// Whether room for reservations is so short that those that are over are forgotten before their
    /// time.
    pub(super) fn is_crowded(&self) -> bool {
        let rows = self.meta.rows.reservations;
        let held = self.reservations.growth() + self.leases.growth();
        rows.saturating_add_signed(held).saturating_add(ROOM_KEPT) > self.bounds.reservations
    }

    /// Whether anything has to be written.
    pub(super) fn is_changed(&self) -> bool {
        self.counters.is_changed()
            || self.reservations.is_changed()
            || self.keys.is_changed()
            || self.leases.is_changed()
    }

    /// Forgets the counters that are idle, of those that were changed or looked at.
    pub(super) fn tidy(&mut self, now: &Now<'_>) {
        let mut idle = Vec::new();
        let mut kept = Vec::new();
        for (key, counter) in self.counters.rows_mut() {
            if counter.count.is_zero(now) || counter.is_over(key.window(), now) {
                idle.push(key.clone());
            } else if counter.look_at.is_none_or(|moment| moment <= now.elapsed())
                && key.window() != CounterWindow::Level
            {
                kept.push(key.clone());
            }
        }
        for key in idle {
            self.counters.remove(&key);
        }
        for key in kept {
            if let Some(counter) = self.counters.change(&key) {
                counter.look_at = Some(counter.next_look(key.window(), now));
            }
        }
    }
}

/// Whether an operation needs an idempotency key remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keys {
    None,
    One,
}

impl Counter {
    /// Whether it is the counter of a window that is long over.
    fn is_over(&self, window: CounterWindow, now: &Now<'_>) -> bool {
        let (CounterWindow::Fixed { end, .. }, Count::Sums(sums)) = (window, &self.count) else {
            return false;
        };
        if sums.open() > 0 {
            return false;
        }
        let quiet = Duration::from_nanos(now.elapsed().saturating_sub(self.touched));
        quiet > KEPT_AFTER_END && now.wall().duration_since(end) > KEPT_AFTER_END
    }

    /// When it may be over, or empty, at the earliest; never now.
    fn next_look(&self, window: CounterWindow, now: &Now<'_>) -> u64 {
        let next = match (&self.count, window) {
            (Count::Log(log), _) => log.empty_at().unwrap_or(0),
            (Count::Sums(_), CounterWindow::Fixed { end, .. }) => {
                let until_end = nanos(end.duration_since(now.wall()));
                let quiet_from = now.elapsed().saturating_add(until_end).max(self.touched);
                quiet_from.saturating_add(nanos(KEPT_AFTER_END))
            }
            (Count::Sums(_), _) => now.elapsed().saturating_add(nanos(KEPT_AFTER_END)),
        };
        next.max(now.elapsed().saturating_add(1))
    }
}
