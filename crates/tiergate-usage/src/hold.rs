//! The guard of a reservation.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::settle::{Ending, Settling, settle, settle_now};
use crate::{
    Admission, Admitted, Admitting, Refused, Replay, ReservationId, Reserve, ReserveOutcome,
    Settlement, StoreError, StoreFuture, UsageStore, observe,
};

/// What a [`Reservation`](crate::Reservation) is without the store's answer: units that are held, and given
/// back unless they are committed.
///
/// It is much smaller, for who keeps many, or hands them on, while requests are answered. Dropping it
/// is dropping the reservation.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use tiergate_core::{Limit, Subject};
/// use tiergate_usage::{
///     Asked, Claim, CounterKey, CounterWindow, Hold, MemoryUsage, Reserve, UsageStore,
/// };
///
/// let store: Arc<dyn UsageStore> = Arc::new(MemoryUsage::new());
/// let stored = CounterKey::new(Subject::user("42"), "storage_limit_gb", CounterWindow::Level);
/// let claims = [Claim::new(stored, 3, Limit::AtMost(5))];
/// let request = Reserve::new(&claims, Duration::from_secs(60));
/// // This store always answers at once.
/// if let Ok(Ok(Asked::Admitted(hold, admitted))) = Hold::ask(&store, request) {
///     assert_eq!(admitted.states()[0].used(), 3);
///     assert!(hold.commit(&[2]).now_or_never().is_ok());
/// }
/// ```
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

/// What became of an operation whose units are not held.
#[derive(Debug)]
pub enum NotHeld {
    /// A limit leaves no room for it.
    Refused(Refused),
    /// The store could not be asked.
    Failed(StoreError),
    /// The store has to be waited for.
    Later(Admitting),
}

/// What became of an operation, as [`Admission`](crate::Admission) tells it too.
#[derive(Debug)]
pub enum Asked {
    /// It may go on. Its units are held, and this is what the store said of them.
    Admitted(Hold, Admitted),
    /// A limit leaves no room for it.
    Refused(Refused),
}

