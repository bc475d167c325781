//! A unit is reserved, and then committed.

use std::sync::Arc;
use std::time::Duration;

use tiergate::UsageStore;
use tiergate::usage::{
    Admission, Claim, CounterKey, Reservation, Reserve, ReserveOutcome, Settlement, StoreFuture,
};
use tokio::runtime::Handle;

use crate::Take;

const TTL: Duration = Duration::from_secs(30);

/// Claims of one unit each, by the number of who makes them.
pub(crate) struct Counted<S, const N: usize> {
    store: Arc<S>,
    claims: Vec<[Claim; N]>,
    /// Where answers are awaited that do not come at once.
    runtime: Option<Handle>,
}

impl<S: UsageStore, const N: usize> Counted<S, N> {
    /// Counts with a store that answers at once.
    pub(crate) fn new(store: Arc<S>, claims: Vec<[Claim; N]>) -> Self {
        Self {
            store,
            claims,
            runtime: None,
        }
        .warmed_up()
    }

    /// Counts with a store that works on `runtime`.
    pub(crate) fn on_runtime(store: Arc<S>, claims: Vec<[Claim; N]>, runtime: &Handle) -> Self {
        Self {
            store,
            claims,
            runtime: Some(runtime.clone()),
        }
        .warmed_up()
    }

    /// Has the store make its counters under keys that lie elsewhere than those it is asked by later,
    /// because requests bring keys of their own.
    fn warmed_up(self) -> Self {
        let elsewhere = self.claims.iter().map(|claims| {
            claims.each_ref().map(|claim| {
                let (key, subject) = (claim.key(), claim.key().subject());
                let subject = tiergate::Subject::new(subject.kind(), subject.id());
                let key = CounterKey::new(subject, key.shared_feature(), key.window());
                Claim::new(key, claim.units(), claim.limit())
            })
        });
        for claims in elsewhere {
            self.pair(&claims);
        }
        self
    }

    fn pair(&self, claims: &[Claim; N]) {
        let _entered = self.runtime.as_ref().map(Handle::enter);
        let outcome = self.answer(self.store.reserve(Reserve::new(claims, TTL)));
        let Ok(ReserveOutcome::Admitted(admitted)) = outcome else {
            panic!("it fits");
        };
        let settled = self.answer(self.store.commit(admitted.id(), &[1; N]));
        assert!(matches!(settled, Ok(Settlement::Settled)));
    }

    fn answer<T>(&self, answer: StoreFuture<T>) -> T {
        match (answer.now_or_never(), &self.runtime) {
            (Ok(answer), _) => answer,
            (Err(later), Some(runtime)) => runtime.block_on(later),
            (Err(_), None) => panic!("it answers at once"),
        }
    }
}

impl<S: UsageStore, const N: usize> Take for Counted<S, N> {
    fn take(&self, number: usize) {
        self.pair(&self.claims[number]);
    }
}

/// The same with the guard that a gate uses.
pub(crate) struct Guarded {
    store: Arc<dyn UsageStore>,
    claims: Vec<[Claim; 1]>,
}

impl Guarded {
    pub(crate) fn new(store: Arc<dyn UsageStore>, claims: Vec<[Claim; 1]>) -> Self {
        Self { store, claims }
    }
}

impl Take for Guarded {
    fn take(&self, number: usize) {
        let request = Reserve::new(&self.claims[number], TTL);
        let admitting = Reservation::admit(Arc::clone(&self.store), request);
        let Ok(Ok(Admission::Admitted(reservation))) = admitting.now_or_never() else {
            panic!("it fits");
        };
        let settled = reservation.commit().now_or_never();
        assert!(matches!(settled, Ok(Ok(Settlement::Settled))));
    }
}
