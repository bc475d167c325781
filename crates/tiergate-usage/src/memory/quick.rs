//! What a shard knows, under its lock, of the reservations in its [`Berths`].

use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::berths::{BERTHS, Berths, LAST_GENERATION, Phase, Single, State, Word};
use super::counters::CounterId;
use super::ring::Ring;
use super::room::Room;
use super::slab::{EXPIRED_KEPT, Handle, SETTLED_KEPT, Thrift};
use super::statistics::Counts;

/// How many berths are looked at whenever a reservation begins, for one that was left. More are left than
/// begun anew then, unless most are open for long.
const LOOKED_AT: usize = 2;

/// The reservations of one claim that are committed without a lock.
///
/// Berths go around: one that was left is used again after [`SETTLED_KEPT`] others, so that whoever settles
/// twice is told so.
#[derive(Debug)]
pub(super) struct Quick<W = AtomicU64> {
    berths: Arc<Berths<W>>,
    /// Where a reservation is open, or was when that was looked at.
    open: Ring<BERTHS>,
    free: Ring<BERTHS>,
    /// How many berths have room taken for them. The others were not used yet.
    in_use: u8,
    // Never used twice, and begun at random, so that a handle from another store leads nowhere.
    next_generation: u64,
    /// Those that expired last, which may be asked for late.
    expired: VecDeque<u64>,
}

/// How a reservation ended that is not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gone {
    Settled,
    Expired,
    Unknown,
}

impl<W: Word> Quick<W> {
    pub(super) fn new(berths: Arc<Berths<W>>) -> Self {
        let random = foldhash::fast::RandomState::default().hash_one(());
        Self {
            berths,
            open: Ring::new(),
            free: Ring::new(),
            in_use: 0,
            next_generation: random & LAST_GENERATION,
            expired: VecDeque::new(),
        }
    }

    /// A free berth, or none for now.
    #[inline]
    pub(super) fn vacancy(&mut self, room: &Room, counts: &mut Counts) -> Option<u8> {
        self.look_at_some(LOOKED_AT, counts);
        if self.free.len() > SETTLED_KEPT {
            return self.free.pop_front();
        }
        if usize::from(self.in_use) < BERTHS && room.take(1) {
            let berth = self.in_use;
            self.in_use += 1;
            return Some(berth);
        }
        None
    }

    /// A berth that should be left alone for a while, for when there is no room at all.
    pub(super) fn last_vacancy(&mut self, counts: &mut Counts) -> Option<u8> {
        self.look_at_some(self.open.len(), counts);
        self.free.pop_front()
    }

    /// Puts a reservation into a berth that was vacant.
    #[inline]
    pub(super) fn open(&mut self, berth: u8, single: Single) -> Handle {
        let handle = Handle {
            slot: u32::from(berth),
            generation: self.next_generation,
        };
        self.next_generation = self.next_generation.wrapping_add(1) & LAST_GENERATION;
        self.berths.open(handle, single);
        self.open.push_back(berth);
        handle
    }

    /// Ends a reservation that is open, and tells what it was.
    pub(super) fn end(&mut self, handle: Handle) -> Result<Single, Gone> {
        self.berths
            .end(handle, Phase::Over)
            .ok_or_else(|| self.how_it_ended(handle))
    }

    fn how_it_ended(&self, handle: Handle) -> Gone {
        let state = self.berths.state(handle.slot);
        match state.filter(|state| state.generation == handle.generation) {
            Some(State {
                phase: Phase::Expired,
                ..
            }) => Gone::Expired,
            Some(_) => Gone::Settled,
            None if self.expired.contains(&handle.generation) => Gone::Expired,
            None => Gone::Unknown,
        }
    }

    /// What is open, if it is.
    pub(super) fn get(&self, handle: Handle) -> Option<Single> {
        let (found, single) = self.berths.open_in(handle.slot)?;
        (found == handle).then_some(single)
    }

    /// Ends one that has been open for too long, if there is any.
    pub(super) fn pop_due(&mut self, now: u64) -> Option<Single> {
        let overdue = |(handle, single): (Handle, Single)| {
            let is_due = single.deadline <= now;
            is_due.then_some(handle)
        };
        // One of them may be committed meanwhile.
        let (handle, single) = self.all_open().filter_map(overdue).find_map(|handle| {
            let single = self.berths.end(handle, Phase::Expired)?;
            Some((handle, single))
        })?;
        if self.expired.len() >= EXPIRED_KEPT {
            self.expired.pop_front();
        }
        self.expired.push_back(handle.generation);
        Some(single)
    }

    /// When the next of those that are open is due.
    pub(super) fn next_deadline(&self) -> u64 {
        let deadlines = self.all_open().map(|(_, single)| single.deadline);
        deadlines.min().unwrap_or(u64::MAX)
    }

    /// How many units of a counter are open.
    pub(super) fn units_of(&self, counter: CounterId) -> u128 {
        let of_counter = self
            .all_open()
            .filter(|(_, single)| single.counter == counter);
        of_counter.map(|(_, single)| u128::from(single.units)).sum()
    }

    /// Whether anything of a counter is open.
    pub(super) fn refers_to(&self, counter: CounterId) -> bool {
        self.all_open().any(|(_, single)| single.counter == counter)
    }

    /// Notes all that was committed.
    pub(super) fn note_commits(&mut self, counts: &mut Counts) {
        self.look_at_some(self.open.len(), counts);
    }

    /// Gives back the room of the free berths at the end, if there is no room elsewhere.
    pub(super) fn shrink(&mut self, thrift: Thrift, room: &Room, counts: &mut Counts) {
        if thrift == Thrift::Ordinary {
            return;
        }
        self.note_commits(counts);
        let is_open = |berth: u8| self.berths.open_in(u32::from(berth)).is_some();
        let before = self.in_use;
        while self.in_use > 0 && !is_open(self.in_use - 1) {
            self.in_use -= 1;
        }
        let end = self.in_use;
        self.open.retain(|berth| berth < end);
        self.free.retain(|berth| berth < end);
        room.give_back(usize::from(before - end));
    }

    fn all_open(&self) -> impl Iterator<Item = (Handle, Single)> {
        let berths = 0..u32::from(self.in_use);
        berths.filter_map(|berth| self.berths.open_in(berth))
    }

    /// Looks at those that began first, and makes the berths free that were left.
    #[inline]
    fn look_at_some(&mut self, most: usize, counts: &mut Counts) {
        for _ in 0..most {
            let Some(berth) = self.open.pop_front() else {
                return;
            };
            match self.berths.state(u32::from(berth)) {
                Some(state) if state.phase == Phase::Open => {
                    self.open.push_back(berth);
                    continue;
                }
                Some(state) if state.phase == Phase::Committed => {
                    self.berths.noted(u32::from(berth), state);
                    counts.committed += 1;
                    counts.open -= 1;
                }
                _ => {}
            }
            self.free.push_back(berth);
        }
    }
}

#[cfg(test)]
mod tests;
