//! All that is known of some of the subjects, under one lock.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::holders::Holders;
use crate::now::Now;
use crate::{MAX_CLAIMS, Tally};

use super::berths::Berths;
use super::counters::{CounterId, Counters};
use super::deadlines::{Deadlines, Expiring};
use super::idempotency::{Fingerprint, Keys, ScopedKey};
use super::lease::Leases;
use super::plain::Plain;
use super::room::Rooms;
use super::shards::ShardIndex;
use super::slab::{Ended, Found, Handle, Slab, Thrift, Vacancy};
use super::statistics::Counts;

/// The subjects of one shard: their counters, their reservations and their keys.
///
/// What every operation writes stands first, beside the lock: where two threads want one shard, each
/// line of memory that it writes has to be brought over from the other one.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Shard {
    /// No later than the moment when something is to be given back or forgotten.
    due: u64,
    pub(super) counts: Counts,
    pub(super) plain: Plain,
    pub(super) counters: Counters,
    pub(super) rooms: Arc<Rooms>,
    pub(super) reservations: Slab<Part>,
    deadlines: Deadlines,
    pub(super) keys: Keys,
    pub(super) leases: Leases,
}

/// The part of a reservation that lies in one shard.
///
/// The shard of the first claim is its home. Each part expires in its own shard; as time is read
/// under the locks, whoever locks all of them sees either all parts or none.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) deadline: u64,
    pub(super) held: HeldUnits,
    pub(super) role: Role,
}

/// Units that a reservation holds of the counters of one shard.
pub(super) type HeldUnits = SmallVec<[Held; MAX_CLAIMS]>;

/// Units that a reservation holds of one counter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    // Small, because reservations are moved about.
    claim: u8,
    pub(super) counter: CounterId,
    pub(super) units: u64,
}

impl Held {
    /// Units for the claim at the index `claim`, which is below [`MAX_CLAIMS`].
    pub(super) fn new(claim: usize, counter: CounterId, units: u64) -> Self {
        Self {
            claim: u8::try_from(claim).unwrap_or(u8::MAX),
            counter,
            units,
        }
    }

    /// The index of the claim.
    pub(super) fn claim(self) -> usize {
        usize::from(self.claim)
    }
}

#[derive(Debug)]
pub(super) enum Role {
    /// Where an open reservation is known by its id.
    Home(Home),
    /// Where it holds other claims.
    Away,
    /// It was committed by one of its holders, and waits for the others, to tell them so.
    Committed(Holders),
}

#[derive(Debug)]
pub(super) struct Home {
    pub(super) claims: usize,
    pub(super) holders: Holders,
    pub(super) away: SmallVec<[(ShardIndex, Handle); MAX_CLAIMS]>,
    pub(super) key: Option<Box<Keyed>>,
}

#[derive(Debug)]
pub(super) struct Keyed {
    pub(super) key: ScopedKey,
    pub(super) fingerprint: Fingerprint,
}

impl Expiring for Part {
    fn deadline(&self) -> u64 {
        self.deadline
    }
}

impl Shard {
    pub(super) fn new(rooms: Arc<Rooms>, berths: Arc<Berths>) -> Self {
        Self {
            counters: Counters::default(),
            plain: Plain::new(berths),
            reservations: Slab::new(),
            keys: Keys::default(),
            leases: Leases::default(),
            counts: Counts::default(),
            rooms,
            deadlines: Deadlines::default(),
            due: u64::MAX,
        }
    }

    pub(super) fn vacancy(&mut self) -> Option<Vacancy> {
        self.reservations.vacancy(&self.rooms.reservations)
    }

    pub(super) fn insert(&mut self, vacancy: Vacancy, part: Part, now: &Now<'_>) -> Handle {
        let deadline = part.deadline;
        self.due_at(deadline);
        let handle = self.reservations.insert(vacancy, part);
        self.deadlines
            .add(deadline, now.elapsed(), handle, &self.reservations);
        handle
    }

