//! Leases of the counters of one shard.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::now::{Now, nanos};
use crate::{
    CounterKey, CounterWindow, LeaseEnd, LeaseExtension, LeaseId, StoreError, StoreErrorKind,
};

use super::counters::{CounterId, Counters};
use super::room::Room;

/// How long a lease is remembered after its window, so that a late end still finds it.
const REMEMBERED_AFTER: Duration = Duration::from_secs(24 * 3_600);

/// The leases of one shard, open ones and those that are remembered.
#[derive(Debug, Default)]
pub(super) struct Leases {
    by_id: HashMap<LeaseId, Held, foldhash::fast::RandomState>,
    /// When each next changes: when an open one expires, when another is forgotten.
    due: BTreeSet<(u64, LeaseId)>,
}

#[derive(Debug)]
struct Held {
    key: CounterKey,
    units: u64,
    due: u64,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Open { counter: CounterId, kept: u64 },
    Expired { kept: u64 },
    Ended,
}

/// What is known of an id.
pub(super) enum Known {
    Open(CounterId),
    Over,
}

impl Leases {
    pub(super) fn find(&self, id: LeaseId) -> Option<Known> {
        Some(match self.by_id.get(&id)?.stage {
            Stage::Open { counter, .. } => Known::Open(counter),
            Stage::Expired { .. } | Stage::Ended => Known::Over,
        })
    }

    /// Notes a lease whose units were reserved of `counter`.
    pub(super) fn open(&mut self, lease: crate::Lease<'_>, counter: CounterId, now: &Now<'_>) {
        let due = now.elapsed().saturating_add(nanos(lease.ttl));
        self.due.insert((due, lease.id));
        let held = Held {
            key: lease.key.clone(),
            units: lease.units,
            due,
            stage: Stage::Open {
                counter,
                kept: lease.kept,
            },
        };
        self.by_id.insert(lease.id, held);
    }

    pub(super) fn extend(
        &mut self,
        id: LeaseId,
        kept: u64,
        ttl: Duration,
        now: &Now<'_>,
    ) -> Result<LeaseExtension, StoreError> {
        let Some(held) = self.by_id.get_mut(&id) else {
            return Ok(LeaseExtension::Unknown);
        };
        let before = match &mut held.stage {
            Stage::Open { kept, .. } => kept,
            Stage::Expired { .. } => return Ok(LeaseExtension::Expired),
            Stage::Ended => return Ok(LeaseExtension::Ended),
        };
        if kept > held.units || ttl.is_zero() {
            let fault = StoreError::new(StoreErrorKind::InvalidClaims);
            return Err(fault.with_detail("a lease keeps no more than its units, for some time"));
        }
        *before = kept.max(*before);
        let due = now.elapsed().saturating_add(nanos(ttl)).max(held.due);
        self.due.remove(&(held.due, id));
        self.due.insert((due, id));
        held.due = due;
        Ok(LeaseExtension::Extended)
    }

    /// Counts what was used. The counter may be gone, if nothing is counted any more.
    pub(super) fn end(
        &mut self,
        id: LeaseId,
        used: u64,
        counters: &mut Counters,
        now: &Now<'_>,
    ) -> LeaseEnd {
        let Some(held) = self.by_id.get_mut(&id) else {
            return LeaseEnd::Unknown;
        };
        let (counter, end) = match held.stage {
            Stage::Open { counter, .. } => (Some(counter), LeaseEnd::Ended),
            Stage::Expired { .. } => (None, LeaseEnd::Corrected),
            Stage::Ended => return LeaseEnd::AlreadyEnded,
        };
        if let Some(counter) = counter.and_then(|counter| counters.get_mut(counter)) {
            counter.commit(held.units, used, now);
        }
        held.stage = Stage::Ended;
        self.remember(id, now);
        end
    }

    /// When something next happens to one of them.
    pub(super) fn next_due(&self) -> u64 {
        self.due.first().map_or(u64::MAX, |(due, _)| *due)
    }

    /// What was kept of an expired lease.
    pub(super) fn kept(&self, id: LeaseId) -> u64 {
        match self.by_id.get(&id).map(|held| held.stage) {
            Some(Stage::Expired { kept }) => kept,
            _ => 0,
        }
    }

    /// Ends the leases that nobody extended, and forgets the old ones. Tells how many expired.
    pub(super) fn expire(&mut self, counters: &mut Counters, room: &Room, now: &Now<'_>) -> u64 {
        let mut expired = 0;
        while let Some(&(due, id)) = self.due.first()
            && due <= now.elapsed()
        {
            match self.by_id.get_mut(&id) {
                Some(held) if let Stage::Open { counter, kept } = held.stage => {
                    if let Some(counter) = counters.get_mut(counter) {
                        counter.commit(held.units, kept, now);
                    }
                    held.stage = Stage::Expired { kept };
                    self.remember(id, now);
                    expired += 1;
                }
                _ => {
                    self.due.pop_first();
                    self.by_id.remove(&id);
                    room.give_back(1);
                }
            }
        }
        expired
    }

    fn remember(&mut self, id: LeaseId, now: &Now<'_>) {
        let Some(held) = self.by_id.get_mut(&id) else {
            return;
        };
        let window = match held.key.window() {
            CounterWindow::Fixed { end, .. } => end.duration_since(now.wall()),
            CounterWindow::Level | CounterWindow::Sliding { .. } => Duration::ZERO,
        };
        let until = nanos(window).saturating_add(nanos(REMEMBERED_AFTER));
        let until = now.elapsed().saturating_add(until);
        self.due.remove(&(held.due, id));
        self.due.insert((until, id));
        held.due = until;
    }
}
