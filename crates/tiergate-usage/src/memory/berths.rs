//! Places of open reservations that can be committed without a lock.
//!
//! Nearly every reservation is of one claim, and is committed with just the units that it reserved. These
//! units were counted when they were reserved, so a commit of them changes nothing that anybody else goes
//! by: it only has to be told apart from the other ways to end, and to happen once. For that a
//! compare-and-swap of one number will do.
//!
//! Everything else is done under the lock of the shard: opening, every other end, expiry, and noticing what
//! was committed meanwhile.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};

use super::counters::CounterId;
use super::slab::Handle;

/// How many reservations of a shard can be open in this way. Others lie in a slab.
pub(super) const BERTHS: usize = 32;

const PHASE_BITS: u32 = 2;

/// The highest generation.
pub(super) const LAST_GENERATION: u64 = u64::MAX >> PHASE_BITS;

/// A number that threads share.
///
/// No order is asked of it: what a berth says beside its state is written under the lock before the id is
/// given out, so whoever has the id has seen that happen; and whoever changes the state compares it, and
/// so changes the newest.
pub(super) trait Word: Debug + Default {
    fn load(&self) -> u64;
    fn store(&self, number: u64);
    /// Changes it, if it is `from`. Whether it was.
    fn change(&self, from: u64, to: u64) -> bool;
}

impl Word for AtomicU64 {
    #[inline]
    fn load(&self) -> u64 {
        self.load(Ordering::Relaxed)
    }

    #[inline]
    fn store(&self, number: u64) {
        self.store(number, Ordering::Relaxed);
    }

    #[inline]
    fn change(&self, from: u64, to: u64) -> bool {
        self.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }
}

/// The berths of one shard.
#[derive(Debug)]
pub(super) struct Berths<W = AtomicU64>(Box<[Berth<W>]>);

/// A reservation, or one that was. In a cache line of its own, because those who have the next berths are
/// other threads.
#[repr(align(64))]
#[derive(Debug, Default)]
struct Berth<W> {
    state: W,
    deadline: W,
    units: W,
    counter: W,
}

/// What became of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It ended, and that has been noted. Nobody was there before the first.
    Over,
    Open,
    /// It was committed, which is still to be noted.
    Committed,
    Expired,
}

/// What a berth was when it was looked at: which reservation was in it, and what had become of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) generation: u64,
    pub(super) phase: Phase,
}

/// Units that are reserved of one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Single {
    pub(super) deadline: u64,
    pub(super) units: u64,
    pub(super) counter: CounterId,
}

impl<W: Word> Berths<W> {
    pub(super) fn new() -> Self {
        Self(
            std::iter::repeat_with(Berth::default)
                .take(BERTHS)
                .collect(),
        )
    }

    #[inline]
    fn get(&self, berth: u32) -> Option<&Berth<W>> {
        self.0.get(usize::try_from(berth).ok()?)
    }

    /// What the berth is now. Unless the caller holds the lock, it may have changed since.
    #[inline]
    pub(super) fn state(&self, berth: u32) -> Option<State> {
        self.get(berth).map(|berth| State::of(berth.state.load()))
    }

    /// Commits an open reservation of just so many units, unless its deadline has come. Whether it did:
    /// if not, the lock has to be taken to tell why.
    #[inline]
    pub(super) fn commit(&self, handle: Handle, units: u64, now: u64) -> bool {
        self.get(handle.slot).is_some_and(|berth| {
            berth.units.load() == units
                && berth.deadline.load() > now
                && berth.leave(handle.generation, Phase::Committed)
        })
    }

    /// What is reserved, if the berth has an open reservation. Under the lock.
    #[inline]
    pub(super) fn open_in(&self, berth: u32) -> Option<(Handle, Single)> {
        let found = self.get(berth)?;
        let state = State::of(found.state.load());
        let handle = Handle {
            slot: berth,
            generation: state.generation,
        };
        (state.phase == Phase::Open).then(|| (handle, found.single()))
    }

    /// Puts in a reservation. Under the lock, where none is open.
    #[inline]
    pub(super) fn open(&self, handle: Handle, single: Single) {
        if let Some(berth) = self.get(handle.slot) {
            berth.deadline.store(single.deadline);
            berth.units.store(single.units);
            berth.counter.store(single.counter.to_bits());
            berth
                .state
                .store(State::word(handle.generation, Phase::Open));
        }
    }

    /// Ends an open reservation, and tells what it was. None if it is over already. Under the lock.
    pub(super) fn end(&self, handle: Handle, end: Phase) -> Option<Single> {
        let berth = self.get(handle.slot)?;
        let single = berth.single();
        berth.leave(handle.generation, end).then_some(single)
    }

    /// Notes that a reservation was committed. Under the lock.
    #[inline]
    pub(super) fn noted(&self, berth: u32, state: State) {
        if let Some(berth) = self.get(berth) {
            berth
                .state
                .store(State::word(state.generation, Phase::Over));
        }
    }
}

impl<W: Word> Berth<W> {
    /// Ends the reservation of that generation, if it is here and open. Whether it was.
    #[inline]
    fn leave(&self, generation: u64, end: Phase) -> bool {
        // There are none higher, and as states they would be others.
        let open = State::word(generation, Phase::Open);
        generation <= LAST_GENERATION && self.state.change(open, State::word(generation, end))
    }

    #[inline]
    fn single(&self) -> Single {
        Single {
            deadline: self.deadline.load(),
            units: self.units.load(),
            counter: CounterId::from_bits(self.counter.load()),
        }
    }
}

impl State {
    #[inline]
    fn of(word: u64) -> Self {
        let phase = match word & 3 {
            0 => Phase::Over,
            1 => Phase::Open,
            2 => Phase::Committed,
            _ => Phase::Expired,
        };
        Self {
            generation: word >> PHASE_BITS,
            phase,
        }
    }

    #[inline]
    fn word(generation: u64, phase: Phase) -> u64 {
        generation << PHASE_BITS
            | match phase {
                Phase::Over => 0,
                Phase::Open => 1,
                Phase::Committed => 2,
                Phase::Expired => 3,
            }
    }
}
