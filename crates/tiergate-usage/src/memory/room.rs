//! The bounds of a store.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Room for so many things, shared by all shards.
#[derive(Debug)]
pub(crate) struct Room {
    taken: AtomicUsize,
    most: usize,
}

impl Room {
    /// Things are numbered by `u32`, so there is never room for more.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            taken: AtomicUsize::new(0),
            most: most.min(u32::MAX as usize),
        }
    }

    /// Takes room for all of `count` things, or for none.
    pub(crate) fn take(&self, count: usize) -> bool {
        if count == 0 {
            return true;
        }
        let grown = |taken: usize| taken.checked_add(count).filter(|&sum| sum <= self.most);
        self.taken
            .try_update(Ordering::Relaxed, Ordering::Relaxed, grown)
            .is_ok()
    }

    /// Takes room for one thing even if there is none. Whoever does that makes room soon after.
    pub(crate) fn squeeze(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn give_back(&self, count: usize) {
        self.taken.fetch_sub(count, Ordering::Relaxed);
    }

    pub(crate) fn is_overfull(&self) -> bool {
        self.taken() > self.most
    }

    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

/// The room that the shards of one store share.
#[derive(Debug)]
pub(crate) struct Rooms {
    pub(crate) counters: Room,
    pub(crate) reservations: Room,
    pub(crate) keys: Room,
}
