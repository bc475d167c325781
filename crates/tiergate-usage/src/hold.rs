//! The guard of a reservation.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::settle::{Ending, Settling, settle};
use crate::{Admitted, Replay, ReservationId, UsageStore, observe};

/// What is left of a [`Reservation`](crate::Reservation) when its counters were read: the units are held,
/// and given back unless they are committed.
///
/// It is much smaller, for who keeps it while a request is answered. Dropping it is dropping the
/// reservation.
#[must_use = "what is held is given back when this is dropped"]
pub struct Hold {
    // None once it has been handed on to be settled.
    open: Option<Open>,
    id: ReservationId,
    replay: Replay,
}

struct Open {
    store: Arc<dyn UsageStore>,
    counted: observe::OpenReservation,
}

impl Hold {
    #[inline]
    pub(crate) fn new(store: Arc<dyn UsageStore>, admitted: &Admitted) -> Self {
        Self {
            open: Some(Open {
                store,
                counted: observe::OpenReservation::begin(),
            }),
            id: admitted.id(),
            replay: admitted.replay(),
        }
    }

    /// What the store knows it by.
    #[must_use]
    pub fn id(&self) -> ReservationId {
        self.id
    }

    /// Whether the operation was a retry.
    #[must_use]
    pub fn replay(&self) -> Replay {
        self.replay
    }

    /// As [`Reservation::commit_with`](crate::Reservation::commit_with).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn commit(self, units: &[u64]) -> Settling {
        self.finish(Ending::Commit(units))
    }

    /// As [`Reservation::release`](crate::Reservation::release).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn release(self) -> Settling {
        self.finish(Ending::Release)
    }

    #[inline]
    fn finish(mut self, ending: Ending<'_>) -> Settling {
        match self.open.take() {
            Some(open) => settle(open.store, self.id, ending, open.counted),
            None => Settling::done(),
        }
    }
}

impl Drop for Hold {
    #[inline]
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            give_back(open, self.id);
        }
    }
}

#[cold]
fn give_back(open: Open, id: ReservationId) {
    // It begins at once, and goes on by itself. A store that panics must not do so out of
    // here: while a handler's panic unwinds, a second one would end the process.
    let release = || drop(settle(open.store, id, Ending::Release, open.counted));
    drop(catch_unwind(AssertUnwindSafe(release)));
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold")
            .field("id", &self.id)
            .field("replay", &self.replay)
            .finish_non_exhaustive()
    }
}
