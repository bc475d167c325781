//! What replicas would need of a store, in the memory of one process: for tests, and for measuring.

use std::time::Duration;

use crate::now::{Now, nanos};
use crate::{
    Adjustment, Claim, CounterKey, CounterState, CounterWindow, Lease, LeaseEnd, LeaseExtension,
    LeaseId, LeaseOutcome, RateBlock, RateBlockOutcome, Refusal, SharedStore, StoreError,
    StoreErrorKind, StoreFuture, Tally,
};

use super::MemoryUsage;
use super::counters::CounterId;
use super::lease::Known;
use super::shard::Shard;
use super::shards::{Place, ShardSet};

impl MemoryUsage {
    fn at<R>(&self, key: &CounterKey, act: impl Fn(Place, &mut Shard, &Now<'_>) -> R) -> R {
        let place = self.shards.place(key);
        self.locked(ShardSet::of(place.shard), |locked, now| {
            let shard = locked.shard(place.shard);
            let result = act(place, shard, now);
            shard.due_at(shard.leases.next_due());
            result
        })
    }

    fn lease_now(&self, lease: Lease<'_>) -> Result<LeaseOutcome, StoreError> {
        lease.validate()?;
        self.in_room(lease.key, |place, shard, now| {
            take(lease, place, shard, now)
        })
    }

    fn take_of_rate_now(&self, block: RateBlock<'_>) -> Result<RateBlockOutcome, StoreError> {
        block.validate()?;
        self.in_room(block.key, |place, shard, now| {
            take_ahead(block, place, shard, now)
        })
    }

    /// What `act` comes to, which is none as long as there is no room for it.
    fn in_room<R>(
        &self,
        key: &CounterKey,
        act: impl Fn(Place, &mut Shard, &Now<'_>) -> Option<R>,
    ) -> Result<R, StoreError> {
        let mut outcome = self.at(key, &act);
        if outcome.is_none() && self.sweep_for_room() {
            outcome = self.at(key, &act);
        }
        outcome.ok_or_else(|| self.no_room())
    }

    fn end_now(&self, key: &CounterKey, id: LeaseId, used: u64) -> LeaseEnd {
        self.at(key, |place, shard, now| {
            let kept = shard.leases.kept(id);
            let end = shard.leases.end(id, used, &mut shard.counters, now);
            if end == LeaseEnd::Corrected {
                let counter = shard.counter_at(place, key, now);
                if let Some(id) = counter {
                    if let Some(counter) = shard.counters.get_mut(id) {
                        counter.raise(used.saturating_sub(kept), now);
                    }
                    shard.lower(id, kept.saturating_sub(used), now);
                }
            }
            end
        })
    }

    fn tally_now(
        &self,
        key: &CounterKey,
        adjustment: Option<Adjustment>,
    ) -> Result<Tally, StoreError> {
        if matches!(key.window(), CounterWindow::Sliding { .. }) || key.window().is_empty() {
            let fault = StoreError::new(StoreErrorKind::InvalidClaims);
            return Err(fault.with_detail("only a quota or a gauge has a tally"));
        }
        let tally = self.at(key, |place, shard, now| {
            let counter = match adjustment {
                Some(Adjustment::Raise(_)) => Some(shard.counter_at(place, key, now)?),
                _ => shard.counters.find(place.hash, key),
            };
            let Some(counter) = counter else {
                return Some(Tally::default());
            };
            match (adjustment, shard.counters.get_mut(counter)) {
                (Some(Adjustment::Raise(units)), Some(counter)) => counter.raise(units, now),
                (Some(Adjustment::Lower(units)), _) => drop(shard.lower(counter, units, now)),
                (_, _) => {}
            }
            Some(shard.tally(counter))
        });
        tally.ok_or_else(|| self.no_room())
    }
}

/// Takes a block of units. None if there is no room for it.
fn take(lease: Lease<'_>, place: Place, shard: &mut Shard, now: &Now<'_>) -> Option<LeaseOutcome> {
    match shard.leases.find(lease.id) {
        Some(Known::Open(counter)) => {
            return Some(LeaseOutcome::Granted(
                shard.state_of(counter, lease.key, now),
            ));
        }
        Some(Known::Over) => return Some(LeaseOutcome::Over),
        None => {}
    }
    let claim = Claim::new(lease.key.clone(), lease.units, lease.limit);
    if let Some((reason, state)) = shard.refusal_of(place, &claim, now) {
        return Some(LeaseOutcome::Refused(reason, state));
    }
    if !shard.rooms.reservations.take(1) {
        return None;
    }
    let Some(counter) = shard.counter_at(place, lease.key, now) else {
        shard.rooms.reservations.give_back(1);
        return None;
    };
    if let Some(counter) = shard.counters.get_mut(counter) {
        counter.reserve(lease.units, now);
    }
    shard.leases.open(lease, counter, now);
    Some(LeaseOutcome::Granted(
        shard.state_of(counter, lease.key, now),
    ))
}

/// Takes a block of a rate. None if there is no room for its counter.
fn take_ahead(
    block: RateBlock<'_>,
    place: Place,
    shard: &mut Shard,
    now: &Now<'_>,
) -> Option<RateBlockOutcome> {
    let claim = Claim::new(block.key.clone(), block.units, block.limit);
    if let Some((reason, state)) = shard.refusal_of(place, &claim, now) {
        return Some(RateBlockOutcome::Refused(reason, state));
    }
    let index = shard.counter_at(place, block.key, now)?;
    if let Some(counter) = shard.counters.get_mut(index) {
        counter.take_ahead(block.units, nanos(block.spend_within), now);
    }
    Some(RateBlockOutcome::Granted(
        shard.state_of(index, block.key, now),
    ))
}

impl Shard {
    pub(super) fn state_of(
        &mut self,
        counter: CounterId,
        key: &CounterKey,
        now: &Now<'_>,
    ) -> CounterState {
        let counter = self.counters.get_mut(counter);
        counter.map_or(CounterState::default(), |counter| {
            counter.state(key.window(), now)
        })
    }

    /// Why a claim does not fit now, and where its counter stands.
    fn refusal_of(
        &mut self,
        place: Place,
        claim: &Claim,
        now: &Now<'_>,
    ) -> Option<(Refusal, CounterState)> {
        let found = self.counters.find(place.hash, claim.key());
        let state = match found.and_then(|counter| self.counters.get_mut(counter)) {
            Some(counter) => counter.refusal(claim, now)?,
            None if claim.can_fit() => return None,
            None => CounterState::default(),
        };
        Some((claim.refusal(), state))
    }

    /// The counter of `key`, made if it is not there. None if there is no room for it.
    fn counter_at(&mut self, place: Place, key: &CounterKey, now: &Now<'_>) -> Option<CounterId> {
        if let Some(counter) = self.counters.find(place.hash, key) {
            return Some(counter);
        }
        let room = self.rooms.counters.take(1);
        room.then(|| self.counters.create(place.hash, key, now))
    }
}

impl SharedStore for MemoryUsage {
    fn lease(&self, lease: Lease<'_>) -> StoreFuture<Result<LeaseOutcome, StoreError>> {
        StoreFuture::ready(self.lease_now(lease))
    }

    fn extend(
        &self,
        key: &CounterKey,
        id: LeaseId,
        kept: u64,
        ttl: Duration,
    ) -> StoreFuture<Result<LeaseExtension, StoreError>> {
        let extension = self.at(key, |_, shard, now| shard.leases.extend(id, kept, ttl, now));
        StoreFuture::ready(extension)
    }

    fn end(
        &self,
        key: &CounterKey,
        id: LeaseId,
        used: u64,
    ) -> StoreFuture<Result<LeaseEnd, StoreError>> {
        StoreFuture::ready(Ok(self.end_now(key, id, used)))
    }

    fn take_of_rate(
        &self,
        block: RateBlock<'_>,
    ) -> StoreFuture<Result<RateBlockOutcome, StoreError>> {
        StoreFuture::ready(self.take_of_rate_now(block))
    }

    fn tally(&self, key: &CounterKey) -> StoreFuture<Result<Tally, StoreError>> {
        StoreFuture::ready(self.tally_now(key, None))
    }

    fn adjust(
        &self,
        key: &CounterKey,
        adjustment: Adjustment,
    ) -> StoreFuture<Result<Tally, StoreError>> {
        StoreFuture::ready(self.tally_now(key, Some(adjustment)))
    }
}
