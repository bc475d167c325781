//! What a store has done.

/// What a [`MemoryUsage`](super::MemoryUsage) holds now, and has done since it was made.
///
/// The figures of different subjects are read one after the other, so under load they may not add up
/// exactly.
///
/// ```
/// use tiergate_usage::MemoryUsage;
///
/// let usage = MemoryUsage::new();
/// assert_eq!(usage.statistics().counters(), 0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    pub(super) counters: u64,
    pub(super) remembered_keys: u64,
    pub(super) counts: Counts,
    pub(super) no_room: u64,
}

/// The part that each shard counts for itself.
///
/// What nearly every operation counts stands first.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) open: u64,
    pub(super) admitted: u64,
    pub(super) committed: u64,
    pub(super) refused: u64,
    pub(super) replayed: u64,
    pub(super) released: u64,
    pub(super) expired: u64,
    pub(super) swept: u64,
    pub(super) crowded_out: u64,
}

impl Statistics {
    /// Counters held now.
    #[must_use]
    pub fn counters(&self) -> u64 {
        self.counters
    }

    /// Idempotency keys of committed operations, remembered now.
    #[must_use]
    pub fn remembered_keys(&self) -> u64 {
        self.remembered_keys
    }

    /// Reservations open now.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.counts.open
    }

    /// Operations admitted and counted.
    #[must_use]
    pub fn admitted(&self) -> u64 {
        self.counts.admitted
    }

    /// Operations admitted again under an idempotency key, and not counted.
    #[must_use]
    pub fn replayed(&self) -> u64 {
        self.counts.replayed
    }

    /// Operations refused because a limit left no room.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.counts.refused
    }

    /// Reservations committed.
    #[must_use]
    pub fn committed(&self) -> u64 {
        self.counts.committed
    }

    /// Reservations released by their last holder.
    #[must_use]
    pub fn released(&self) -> u64 {
        self.counts.released
    }

    /// Reservations released because nobody settled them in time.
    #[must_use]
    pub fn expired(&self) -> u64 {
        self.counts.expired
    }

    /// Counters forgotten because they were idle.
    #[must_use]
    pub fn swept(&self) -> u64 {
        self.counts.swept
    }

    /// Idempotency keys forgotten before their time, because there were too many.
    #[must_use]
    pub fn keys_crowded_out(&self) -> u64 {
        self.counts.crowded_out
    }

    /// Operations that failed because a bound of the store was reached.
    #[must_use]
    pub fn no_room(&self) -> u64 {
        self.no_room
    }

    pub(super) fn add(&mut self, counters: usize, keys: usize, counts: &Counts) {
        self.counters += counters as u64;
        self.remembered_keys += keys as u64;
        let sum = &mut self.counts;
        sum.open += counts.open;
        sum.admitted += counts.admitted;
        sum.replayed += counts.replayed;
        sum.refused += counts.refused;
        sum.committed += counts.committed;
        sum.released += counts.released;
        sum.expired += counts.expired;
        sum.swept += counts.swept;
        sum.crowded_out += counts.crowded_out;
    }
}