impl Hold {
    /// Asks `store` for the claims of `request`: what became of them, if the store answers at once, or
    /// the future to be awaited.
    ///
    /// # Errors
    ///
    /// The future, which is that of [`Reservation::admit`](crate::Reservation::admit), where the store
    /// has to be waited for. Within, the error of [`UsageStore::reserve`].
    #[expect(
        clippy::result_large_err,
        reason = "the future itself is handed over, unallocated"
    )]
    #[inline]
    pub fn ask(
        store: &Arc<dyn UsageStore>,
        request: Reserve<'_>,
    ) -> Result<Result<Asked, StoreError>, Admitting> {
        Self::ask_on(store, request, store.reserve(request))
    }

    /// The same, of a store that was asked.
    #[expect(
        clippy::result_large_err,
        reason = "the future itself is handed over, unallocated"
    )]
    #[inline]
    fn ask_on(
        store: &Arc<dyn UsageStore>,
        request: Reserve<'_>,
        answer: StoreFuture<Result<ReserveOutcome, StoreError>>,
    ) -> Result<Result<Asked, StoreError>, Admitting> {
        match answer.now_or_never() {
            Ok(answer) => Ok(Asked::of(answer, || Arc::clone(store))),
            Err(answer) => Err(Admitting::of(answer, Arc::clone(store), request)),
        }
    }

    /// Asks `store` for the claims of `request`, for who goes on only if it admits them at once. What the
    /// store said of them is read where it lies: on the way of a request, copying it costs more than
    /// reading it.
    ///
    /// A panic of `read` gives the units back.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use tiergate_core::{Limit, Subject};
    /// # use tiergate_usage::{
    /// #     Claim, CounterKey, CounterWindow, Hold, MemoryUsage, NotHeld, Reserve, UsageStore,
    /// # };
    /// let store: Arc<dyn UsageStore> = Arc::new(MemoryUsage::new());
    /// let stored = CounterKey::new(Subject::user("42"), "storage_limit_gb", CounterWindow::Level);
    /// let claims = [Claim::new(stored, 3, Limit::AtMost(5))];
    /// let request = Reserve::new(&claims, Duration::from_secs(60));
    ///
    /// let mut used = 0;
    /// let held = Hold::take(&store, request, |admitted| used = admitted.states()[0].used());
    /// assert!(held.is_ok());
    /// assert_eq!(used, 3);
    /// let refused = Hold::take(&store, request, |_| ()).unwrap_err();
    /// assert!(matches!(*refused, NotHeld::Refused(_)));
    /// ```
    ///
    /// # Errors
    ///
    /// What became of them otherwise.
    #[inline]
    pub fn take(
        store: &Arc<dyn UsageStore>,
        request: Reserve<'_>,
        read: impl FnOnce(&Admitted),
    ) -> Result<Self, Box<NotHeld>> {
        let answer = store.reserve(request);
        if let Some(outcome @ Ok(ReserveOutcome::Admitted(admitted))) = answer.as_ready() {
            observe::reserved(outcome);
            let hold = Self::new(Arc::clone(store), admitted);
            read(admitted);
            return Ok(hold);
        }
        Self::take_otherwise(store, request, answer, read)
    }

    #[cold]
    #[inline(never)]
    fn take_otherwise(
        store: &Arc<dyn UsageStore>,
        request: Reserve<'_>,
        answer: StoreFuture<Result<ReserveOutcome, StoreError>>,
        read: impl FnOnce(&Admitted),
    ) -> Result<Self, Box<NotHeld>> {
        Err(Box::new(match Self::ask_on(store, request, answer) {
            Ok(Ok(Asked::Admitted(hold, admitted))) => {
                read(&admitted);
                return Ok(hold);
            }
            Ok(Ok(Asked::Refused(refused))) => NotHeld::Refused(refused),
            Ok(Err(error)) => NotHeld::Failed(error),
            Err(admitting) => NotHeld::Later(admitting),
        }))
    }

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

    /// The same, for who need not wait if the store answers at once.
    ///
    /// # Errors
    ///
    /// The future, which is that of [`commit`](Self::commit), where the store has to be waited for. Within,
    /// its error.
    #[inline]
    pub fn commit_now(mut self, units: &[u64]) -> Result<Result<Settlement, StoreError>, Settling> {
        match self.open.take() {
            Some(open) => settle_now(open.store, self.id, Ending::Commit(units), open.counted),
            None => Ok(Ok(Settlement::AlreadySettled)),
        }
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

impl Asked {
    /// What a store's answer comes to. `store` gives the store, if there is something to be settled.
    #[inline]
    pub(crate) fn of(
        answer: Result<ReserveOutcome, StoreError>,
        store: impl FnOnce() -> Arc<dyn UsageStore>,
    ) -> Result<Self, StoreError> {
        observe::reserved(&answer);
        Ok(match answer? {
            ReserveOutcome::Admitted(admitted) => {
                Self::Admitted(Hold::new(store(), &admitted), admitted)
            }
            ReserveOutcome::Refused(refused) => Self::Refused(refused),
        })
    }
}

impl From<Admission> for Asked {
    fn from(admission: Admission) -> Self {
        match admission {
            Admission::Admitted(reservation) => {
                let (hold, admitted) = reservation.into_parts();
                Self::Admitted(hold, admitted)
            }
            Admission::Refused(refused) => Self::Refused(refused),
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tiergate_core::{Limit, Subject};

    use super::*;
    use crate::{Claim, CounterKey, CounterWindow, MemoryUsage, Reservation, Settlement};

    fn claims(units: u64) -> [Claim; 1] {
        let key = CounterKey::new(Subject::user("ada"), "storage", CounterWindow::Level);
        [Claim::new(key, units, Limit::AtMost(5))]
    }

    fn ask(store: &Arc<dyn UsageStore>, units: u64) -> Asked {
        let claims = claims(units);
        let request = Reserve::new(&claims, Duration::from_secs(60));
        Hold::ask(store, request)
            .expect("it answers at once")
            .unwrap()
    }

    fn used(store: &Arc<dyn UsageStore>) -> u64 {
        let key = claims(1)[0].key().clone();
        store.peek(&[key]).now_or_never().unwrap().unwrap()[0].used()
    }

    #[test]
    fn what_is_held_is_used_or_given_back() {
        let store: Arc<dyn UsageStore> = Arc::new(MemoryUsage::new());
        let Asked::Admitted(hold, admitted) = ask(&store, 3) else {
            panic!("nothing is used");
        };
        assert_eq!((hold.id(), hold.replay()), (admitted.id(), Replay::First));
        assert_eq!(admitted.states()[0].used(), 3);
        assert!(matches!(ask(&store, 3), Asked::Refused(_)));
        drop(hold);
        assert_eq!(used(&store), 0);

        let Asked::Admitted(hold, _) = ask(&store, 3) else {
            panic!("it was given back");
        };
        let settled = hold.commit(&[2]).now_or_never().unwrap();
        assert_eq!(settled.unwrap(), Settlement::Settled);
        assert_eq!(used(&store), 2);
    }

    #[test]
    fn a_reservation_that_is_taken_apart_holds_on() {
        let store: Arc<dyn UsageStore> = Arc::new(MemoryUsage::new());
        let claims = claims(3);
        let request = Reserve::new(&claims, Duration::from_secs(60));
        let admission = Reservation::admit(Arc::clone(&store), request).now_or_never();
        let Asked::Admitted(hold, _) = admission.unwrap().unwrap().into() else {
            panic!("nothing is used");
        };
        assert_eq!(used(&store), 3);
        drop(hold.release());
        assert_eq!(used(&store), 0);
    }
}
