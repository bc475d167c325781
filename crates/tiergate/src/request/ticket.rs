use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

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

/// Cells that are not in use, so that a request needs no memory of its own for its tickets.
#[derive(Debug, Default)]
pub(crate) struct TicketPool {
    free: Mutex<Vec<Arc<Cell>>>,
}

impl TicketPool {
    /// How many cells are kept. Beyond that many requests at once, cells are made and dropped.
    const CAPACITY: usize = 1_024;

    pub(crate) fn take(&self, units: impl IntoIterator<Item = u64>) -> Arc<Cell> {
        let mut cell = self
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
            .unwrap_or_default();
        // Only unshared cells are put back, so this one is ours alone.
        match Arc::get_mut(&mut cell) {
            Some(own) => own.open(units),
            None => {
                let mut fresh = Cell::default();
                fresh.open(units);
                cell = Arc::new(fresh);
            }
        }
        cell
    }

    /// Keeps a cell for another request, unless a ticket of this one is still held somewhere.
    pub(crate) fn put(&self, mut cell: Arc<Cell>) {
        if Arc::get_mut(&mut cell).is_none() {
            return;
        }
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < Self::CAPACITY {
            free.push(cell);
        }
    }
}

impl Cell {
    fn open(&mut self, units: impl IntoIterator<Item = u64>) {
        *self.settled.get_mut() = false;
        let mut units = units.into_iter();
        for slot in &mut self.units {
            *slot.get_mut() = units.next().unwrap_or(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_settled_request_takes_no_quantity() {
        let pool = TicketPool::default();
        let cell = pool.take([3, 5]);
        let ticket = Ticket::new(Arc::clone(&cell), 1);
        ticket.set_quantity(9).unwrap();
        assert_eq!(cell.settle()[..2], [3, 9]);
        assert!(ticket.set_quantity(1).is_err());
        assert_eq!(ticket.quantity(), 9);
    }

    #[test]
    fn a_ticket_that_outlives_its_request_never_speaks_for_another() {
        let pool = TicketPool::default();
        let cell = pool.take([1]);
        let leaked = Ticket::new(Arc::clone(&cell), 0);
        cell.settle();
        pool.put(cell);
        let next = pool.take([7]);
        assert!(leaked.set_quantity(100).is_err());
        assert_eq!(next.settle()[0], 7);
    }

    #[test]
    fn a_cell_is_used_again() {
        let pool = TicketPool::default();
        let cell = pool.take([1]);
        let address = Arc::as_ptr(&cell);
        cell.settle();
        pool.put(cell);
        let again = pool.take([2]);
        assert_eq!(Arc::as_ptr(&again), address);
        assert!(Ticket::new(again, 0).set_quantity(3).is_ok());
    }
}
