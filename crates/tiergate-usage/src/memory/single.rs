//! Operations of one claim without an idempotency key, which are nearly all.
//!
//! They are what the others are, with all that is left out which takes several counters or several
//! holders: one shard, one lock, one counter.

use std::time::Duration;

use crate::now::{Now, nanos};
use crate::{
    Admitted, Claim, CounterState, CounterStates, Refused, Replay, ReserveOutcome, Settlement,
    StoreError, observe,
};

use super::MemoryUsage;
use super::counters::CounterId;
use super::deadlines::{Deadlines, Expiring};
use super::id::{Token, TokenKind};
use super::room::Room;
use super::settle::{Ending, wrong_claims};
use super::shard::Shard;
use super::shards::Place;
use super::slab::{Ended, Found, Handle, Slab, Thrift, Vacancy};

/// The open reservations of one shard that are of one claim without a key.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Singles {
    open: Slab<Single>,
    deadlines: Deadlines,
}

/// Units that are reserved of one counter.
#[derive(Clone, Copy, Debug)]
struct Single {
    deadline: u64,
    units: u64,
    counter: CounterId,
}

impl Expiring for Single {
    fn deadline(&self) -> u64 {
        self.deadline
    }
}

impl Default for Singles {
    fn default() -> Self {
        Self {
            open: Slab::new(),
            deadlines: Deadlines::default(),
        }
    }
}

impl Singles {
    pub(super) fn next_deadline(&self) -> u64 {
        self.deadlines.next()
    }

    pub(super) fn shrink(&mut self, thrift: Thrift, room: &Room) {
        self.open.shrink(thrift, room);
        self.deadlines.shrink();
    }
}

/// What became of a claim.
enum Taken {
    Admitted(Handle, CounterState),
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
    ) -> Result<ReserveOutcome, StoreError> {
        let place = self.shards.place(claim.key());
        let mut taken = self.take_single(claim, place, ttl);
        if matches!(taken, Taken::NoRoom) && self.sweep_for_room() {
            taken = self.take_single(claim, place, ttl);
        }
        Ok(match taken {
            Taken::Admitted(handle, state) => {
                let token = Token {
                    shard: place.shard,
                    handle,
                    kind: TokenKind::Single,
                };
                let mut states = CounterStates::new();
                states.push(state);
                ReserveOutcome::Admitted(Admitted::new(token.encode(), states, Replay::First))
            }
            Taken::Refused(state) => {
                ReserveOutcome::Refused(Refused::new(0, claim.refusal(), state))
            }
            Taken::NoRoom => return Err(self.no_room()),
        })
    }

    #[inline]
    fn take_single(&self, claim: &Claim, place: Place, ttl: Duration) -> Taken {
        // Read before the lock, which is held the shorter for it. As there is one shard, it does not
        // matter if another operation read a later time and was there first: a log takes an earlier
        // time for the last one, and what is given back too late is given back.
        let now = Now::read(&*self.clock);
        let (taken, expired) = self.shards.with_one(place.shard, &now, |shard| {
            shard.take_single(claim, place, ttl, &now)
        });
        observe::expired(expired);
        taken
    }

    #[inline]
    pub(super) fn settle_single(
        &self,
        token: Token,
        ending: Ending<'_>,
    ) -> Result<Settlement, StoreError> {
        // Who settles some milliseconds too late is in time, unless somebody else noticed.
        let now = Now::read_coarsely(&*self.clock);
        let (settlement, expired) = self.shards.with_one(token.shard, &now, |shard| {
            shard.settle_single(token.handle, ending, &now)
        });
        observe::expired(expired);
        settlement
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
        let Some(vacancy) = self.singles.open.vacancy(&self.rooms.reservations) else {
            return Taken::NoRoom;
        };
        counter.reserve(claim.units(), now);
        let state = counter.state(claim.key().window(), now);
        Taken::Admitted(self.hold(vacancy, index, claim.units(), ttl, now), state)
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
        let Some(vacancy) = self.singles.open.vacancy(&self.rooms.reservations) else {
            self.rooms.counters.give_back(1);
            return Taken::NoRoom;
        };
        let index = self.counters.create(place.hash, claim.key(), now);
        let mut state = CounterState::default();
        if let Some(counter) = self.counters.get_mut(index) {
            counter.reserve(claim.units(), now);
            state = counter.state(claim.key().window(), now);
        }
        let handle = self.hold(vacancy, index, claim.units(), ttl, now);
        // After it is held, so that it is not taken for idle.
        self.sweep_some(now);
        Taken::Admitted(handle, state)
    }

    /// Notes units that were reserved.
    #[inline]
    fn hold(
        &mut self,
        vacancy: Vacancy,
        counter: CounterId,
        units: u64,
        ttl: Duration,
        now: &Now<'_>,
    ) -> Handle {
        let deadline = now.elapsed().saturating_add(nanos(ttl));
        self.due_at(deadline);
        let single = Single {
            deadline,
            units,
            counter,
        };
        let singles = &mut self.singles;
        let handle = singles.open.insert(vacancy, single);
        let elapsed = now.elapsed();
        singles
            .deadlines
            .add(deadline, elapsed, handle, &singles.open);
        self.counts.admitted += 1;
        self.counts.open += 1;
        handle
    }

    #[inline]
    fn settle_single(
        &mut self,
        handle: Handle,
        ending: Ending<'_>,
        now: &Now<'_>,
    ) -> Result<Settlement, StoreError> {
        let single = match self.singles.open.find(handle) {
            Found::Here(single) => *single,
            Found::Gone(Ended::Settled) => return Ok(Settlement::AlreadySettled),
            Found::Gone(Ended::Expired) => return Ok(Settlement::Expired),
            Found::Unknown => return Ok(Settlement::Unknown),
        };
        let used = match ending {
            Ending::Commit([used]) => Some(*used),
            Ending::Commit(_) => return Err(wrong_claims()),
            Ending::Release => None,
        };
        let counter = self.counters.get_mut(single.counter);
        match (used, counter) {
            (Some(used), Some(counter)) => counter.commit(single.units, used, now),
            (None, Some(counter)) => counter.release(single.units),
            // A counter stays for as long as something is held of it.
            (_, None) => {}
        }
        match used {
            Some(_) => self.counts.committed += 1,
            None => self.counts.released += 1,
        }
        self.singles.open.end(handle, Ended::Settled);
        self.counts.open -= 1;
        Ok(Settlement::Settled)
    }

    /// Releases what has been open for too long. Tells how many reservations that were.
    pub(super) fn expire_singles(&mut self, now: &Now<'_>) -> u64 {
        let mut expired = 0;
        let singles = &mut self.singles;
        while let Some(handle) = singles.deadlines.pop_due(now.elapsed(), &singles.open) {
            let Some(single) = singles.open.remove(handle, |_| Ended::Expired) else {
                continue;
            };
            if let Some(counter) = self.counters.get_mut(single.counter) {
                counter.release(single.units);
            }
            expired += 1;
        }
        expired
    }
}
