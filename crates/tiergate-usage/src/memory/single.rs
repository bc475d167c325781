//! Operations of one claim without an idempotency key, which are nearly all.
//!
//! They are what the others are, with all that is left out which takes several counters or several
//! holders: one shard, one lock, one counter.

use std::sync::Arc;
use std::time::Duration;

use crate::now::{Now, nanos};
use crate::{
    Admitted, Claim, CounterState, CounterStates, CounterWindow, Refused, Replay, Reserve,
    ReserveOutcome, Settlement, StoreError, StoreFuture,
};

use super::MemoryUsage;
use super::berths::{Berths, Single};
use super::counter::Counter;
use super::counters::CounterId;
use super::deadlines::{Deadlines, Expiring};
use super::id::{Token, TokenKind};
use super::quick::{Gone, Quick};
use super::room::Room;
use super::settle::{Ending, wrong_claims};
use super::shard::Shard;
use super::shards::{Place, ShardIndex};
use super::slab::{Ended, Found, Handle, Slab, Thrift, Vacancy};
use super::statistics::Counts;

/// The open reservations of one shard that are of one claim without a key.
///
/// They lie in berths, from where they are committed without a lock. Units of theirs count as if they were
/// committed already, for a commit to have nothing to do. Those who find no berth, because so many are
/// open, lie in a slab.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Singles {
    quick: Quick,
    more: Slab<Single>,
    deadlines: Deadlines,
}

/// Where a reservation is to lie.
enum Spot {
    Berth(u8),
    Slab(Vacancy),
}

impl Expiring for Single {
    fn deadline(&self) -> u64 {
        self.deadline
    }
}

impl Singles {
    pub(super) fn new(berths: Arc<Berths>) -> Self {
        Self {
            quick: Quick::new(berths),
            more: Slab::new(),
            deadlines: Deadlines::default(),
        }
    }

    pub(super) fn next_deadline(&self) -> u64 {
        self.deadlines.next().min(self.quick.next_deadline())
    }

    /// How many units of a counter are open, but counted as if they were committed.
    pub(super) fn units_of(&self, counter: CounterId) -> u128 {
        self.quick.units_of(counter)
    }

    /// Whether a reservation that its counter does not know of refers to it.
    pub(super) fn refers_to(&self, counter: CounterId) -> bool {
        self.quick.refers_to(counter)
    }

    /// Counts what was committed without a lock.
    pub(super) fn note_commits(&mut self, counts: &mut Counts) {
        self.quick.note_commits(counts);
    }

    pub(super) fn shrink(&mut self, thrift: Thrift, room: &Room, counts: &mut Counts) {
        self.quick.shrink(thrift, room, counts);
        self.more.shrink(thrift, room);
        self.deadlines.shrink();
    }

    #[inline]
    fn vacancy(&mut self, room: &Room, counts: &mut Counts) -> Option<Spot> {
        if let Some(berth) = self.quick.vacancy(room, counts) {
            return Some(Spot::Berth(berth));
        }
        self.vacancy_elsewhere(room, counts)
    }

    #[cold]
    fn vacancy_elsewhere(&mut self, room: &Room, counts: &mut Counts) -> Option<Spot> {
        if let Some(vacancy) = self.more.vacancy(room) {
            return Some(Spot::Slab(vacancy));
        }
        self.quick.last_vacancy(counts).map(Spot::Berth)
    }

    /// Notes units that were counted.
    #[inline]
    fn hold(&mut self, spot: Spot, single: Single, now: &Now<'_>) -> (Handle, TokenKind) {
        match spot {
            Spot::Berth(berth) => (self.quick.open(berth, single), TokenKind::Quick),
            Spot::Slab(vacancy) => {
                let handle = self.more.insert(vacancy, single);
                self.deadlines
                    .add(single.deadline, now.elapsed(), handle, &self.more);
                (handle, TokenKind::Single)
            }
        }
    }
}

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
        request: Reserve<'_>,
    ) -> StoreFuture<Result<ReserveOutcome, StoreError>> {
        if let Err(error) = request.validate() {
            return StoreFuture::ready(Err(error));
        }
        let place = self.shards.place(claim.key());
        let mut taken = self.take_single(claim, place, request.ttl());
        if matches!(taken, Taken::NoRoom) && self.sweep_for_room() {
            taken = self.take_single(claim, place, request.ttl());
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
        let now = match claim.key().window() {
            CounterWindow::Sliding { .. } => Now::read(&*self.clock),
            CounterWindow::Level | CounterWindow::Fixed { .. } => {
                Now::read_nearly(&*self.clock, self.lag)
            }
        };
        self.shards.with_one(place.shard, now, |shard, now| {
            shard.take_single(claim, place, ttl, now)
        })
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

    #[inline]
    pub(super) fn settle_single(
        &self,
        token: Token,
        ending: Ending<'_>,
    ) -> Result<Settlement, StoreError> {
        let now = Now::read_coarsely(&*self.clock);
        self.shards.with_one(token.shard, now, |shard, now| {
            shard.settle_single(token.handle, ending, now)
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
        let Some(spot) = self.singles.vacancy(room, &mut self.counts) else {
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
        let Some(spot) = self.singles.vacancy(room, &mut self.counts) else {
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
        self.singles.hold(spot, single, now)
    }

    fn settle_quick(
        &mut self,
        handle: Handle,
        ending: Ending<'_>,
        now: &Now<'_>,
    ) -> Result<Settlement, StoreError> {
        let quick = &mut self.singles.quick;
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
        self.count_end(used);
        Ok(Settlement::Settled)
    }

    #[inline]
    fn count_end(&mut self, used: Option<u64>) {
        match used {
            Some(_) => self.counts.committed += 1,
            None => self.counts.released += 1,
        }
        self.counts.open -= 1;
    }

    #[inline]
    fn settle_single(
        &mut self,
        handle: Handle,
        ending: Ending<'_>,
        now: &Now<'_>,
    ) -> Result<Settlement, StoreError> {
        let single = match self.singles.more.find(handle) {
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
        self.singles.more.end(handle, Ended::Settled);
        self.count_end(used);
        Ok(Settlement::Settled)
    }

    /// Releases what has been open for too long. Tells how many reservations that were.
    pub(super) fn expire_singles(&mut self, now: &Now<'_>) -> u64 {
        let mut expired = 0;
        let singles = &mut self.singles;
        while let Some(single) = singles.quick.pop_due(now.elapsed()) {
            if let Some(counter) = self.counters.get_mut(single.counter) {
                counter.take_back(single.units);
            }
            expired += 1;
        }
        while let Some(handle) = singles.deadlines.pop_due(now.elapsed(), &singles.more) {
            let Some(single) = singles.more.remove(handle, |_| Ended::Expired) else {
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

#[inline]
fn count(counter: &mut Counter, spot: &Spot, claim: &Claim, now: &Now<'_>) {
    match spot {
        Spot::Berth(_) => counter.take(claim.units(), now),
        Spot::Slab(_) => counter.reserve(claim.units(), now),
    }
}
