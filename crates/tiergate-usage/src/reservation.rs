//! A reservation that can't be forgotten.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use smallvec::SmallVec;

use crate::hold::{Asked, Hold};
use crate::settle::{Settling, await_abandoned};
use crate::{
    Admitted, MAX_CLAIMS, Refused, ReservationId, Reserve, ReserveOutcome, StoreError, StoreFuture,
    UsageStore,
};

/// Units that were admitted, and are given back unless they are committed.
///
/// Dropping a reservation releases it, also when a handler panics or its client goes away. If the
/// store answers at once, the units are back when `drop` returns. If not, a task of the current
/// tokio runtime releases them, and tries again when the store fails. Without a runtime, or when
/// the store stays away, they come back when the reservation expires. So they do when the store
/// panics; a panic of the store never leaves `drop`.
///
/// The runtime needs its timer (`enable_time`), unless the store always answers at once.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use tiergate_core::{Limit, Subject};
/// use tiergate_usage::{
///     Admission, Claim, CounterKey, CounterWindow, MemoryUsage, Reservation, Reserve, UsageStore,
/// };
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let store: Arc<dyn UsageStore> = Arc::new(MemoryUsage::new());
/// let stored = CounterKey::new(Subject::user("42"), "storage_limit_gb", CounterWindow::Level);
/// let claims = [Claim::new(stored.clone(), 3, Limit::AtMost(5))];
/// let request = Reserve::new(&claims, Duration::from_secs(60));
///
/// // Not committed, so nothing is used.
/// drop(Reservation::admit(Arc::clone(&store), request).await?);
/// assert_eq!(store.peek(std::slice::from_ref(&stored)).await?[0].used(), 0);
///
/// // Two of the three were needed.
/// if let Admission::Admitted(reservation) = Reservation::admit(Arc::clone(&store), request).await? {
///     reservation.commit_with(&[2]).await?;
/// }
/// assert_eq!(store.peek(&[stored]).await?[0].used(), 2);
/// # Ok::<(), tiergate_usage::StoreError>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a reservation that is dropped is released"]
pub struct Reservation {
    hold: Hold,
    admitted: Admitted,
    units: Units,
}

type Units = SmallVec<[u64; MAX_CLAIMS]>;

/// What became of an operation: a reservation, or a refusal.
#[derive(Debug)]
pub enum Admission {
    /// It may go on, and its units are held.
    Admitted(Reservation),
    /// A limit leaves no room for it.
    Refused(Refused),
}

impl Reservation {
    /// Asks `store` for the claims of `request`.
    ///
    /// The future asks once it is polled, unless the store answers at once: then it has been asked
    /// when this returns. Dropping the future half-way asks for nothing that stays: the answer is
    /// awaited in a task and, if it admits, released. Without a tokio runtime it is left to expire.
    ///
    /// # Errors
    ///
    /// The future fails when [`UsageStore::reserve`] does.
    pub fn admit(store: Arc<dyn UsageStore>, request: Reserve<'_>) -> Admitting {
        let answer = store.reserve(request);
        Admitting::of(answer, store, request)
    }

    /// Guards an operation that `store` has admitted, with the units of its claims.
    #[inline]
    pub fn new(store: Arc<dyn UsageStore>, admitted: Admitted, units: &[u64]) -> Self {
        Self {
            hold: Hold::new(store, &admitted),
            admitted,
            units: Units::from_slice(units),
        }
    }

    /// What the store knows it by.
    #[must_use]
    pub fn id(&self) -> ReservationId {
        self.admitted.id()
    }

    /// What the store answered: the counters, and whether it was a retry.
    #[must_use]
    pub fn admitted(&self) -> &Admitted {
        &self.admitted
    }

    /// The units that are held, of each claim.
    #[must_use]
    pub fn units(&self) -> &[u64] {
        &self.units
    }

    /// Commits the units that were reserved.
    ///
    /// The commit begins with this call, and goes on when the future is dropped. If the store fails
    /// it is tried again a few times; what can't be committed then is given back when the
    /// reservation expires.
    ///
    /// # Errors
    ///
    /// The future fails with the last failure of [`UsageStore::commit`].
    pub fn commit(self) -> Settling {
        self.hold.commit(&self.units)
    }

