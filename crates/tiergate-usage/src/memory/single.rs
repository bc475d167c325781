//! Operations of one claim without an idempotency key, which are nearly all.
//!
//! They are what the others are, with all that is left out which takes several counters or several
//! holders: one shard, one lock, one counter.

use std::time::Duration;

use crate::now::{Now, nanos};
use crate::{
    Admitted, Claim, CounterState, CounterStates, CounterWindow, Refused, Replay, ReserveOutcome,
    Settlement, StoreError, StoreFuture,
};

use super::MemoryUsage;
use super::berths::Single;
use super::counter::Counter;
use super::counters::CounterId;
use super::id::{Token, TokenKind};
use super::plain::Spot;
use super::quick::Gone;
use super::settle::{Ending, wrong_claims};
use super::shard::Shard;
use super::shards::{Place, ShardIndex};
use super::slab::Handle;

/// What became of a claim.
enum Taken {
    Admitted(Handle, TokenKind, CounterState),
    Refused(CounterState),
    /// A bound of the store was reached; a sweep may help.
    NoRoom,
}

impl MemoryUsage {
    #[inline]
    pub(super) fn reserve_single(
        &self,
        claim: &Claim,
        ttl: Duration,
    ) -> StoreFuture<Result<ReserveOutcome, StoreError>> {
        let place = self.shards.place(claim.key());
        let mut taken = self.take_single(claim, place, ttl);
        if matches!(taken, Taken::NoRoom) && self.sweep_for_room() {
            taken = self.take_single(claim, place, ttl);
        }
        // What it comes to is large, and made where it is to be.
        match taken {
            Taken::Admitted(handle, kind, state) => {
                let token = Token {
                    shard: place.shard,
                    handle,
                    kind,
                };
                let none = CounterState::default();
                let states = CounterStates::from_buf_and_len([state, none, none, none], 1);
                let admitted = Admitted::new(token.encode(), states, Replay::First);
                StoreFuture::ready(Ok(ReserveOutcome::Admitted(admitted)))
            }
            Taken::Refused(state) => {
                let refused = Refused::new(0, claim.refusal(), state);
                StoreFuture::ready(Ok(ReserveOutcome::Refused(refused)))
            }
            Taken::NoRoom => StoreFuture::ready(Err(self.no_room())),
        }
    }

    #[inline]
    fn take_single(&self, claim: &Claim, place: Place, ttl: Duration) -> Taken {
        // Read before the lock, which is held the shorter for it. As there is one shard, it does not
        // matter if another operation read a later time and was there first: a log takes an earlier
        // time for the last one, and what is given back too late is given back.
        let now = self.time_of(std::slice::from_ref(claim));
        self.shards.with_one(place.shard, now, |shard, now| {
            shard.take_single(claim, place, ttl, now)
        })
    }

    /// The time of an operation on one shard, as sharp as these claims need it.
    #[inline]
    pub(super) fn time_of(&self, claims: &[Claim]) -> Now<'_> {
        let has = |is_of_kind: fn(CounterWindow) -> bool| {
            claims.iter().any(|claim| is_of_kind(claim.key().window()))
        };
        let now = if has(|window| matches!(window, CounterWindow::Sliding { .. })) {
            Now::read(&*self.clock)
        } else {
            Now::read_nearly(&*self.clock, self.lag)
        };
        if has(|window| matches!(window, CounterWindow::Fixed { .. })) {
            // Here, and not while others wait for the lock.
            now.wall();
        }
        now
    }

    /// Ends a reservation that is in a berth.
    #[inline]
    pub(super) fn settle_quick(
        &self,
        shard: ShardIndex,
        handle: Handle,
        ending: Ending<'_>,
    ) -> Result<Settlement, StoreError> {
        // Who settles some milliseconds too late is in time, unless somebody else noticed.
        let now = Now::read_coarsely(&*self.clock);
        if let Ending::Commit([units]) = ending {
            let berths = self.shards.berths(shard);
            if berths.commit(handle, *units, now.elapsed()) {
                return Ok(Settlement::Settled);
            }
        }
        self.settle_in_berth(shard, handle, ending, now)
    }

    #[cold]
    fn settle_in_berth(
        &self,
        shard: ShardIndex,
        handle: Handle,
        ending: Ending<'_>,
        now: Now<'_>,
    ) -> Result<Settlement, StoreError> {
        self.shards.with_one(shard, now, |shard, now| {
            shard.settle_quick(handle, ending, now)
        })
    }
}