    /// Something new is to be given back or forgotten at this moment.
    #[inline]
    pub(super) fn due_at(&mut self, moment: u64) {
        // Hardly ever is, and what is not written need not be fetched for writing.
        if moment < self.due {
            self.due = moment;
        }
    }

    /// Gives a reservation until `deadline`, if it does not have longer already.
    pub(super) fn put_off(&mut self, handle: Handle, deadline: u64) {
        if let Found::Here(part) = self.reservations.find(handle) {
            part.deadline = part.deadline.max(deadline);
        }
    }

    /// Whether something may be to be given back or forgotten.
    #[inline]
    pub(super) fn is_due(&self, now: &Now<'_>) -> bool {
        now.latest() >= self.due
    }

    /// Releases what has been open for too long. Tells how many reservations that were.
    #[inline]
    pub(super) fn expire(&mut self, now: &Now<'_>) -> u64 {
        if now.elapsed() < self.due {
            return 0;
        }
        self.expire_due(now)
    }

    #[cold]
    fn expire_due(&mut self, now: &Now<'_>) -> u64 {
        let mut expired = self.expire_plain(now) + self.expire_parts(now);
        self.counts.open -= expired;
        let room = &self.rooms.reservations;
        expired += self.leases.expire(&mut self.counters, room, now);
        self.counts.expired += expired;
        self.keys
            .forget_some_elapsed(now.elapsed(), &self.rooms.keys);
        self.due = self
            .plain
            .next_deadline()
            .min(self.deadlines.next())
            .min(self.leases.next_due())
            .min(self.keys.next_end());
        expired
    }

    fn expire_parts(&mut self, now: &Now<'_>) -> u64 {
        let mut expired = 0;
        while let Some(handle) = self.deadlines.pop_due(now.elapsed(), &self.reservations) {
            // A retry may have put it off since.
            if let Found::Here(part) = self.reservations.find(handle)
                && part.deadline > now.elapsed()
            {
                let deadline = part.deadline;
                self.deadlines.push(deadline, handle);
                continue;
            }
            let ended = |part: &Part| match part.role {
                Role::Home(_) | Role::Away => Ended::Expired,
                Role::Committed(_) => Ended::Settled,
            };
            let Some(part) = self.reservations.remove(handle, ended) else {
                continue;
            };
            self.counters.give_back(&part.held);
            if let Role::Home(home) = part.role {
                if let Some(keyed) = home.key {
                    self.keys.free(&keyed.key);
                }
                expired += 1;
            }
        }
        expired
    }

    /// Takes up to `units` off what is committed of a counter, and tells how many.
    pub(super) fn lower(&mut self, counter: CounterId, units: u64, now: &Now<'_>) -> u64 {
        let open = self.plain.units_of(counter);
        let counter = self.counters.get_mut(counter);
        counter.map_or(0, |counter| counter.lower(units, open, now))
    }

    /// What a counter is made of.
    pub(super) fn tally(&mut self, counter: CounterId) -> Tally {
        let open = self.plain.units_of(counter);
        let counter = self.counters.get_mut(counter);
        counter.map_or(Tally::default(), |counter| counter.tally(open))
    }

    /// Forgets a few idle counters.
    pub(super) fn sweep_some(&mut self, now: &Now<'_>) {
        let is_held = |counter| self.plain.refers_to(counter);
        let room = &self.rooms.counters;
        self.counts.swept += self.counters.sweep_some(now, room, is_held);
    }

    /// Forgets all that is idle.
    pub(super) fn sweep(&mut self, thrift: Thrift, now: &Now<'_>) {
        let is_held = |counter| self.plain.refers_to(counter);
        let room = &self.rooms.counters;
        self.counts.swept += self.counters.sweep(now, room, is_held);
        self.keys.forget_elapsed(now.elapsed(), &self.rooms.keys);
        let room = &self.rooms.reservations;
        self.plain.shrink(thrift, room, &mut self.counts);
        self.reservations.shrink(thrift, &self.rooms.reservations);
        self.deadlines.shrink();
    }

    pub(super) fn oldest_key(&self) -> Option<u64> {
        self.keys.oldest()
    }
}
