//! What a request takes of its limits, from the question to the charge.

use std::sync::{Arc, Mutex, PoisonError};

use smallvec::SmallVec;
use tiergate_core::LimitId;
use tiergate_core::decision::{Allowance, Grant};
use tiergate_core::time::Timestamp;
use tiergate_usage::{CounterState, Reservation};

use super::charged::{Account, Bill};
use crate::request::Cell;

/// What is asked of the store for a request, and then what was taken.
///
/// It goes through many hands, and is too large to be copied from one to the next: it is filled in
/// where it lies.
#[derive(Debug)]
pub(crate) struct Tab {
    pub(super) grant: Grant,
    pub(super) now: Timestamp,
    pub(super) items: SmallVec<[Item; 1]>,
    pub(super) cell: Arc<Cell>,
    pub(super) holding: Holding,
    /// There where somebody wants to hear of what is charged.
    pub(super) account: Option<Account>,
}

/// What is held of the items of a tab.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every tab holds a reservation, and a box would be an allocation for each"
)]
pub(super) enum Holding {
    /// Nothing, and nothing will be charged.
    Nothing,
    /// Nothing, because nobody could be asked. It is billed all the same.
    Uncounted,
    /// The units. Dropping it gives them back.
    Reserved(Reservation),
}

/// Units of one limit.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) limit: LimitId,
    pub(super) reserved: u64,
    pub(super) allowance: Allowance,
    /// None if the store has not said.
    pub(super) state: Option<CounterState>,
}

/// Tabs that are not in use, so that a request needs no memory of its own for one, nor for its
/// tickets.
#[derive(Debug, Default)]
pub(crate) struct TabPool {
    #[expect(
        clippy::vec_box,
        reason = "a tab is handed out in the place where it lies"
    )]
    free: Mutex<Vec<Box<Tab>>>,
}

impl Tab {
    /// Holds what was taken, and gives tickets their say in it.
    pub(super) fn hold(&mut self, holding: Holding) {
        let units = self.items.iter().map(|item| item.reserved);
        // A tab that is handed out has its cell to itself: no ticket is made before this.
        match Arc::get_mut(&mut self.cell) {
            Some(own) => own.open(units),
            None => {
                let mut fresh = Cell::default();
                fresh.open(units);
                self.cell = Arc::new(fresh);
            }
        }
        self.holding = holding;
    }

    /// Hands over what was taken.
    pub(super) fn let_go(&mut self) -> Holding {
        std::mem::replace(&mut self.holding, Holding::Nothing)
    }

    /// What is told to whoever hears of charges, if anybody does.
    pub(super) fn bill(&mut self, units: &[u64]) -> Option<Bill> {
        let account = self.account.take()?;
        Some(Bill {
            account,
            items: std::mem::take(&mut self.items),
            units: SmallVec::from_slice(units),
        })
    }
}

impl TabPool {
    /// How many tabs are kept. Beyond that many requests at once, they are made and dropped.
    const CAPACITY: usize = 1_024;

    /// An empty tab.
    pub(super) fn open(&self, grant: Grant, now: Timestamp) -> Box<Tab> {
        let free = self
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        match free {
            Some(mut tab) => {
                tab.grant = grant;
                tab.now = now;
                tab
            }
            None => Box::new(Tab {
                grant,
                now,
                items: SmallVec::new(),
                cell: Arc::default(),
                holding: Holding::Nothing,
                account: None,
            }),
        }
    }

    /// Keeps a tab for another request, unless a ticket of this one is still held somewhere. What it
    /// holds is given back.
    pub(super) fn put(&self, mut tab: Box<Tab>) {
        if Arc::get_mut(&mut tab.cell).is_none() {
            return;
        }
        tab.items.clear();
        tab.holding = Holding::Nothing;
        tab.account = None;
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < Self::CAPACITY {
            free.push(tab);
        }
    }
}

#[cfg(test)]
mod tests {
    use tiergate_core::Subject;
    use tiergate_core::decision::{Knowledge, Policy, Standing, grant};

    use super::*;
    use crate::request::Ticket;
    use crate::testing::platform_catalog;

    /// A tab whose units tickets have a say in.
    fn open(pool: &TabPool, units: &[u64]) -> Box<Tab> {
        let (catalog, ada) = (platform_catalog(), Subject::user("ada"));
        let (known, now) = (Knowledge::NoSubscription, Timestamp::from_seconds(0));
        let standing = Standing::of(&catalog, &ada, known, Policy::DEFAULT, now);
        let mut tab = pool.open(grant(&standing), now);
        Arc::get_mut(&mut tab.cell)
            .unwrap()
            .open(units.iter().copied());
        tab
    }

    fn ticket(tab: &Tab, claim: usize) -> Ticket {
        Ticket::new(Arc::clone(&tab.cell), claim)
    }

    #[test]
    fn a_settled_request_takes_no_quantity() {
        let tab = open(&TabPool::default(), &[3, 5]);
        let ticket = ticket(&tab, 1);
        ticket.set_quantity(9).unwrap();
        assert_eq!(tab.cell.settle()[..2], [3, 9]);
        assert!(ticket.set_quantity(1).is_err());
        assert_eq!(ticket.quantity(), 9);
    }

    #[test]
    fn a_ticket_that_outlives_its_request_never_speaks_for_another() {
        let pool = TabPool::default();
        let tab = open(&pool, &[1]);
        let leaked = ticket(&tab, 0);
        tab.cell.settle();
        pool.put(tab);
        let next = open(&pool, &[7]);
        assert!(leaked.set_quantity(100).is_err());
        assert_eq!(next.cell.settle()[0], 7);
    }

    #[test]
    fn a_tab_and_its_cell_are_used_again() {
        let pool = TabPool::default();
        let tab = open(&pool, &[1]);
        let address = Arc::as_ptr(&tab.cell);
        tab.cell.settle();
        pool.put(tab);
        let again = open(&pool, &[2]);
        assert_eq!(Arc::as_ptr(&again.cell), address);
        assert!(ticket(&again, 0).set_quantity(3).is_ok());
    }
}