impl Shard {
    #[inline]
    fn take_single(&mut self, claim: &Claim, place: Place, ttl: Duration, now: &Now<'_>) -> Taken {
        let Some((index, counter)) = self.counters.find_mut(place.hash, claim.key()) else {
            return self.take_first(claim, place, ttl, now);
        };
        if let Some(state) = counter.refusal(claim, now) {
            self.counts.refused += 1;
            return Taken::Refused(state);
        }
        let room = &self.rooms.reservations;
        let Some(spot) = self.plain.vacancy(room, &mut self.counts) else {
            return Taken::NoRoom;
        };
        count(counter, &spot, claim, now);
        let state = counter.state(claim.key().window(), now);
        let (handle, kind) = self.hold(spot, index, claim.units(), ttl, now);
        Taken::Admitted(handle, kind, state)
    }

    /// The same for a counter that is not there yet.
    #[cold]
    fn take_first(&mut self, claim: &Claim, place: Place, ttl: Duration, now: &Now<'_>) -> Taken {
        if !claim.can_fit() {
            self.counts.refused += 1;
            return Taken::Refused(CounterState::default());
        }
        if !self.rooms.counters.take(1) {
            self.sweep_some(now);
            return Taken::NoRoom;
        }
        let room = &self.rooms.reservations;
        let Some(spot) = self.plain.vacancy(room, &mut self.counts) else {
            self.rooms.counters.give_back(1);
            return Taken::NoRoom;
        };
        let index = self.counters.create(place.hash, claim.key(), now);
        let mut state = CounterState::default();
        if let Some(counter) = self.counters.get_mut(index) {
            count(counter, &spot, claim, now);
            state = counter.state(claim.key().window(), now);
        }
        let (handle, kind) = self.hold(spot, index, claim.units(), ttl, now);
        // After it is held, so that it is not taken for idle.
        self.sweep_some(now);
        Taken::Admitted(handle, kind, state)
    }

    /// Notes units that were counted.
    #[inline]
    fn hold(
        &mut self,
        spot: Spot,
        counter: CounterId,
        units: u64,
        ttl: Duration,
        now: &Now<'_>,
    ) -> (Handle, TokenKind) {
        let deadline = now.latest().saturating_add(nanos(ttl));
        self.due_at(deadline);
        let single = Single {
            deadline,
            units,
            counter,
        };
        self.counts.admitted += 1;
        self.counts.open += 1;
        self.plain.hold(spot, single, now)
    }

    fn settle_quick(
        &mut self,
        handle: Handle,
        ending: Ending<'_>,
        now: &Now<'_>,
    ) -> Result<Settlement, StoreError> {
        let quick = &mut self.plain.quick;
        let used = match ending {
            Ending::Commit([used]) => Some(*used),
            Ending::Commit(_) if quick.get(handle).is_some() => return Err(wrong_claims()),
            Ending::Commit(_) | Ending::Release => None,
        };
        let single = match quick.end(handle) {
            Ok(single) => single,
            Err(Gone::Settled) => return Ok(Settlement::AlreadySettled),
            Err(Gone::Expired) => return Ok(Settlement::Expired),
            Err(Gone::Unknown) => return Ok(Settlement::Unknown),
        };
        // A counter stays for as long as something is held of it.
        let counter = self.counters.get_mut(single.counter);
        match (used, counter) {
            (Some(used), Some(counter)) => counter.correct(single.units, used, now),
            (None, Some(counter)) => counter.take_back(single.units),
            (_, None) => {}
        }
        self.count_end(ending);
        Ok(Settlement::Settled)
    }
}

#[inline]
fn count(counter: &mut Counter, spot: &Spot, claim: &Claim, now: &Now<'_>) {
    match spot {
        Spot::Berth(_) => counter.take(claim.units(), now),
        Spot::Slab(_) => counter.reserve(claim.units(), now),
    }
}
