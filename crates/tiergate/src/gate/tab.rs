//! What a request takes of its limits, from the question to the charge.

use std::cell::RefCell;
use std::sync::Arc;

use smallvec::SmallVec;
use tiergate_core::decision::Grant;
use tiergate_core::time::Timestamp;
use tiergate_core::{LimitId, Meter, Window};
use tiergate_usage::{Claim, CounterState, Hold};

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
    /// What the store is asked, for each item.
    // INVARIANT: as many as there are items, in their order.
    pub(super) claims: SmallVec<[Claim; 1]>,
    pub(super) cell: Arc<Cell>,
    pub(super) holding: Holding,
    /// There where somebody wants to hear of what is charged.
    pub(super) account: Option<Account>,
}

/// What is held of the items of a tab.
#[derive(Debug)]
pub(super) enum Holding {
    /// Nothing, and nothing will be charged.
    Nothing,
    /// Nothing, because nobody could be asked. It is billed all the same.
    Uncounted,
    /// The units. Dropping it gives them back.
    Reserved(Hold),
}

/// Units of one limit: what there is to know of them beside their claim.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) limit: LimitId,
    pub(super) meter: Meter,
    /// The window of a quota; none for a gauge or a rate.
    pub(super) window: Option<Window>,
    /// None if the store has not said.
    pub(super) state: Option<CounterState>,
}

thread_local! {
    /// Tabs that are not in use, so that a request needs no memory of its own for one, nor for its
    /// tickets. Each thread has its own, so that none waits for another.
    #[expect(
        clippy::vec_box,
        reason = "a tab is handed out in the place where it lies"
    )]
    static FREE: RefCell<Vec<Box<Tab>>> = const { RefCell::new(Vec::new()) };
}

/// How many tabs a thread keeps. Beyond that many requests at once, they are made and dropped.
const KEPT: usize = 256;

impl Tab {
    /// Puts one more limit on it.
    #[inline]
    pub(super) fn add(&mut self, item: Item, claim: Claim) {
        self.items.push(item);
        self.claims.push(claim);
    }

    /// Takes everything off that was put on it.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.items.clear();
        self.claims.clear();
    }

    /// Each item with its claim.
    #[inline]
    pub(super) fn lines(&self) -> impl Iterator<Item = (&Item, &Claim)> {
        self.items.iter().zip(&self.claims)
    }

    /// Holds what was taken, and gives tickets their say in it.
    pub(super) fn hold(&mut self, holding: Holding) {
        open_anew(&mut self.cell, self.claims.iter().map(Claim::units));
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
            claims: std::mem::take(&mut self.claims),
            units: SmallVec::from_slice(units),
        })
    }

    /// An empty tab.
    #[inline]
    pub(super) fn open(grant: Grant, now: Timestamp) -> Box<Self> {
        // A thread that ends has none any more.
        let free = FREE.try_with(|free| free.borrow_mut().pop());
        if let Ok(Some(mut tab)) = free {
            tab.grant = grant;
            tab.now = now;
            return tab;
        }
        Box::new(Self {
            grant,
            now,
            items: SmallVec::new(),
            claims: SmallVec::new(),
            cell: Arc::default(),
            holding: Holding::Nothing,
            account: None,
        })
    }

    /// Keeps the tab for another request of this thread. What it holds is given back. A ticket that is
    /// still held somewhere has no say in what comes, see [`open_anew`].
    #[inline]
    pub(super) fn put_away(mut self: Box<Self>) {
        self.clear();
        self.holding = Holding::Nothing;
        self.account = None;
        // Dropped where a thread ends.
        let _ended = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            if free.len() < KEPT {
                free.push(self);
            }
        });
    }
}

/// Lets tickets have a say in so many units of each claim.
#[inline]
fn open_anew(cell: &mut Arc<Cell>, units: impl Iterator<Item = u64>) {
    match Arc::get_mut(cell) {
        Some(own) => own.open(units),
        // A ticket of the request that had the tab before is still held somewhere.
        None => {
            let mut fresh = Cell::default();
            fresh.open(units);
            *cell = Arc::new(fresh);
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
    fn open(units: &[u64]) -> Box<Tab> {
        let (catalog, ada) = (platform_catalog(), Subject::user("ada"));
        let (known, now) = (Knowledge::NoSubscription, Timestamp::from_seconds(0));
        let standing = Standing::of(&catalog, &ada, known, Policy::DEFAULT, now);
        let mut tab = Tab::open(grant(&standing), now);
        open_anew(&mut tab.cell, units.iter().copied());
        tab.holding = Holding::Uncounted;
        tab
    }

    fn ticket(tab: &Tab, claim: usize) -> Ticket {
        Ticket::new(Arc::clone(&tab.cell), claim)
    }

    #[test]
    fn a_settled_request_takes_no_quantity() {
        let tab = open(&[3, 5]);
        let ticket = ticket(&tab, 1);
        ticket.set_quantity(9).unwrap();
        assert_eq!(tab.cell.settle()[..2], [3, 9]);
        assert!(ticket.set_quantity(1).is_err());
        assert_eq!(ticket.quantity(), 9);
    }

    #[test]
    fn a_ticket_that_outlives_its_request_never_speaks_for_another() {
        let tab = open(&[1]);
        let leaked = ticket(&tab, 0);
        tab.cell.settle();
        tab.put_away();
        let next = open(&[7]);
        assert!(leaked.set_quantity(100).is_err());
        assert_eq!(next.cell.settle()[0], 7);
    }

    #[test]
    fn a_tab_and_its_cell_are_used_again() {
        let tab = open(&[1]);
        let address = Arc::as_ptr(&tab.cell);
        tab.cell.settle();
        tab.put_away();
        let again = open(&[2]);
        assert_eq!(Arc::as_ptr(&again.cell), address);
        assert!(ticket(&again, 0).set_quantity(3).is_ok());
    }
}