    /// Commits what was really used of each claim, more or less than was reserved.
    ///
    /// See [`commit`](Self::commit). With a number of units other than the number of claims the
    /// store refuses to commit, and the reservation is left to expire.
    ///
    /// # Errors
    ///
    /// As for [`commit`](Self::commit).
    pub fn commit_with(self, units: &[u64]) -> Settling {
        self.hold.commit(units)
    }

    /// Gives all units back, as dropping does, but tells how that went.
    ///
    /// # Errors
    ///
    /// The future fails with the last failure of [`UsageStore::release`].
    pub fn release(self) -> Settling {
        self.hold.release()
    }

    /// The guard, and what the store answered, as [`Hold::ask`] tells them.
    pub fn into_parts(self) -> (Hold, Admitted) {
        (self.hold, self.admitted)
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation")
            .field("admitted", &self.admitted)
            .field("units", &self.units)
            .finish_non_exhaustive()
    }
}

/// The answer to [`Reservation::admit`], still to come or there already.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Admitting {
    // None once it has answered.
    pending: Option<Pending>,
}

#[derive(Debug)]
struct Pending {
    answer: StoreFuture<Result<ReserveOutcome, StoreError>>,
    progress: Progress,
    store: Arc<dyn UsageStore>,
    units: Units,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    NotPolled,
    Polled,
}

impl Admission {
    /// What a store's answer to a request for so many units comes to.
    #[inline]
    fn of(
        answer: Result<ReserveOutcome, StoreError>,
        store: Arc<dyn UsageStore>,
        units: Units,
    ) -> Result<Self, StoreError> {
        Ok(match Asked::of(answer, || store)? {
            Asked::Admitted(hold, admitted) => Self::Admitted(Reservation {
                hold,
                admitted,
                units,
            }),
            Asked::Refused(refused) => Self::Refused(refused),
        })
    }
}

impl Admitting {
    pub(crate) fn of(
        answer: StoreFuture<Result<ReserveOutcome, StoreError>>,
        store: Arc<dyn UsageStore>,
        request: Reserve<'_>,
    ) -> Self {
        Self {
            pending: Some(Pending {
                answer,
                progress: Progress::NotPolled,
                store,
                units: request.units(),
            }),
        }
    }

    /// The answer, if the store gave it at once.
    ///
    /// # Errors
    ///
    /// The future itself, untouched, when the answer is still to come.
    #[expect(
        clippy::result_large_err,
        reason = "the future itself is handed back, unallocated"
    )]
    pub fn now_or_never(mut self) -> Result<Result<Admission, StoreError>, Self> {
        let Some(mut pending) = self.pending.take() else {
            return Err(self);
        };
        match pending.answer.now_or_never() {
            Ok(answer) => Ok(Admission::of(answer, pending.store, pending.units)),
            Err(answer) => {
                pending.answer = answer;
                self.pending = Some(pending);
                Err(self)
            }
        }
    }
}

impl Future for Admitting {
    type Output = Result<Admission, StoreError>;

    /// Once it has given its answer it stays pending for ever.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(pending) = &mut self.pending else {
            return Poll::Pending;
        };
        pending.progress = Progress::Polled;
        let answer = ready!(Pin::new(&mut pending.answer).poll(cx));
        match self.pending.take() {
            Some(pending) => Poll::Ready(Admission::of(answer, pending.store, pending.units)),
            None => Poll::Pending,
        }
    }
}

impl Drop for Admitting {
    /// Gives back what the store may have admitted, or is about to.
    fn drop(&mut self) {
        let Some(pending) = self.pending.take() else {
            return;
        };
        match pending.answer.now_or_never() {
            Ok(answer) => drop(Admission::of(answer, pending.store, pending.units)),
            Err(answer) if pending.progress == Progress::Polled => {
                // What the task owns has no such `drop`, so this ends when the task is dropped.
                let (store, units) = (pending.store, pending.units);
                await_abandoned(answer, move |answer| {
                    drop(Admission::of(answer, store, units));
                });
            }
            // It was never asked.
            Err(_) => {}
        }
    }
}
