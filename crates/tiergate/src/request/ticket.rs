use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tiergate_usage::MAX_CLAIMS;

/// A handler's say in what a request is charged.
///
/// The layer reserved units before the handler ran. A handler that finds out the real quantity, such
/// as bytes written or minutes streamed, says so here before it answers; without a word, what was
/// reserved is charged.
///
/// A request that passes uncounted, because it costs nothing or because nobody could be asked and
/// policy lets it pass, has a ticket that takes any quantity and counts none. If usage is recorded
/// for billing, what it says is recorded all the same.
///
/// Clones speak for the same units.
#[derive(Clone, Debug)]
pub struct Ticket {
    speaks_for: SpeaksFor,
}

#[derive(Clone, Debug)]
enum SpeaksFor {
    Units { cell: Arc<Cell>, claim: usize },
    Nothing,
}

/// The units of one request, shared by its tickets and the layer that settles it.
#[derive(Debug, Default)]
pub(crate) struct Cell {
    units: [AtomicU64; MAX_CLAIMS],
    settled: AtomicBool,
}

/// The request was settled before the quantity was set: its response is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request is settled already, the quantity must be set before the handler answers")]
pub struct SettledError {
    _private: (),
}

impl Ticket {
    pub(crate) fn new(cell: Arc<Cell>, claim: usize) -> Self {
        Self {
            speaks_for: SpeaksFor::Units { cell, claim },
        }
    }

    /// The ticket of a request that passes uncounted.
    pub(crate) fn uncounted() -> Self {
        Self {
            speaks_for: SpeaksFor::Nothing,
        }
    }

    /// Sets the real quantity, in units of the limit. It may be more than was reserved: it is
    /// counted in full, even beyond the limit, and the next request is refused.
    ///
    /// # Errors
    ///
    /// When the handler has answered already. The quantity is then not counted.
    pub fn set_quantity(&self, units: u64) -> Result<(), SettledError> {
        let SpeaksFor::Units { cell, claim } = &self.speaks_for else {
            return Ok(());
        };
        if cell.settled.load(Ordering::Acquire) {
            return Err(SettledError { _private: () });
        }
        if let Some(slot) = cell.units.get(*claim) {
            slot.store(units, Ordering::Release);
        }
        Ok(())
    }

    /// The quantity that will be charged as things are.
    #[must_use]
    pub fn quantity(&self) -> u64 {
        match &self.speaks_for {
            SpeaksFor::Units { cell, claim } => cell
                .units
                .get(*claim)
                .map_or(0, |slot| slot.load(Ordering::Acquire)),
            SpeaksFor::Nothing => 0,
        }
    }
}

impl Cell {
    /// Begins anew, for another request.
    pub(crate) fn open(&mut self, units: impl IntoIterator<Item = u64>) {
        *self.settled.get_mut() = false;
        let mut units = units.into_iter();
        for slot in &mut self.units {
            *slot.get_mut() = units.next().unwrap_or(0);
        }
    }

    /// Ends the time in which tickets have a say, and tells the units of each claim.
    pub(crate) fn settle(&self) -> [u64; MAX_CLAIMS] {
        self.settled.store(true, Ordering::Release);
        std::array::from_fn(|claim| {
            self.units
                .get(claim)
                .map_or(0, |slot| slot.load(Ordering::Acquire))
        })
    }
}
