//! A unit is reserved, and then committed.

use std::sync::Arc;
use std::time::Duration;

use tiergate::usage::{
    Admission, Claim, Reservation, Reserve, ReserveOutcome, Settlement, StoreFuture,
};
use tiergate::{Subject, UsageStore};
use tokio::runtime::{EnterGuard, Handle};

use crate::Take;
use crate::claims::{Limits, Walk};

const TTL: Duration = Duration::from_secs(30);

/// A store that has the counters of all customers.
pub(crate) struct Filled<S, const N: usize> {
    store: Arc<S>,
    limits: Limits<N>,
    /// Where answers are awaited that do not come at once.
    runtime: Option<Handle>,
}

impl<S: UsageStore, const N: usize> Filled<S, N> {
    /// With a store that answers at once.
    pub(crate) fn new(store: S, limits: Limits<N>, walk: &Walk) -> Self {
        Self {
            store: Arc::new(store),
            limits,
            runtime: None,
        }
        .warmed_up(walk)
    }

    /// With a store that works on `runtime`.
    pub(crate) fn on_runtime(store: S, limits: Limits<N>, walk: &Walk, runtime: &Handle) -> Self {
        Self {
            store: Arc::new(store),
            limits,
            runtime: Some(runtime.clone()),
        }
        .warmed_up(walk)
    }

    fn warmed_up(self, walk: &Walk) -> Self {
        let entered = self.runtime.as_ref().map(Handle::enter);
        for id in walk.customers() {
            self.pair(&self.limits.claims(&Subject::user(id)));
        }
        drop(entered);
        self
    }

    /// What the requests of a walk count, claims ready made.
    pub(crate) fn counted(&self, walk: &Walk) -> Counted<'_, S, N> {
        let claims = |id: String| self.limits.claims(&Subject::user(id));
        Counted {
            filled: self,
            claims: walk.requests().map(claims).collect(),
        }
    }

    /// The same as a gate does it: claims are made of the subject that came with the request, and a guard
    /// holds what is reserved.
    pub(crate) fn guarded(&self, walk: &Walk) -> Guarded<'_, S, N> {
        Guarded {
            filled: self,
            subjects: walk.requests().map(Subject::user).collect(),
        }
    }

    fn pair(&self, claims: &[Claim; N]) -> u64 {
        let outcome = self.answer(self.store.reserve(Reserve::new(claims, TTL)));
        let Ok(ReserveOutcome::Admitted(admitted)) = outcome else {
            panic!("it fits");
        };
        let settled = self.answer(self.store.commit(admitted.id(), &[1; N]));
        assert!(matches!(settled, Ok(Settlement::Settled)));
        admitted.states()[0].used()
    }

    fn answer<T>(&self, answer: StoreFuture<T>) -> T {
        match (answer.now_or_never(), &self.runtime) {
            (Ok(answer), _) => answer,
            (Err(later), Some(runtime)) => runtime.block_on(later),
            (Err(_), None) => panic!("it answers at once"),
        }
    }
}

/// Requests that take one unit of each of their limits.
pub(crate) struct Counted<'a, S, const N: usize> {
    filled: &'a Filled<S, N>,
    claims: Vec<[Claim; N]>,
}

impl<S: UsageStore, const N: usize> Take for Counted<'_, S, N> {
    fn take(&self, request: usize) -> u64 {
        self.filled.pair(&self.claims[request])
    }

    fn enter(&self) -> Option<EnterGuard<'_>> {
        self.filled.runtime.as_ref().map(Handle::enter)
    }
}

/// The same with the guard that a gate uses.
pub(crate) struct Guarded<'a, S, const N: usize> {
    filled: &'a Filled<S, N>,
    subjects: Vec<Subject>,
}

impl<S: UsageStore, const N: usize> Take for Guarded<'_, S, N> {
    fn take(&self, request: usize) -> u64 {
        let claims = self.filled.limits.claims(&self.subjects[request]);
        let store: Arc<dyn UsageStore> = Arc::<S>::clone(&self.filled.store);
        let admitting = Reservation::admit(store, Reserve::new(&claims, TTL));
        let Ok(Ok(Admission::Admitted(reservation))) = admitting.now_or_never() else {
            panic!("it fits");
        };
        let used = reservation.admitted().states()[0].used();
        let settled = reservation.commit().now_or_never();
        assert!(matches!(settled, Ok(Ok(Settlement::Settled))));
        used
    }
}
