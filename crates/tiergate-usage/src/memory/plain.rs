//! Reservations without an idempotency key whose counters are all in one shard, which are nearly all.
//!
//! They have one holder, and take one lock.

use std::sync::Arc;

use crate::now::Now;
use crate::{Settlement, StoreError};

use super::MemoryUsage;
use super::berths::{Berths, Single};
use super::counters::CounterId;
use super::deadlines::{Deadlines, Expiring};
use super::id::{Token, TokenKind};
use super::quick::Quick;
use super::room::Room;
use super::settle::{Ending, commit_in, wrong_claims};
use super::shard::{Held, HeldUnits, Shard};
use super::slab::{Ended, Found, Handle, Slab, Thrift, Vacancy};
use super::statistics::Counts;

/// The open plain reservations of one shard.
///
/// Those of one claim lie in berths, from where they are committed without a lock. Units of theirs count as
/// if they were committed already, for a commit to have nothing to do. Those of several claims lie in a
/// slab, and those that find no berth because so many are open.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Plain {
    pub(super) quick: Quick,
    slab: Slab<Several>,
    deadlines: Deadlines,
}

/// Units that are reserved of counters of one shard.
#[derive(Debug)]
struct Several {
    deadline: u64,
    held: HeldUnits,
}

/// Where a reservation is to lie.
pub(super) enum Spot {
    Berth(u8),
    Slab(Vacancy),
}

impl Expiring for Several {
    fn deadline(&self) -> u64 {
        self.deadline
    }
}

impl Plain {
    pub(super) fn new(berths: Arc<Berths>) -> Self {
        Self {
            quick: Quick::new(berths),
            slab: Slab::new(),
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

    pub(super) fn shrink(&mut self, thrift: Thrift, room: &Room, counts: &mut Counts) {
        self.quick.shrink(thrift, room, counts);
        self.slab.shrink(thrift, room);
        self.deadlines.shrink();
    }

    #[inline]
    pub(super) fn vacancy(&mut self, room: &Room, counts: &mut Counts) -> Option<Spot> {
        if let Some(berth) = self.quick.vacancy(room, counts) {
            return Some(Spot::Berth(berth));
        }
        self.vacancy_elsewhere(room, counts)
    }

    #[cold]
    fn vacancy_elsewhere(&mut self, room: &Room, counts: &mut Counts) -> Option<Spot> {
        if let Some(vacancy) = self.slab.vacancy(room) {
            return Some(Spot::Slab(vacancy));
        }
        self.quick.last_vacancy(counts).map(Spot::Berth)
    }

    /// A place for a reservation of several claims.
    pub(super) fn vacancy_for_several(
        &mut self,
        room: &Room,
        counts: &mut Counts,
    ) -> Option<Vacancy> {
        let vacancy = self.slab.vacancy(room);
        if vacancy.is_some() {
            return vacancy;
        }
        // Its room is taken from a berth.
        self.quick.shrink(Thrift::Strict, room, counts);
        self.slab.vacancy(room)
    }

    /// Notes units that were counted.
    #[inline]
    pub(super) fn hold(
        &mut self,
        spot: Spot,
        single: Single,
        now: &Now<'_>,
    ) -> (Handle, TokenKind) {
        match spot {
            Spot::Berth(berth) => (self.quick.open(berth, single), TokenKind::Quick),
            Spot::Slab(vacancy) => {
                let held = Held::new(0, single.counter, single.units);
                let held = HeldUnits::from_slice(&[held]);
                let handle = self.hold_several(vacancy, single.deadline, held, now);
                (handle, TokenKind::Plain)
            }
        }
    }

    /// Notes units of several claims that were counted.
    pub(super) fn hold_several(
        &mut self,
        vacancy: Vacancy,
        deadline: u64,
        held: HeldUnits,
        now: &Now<'_>,
    ) -> Handle {
        let handle = self.slab.insert(vacancy, Several { deadline, held });
        self.deadlines
            .add(deadline, now.elapsed(), handle, &self.slab);
        handle
    }
}

impl MemoryUsage {
    pub(super) fn settle_plain(
        &self,
        token: Token,
        ending: Ending<'_>,
    ) -> Result<Settlement, StoreError> {
        // Who settles some milliseconds too late is in time, unless somebody else noticed.
        let now = Now::read_coarsely(&*self.clock);
        self.shards.with_one(token.shard, now, |shard, now| {
            shard.settle_plain(token.handle, ending, now)
        })
    }
}

impl Shard {
    fn settle_plain(
        &mut self,
        handle: Handle,
        ending: Ending<'_>,
        now: &Now<'_>,
    ) -> Result<Settlement, StoreError> {
        let several = match self.plain.slab.find(handle) {
            Found::Here(several) => several,
            Found::Gone(Ended::Settled) => return Ok(Settlement::AlreadySettled),
            Found::Gone(Ended::Expired) => return Ok(Settlement::Expired),
            Found::Unknown => return Ok(Settlement::Unknown),
        };
        match ending {
            Ending::Commit(units) if units.len() != several.held.len() => {
                return Err(wrong_claims());
            }
            Ending::Commit(units) => commit_in(&mut self.counters, &several.held, units, now),
            Ending::Release => self.counters.give_back(&several.held),
        }
        self.plain.slab.end(handle, Ended::Settled);
        self.count_end(ending);
        Ok(Settlement::Settled)
    }

    /// Counts a reservation that was ended.
    #[inline]
    pub(super) fn count_end(&mut self, ending: Ending<'_>) {
        match ending {
            Ending::Commit(_) => self.counts.committed += 1,
            Ending::Release => self.counts.released += 1,
        }
        self.counts.open -= 1;
    }

    /// Releases what has been open for too long. Tells how many reservations that were.
    pub(super) fn expire_plain(&mut self, now: &Now<'_>) -> u64 {
        let mut expired = 0;
        let plain = &mut self.plain;
        while let Some(single) = plain.quick.pop_due(now.elapsed()) {
            if let Some(counter) = self.counters.get_mut(single.counter) {
                counter.take_back(single.units);
            }
            expired += 1;
        }
        while let Some(handle) = plain.deadlines.pop_due(now.elapsed(), &plain.slab) {
            let Some(several) = plain.slab.remove(handle, |_| Ended::Expired) else {
                continue;
            };
            self.counters.give_back(&several.held);
            expired += 1;
        }
        expired
    }
}
