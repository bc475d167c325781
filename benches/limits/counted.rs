//! A unit is reserved, and then committed.

use std::sync::Arc;
use std::time::Duration;

use tiergate::usage::{
    Admission, Claim, Reservation, Reserve, ReserveOutcome, Settlement, StoreFuture,
};
use tiergate::{Subject, UsageStore};
use tokio::runtime::Handle;

use crate::Take;
use crate::claims::Limits;

const TTL: Duration = Duration::from_secs(30);

/// Subjects that take one unit of each of their limits.
pub(crate) struct Counted<S, const N: usize> {
    store: Arc<S>,
    subjects: Vec<Subject>,
    limits: Limits<N>,
    /// Where answers are awaited that do not come at once.
    runtime: Option<Handle>,
}

impl<S: UsageStore, const N: usize> Counted<S, N> {
    /// Counts with a store that answers at once.
    pub(crate) fn new(store: S, ids: &[String], limits: Limits<N>) -> Self {
        Self {
            store: Arc::new(store),
            subjects: subjects(ids),
            limits,
            runtime: None,
        }
        .warmed_up(ids)
    }

    /// Counts with a store that works on `runtime`.
    pub(crate) fn on_runtime(
        store: S,
        ids: &[String],
        limits: Limits<N>,
        runtime: &Handle,
    ) -> Self {
        Self {
            store: Arc::new(store),
            subjects: subjects(ids),
            limits,
            runtime: Some(runtime.clone()),
        }
        .warmed_up(ids)
    }

    /// Has the store make its counters for subjects that are not the ones it is asked for later: every
    /// request brings a subject of its own.
    fn warmed_up(self, ids: &[String]) -> Self {
        for subject in subjects(ids) {
            self.pair(&self.limits.claims(&subject));
        }
        self
    }

    fn pair(&self, claims: &[Claim; N]) -> u64 {
        let outcome = self.answer(|store| store.reserve(Reserve::new(claims, TTL)));
        let Ok(ReserveOutcome::Admitted(admitted)) = outcome else {
            panic!("it fits");
        };
        let settled = self.answer(|store| store.commit(admitted.id(), &[1; N]));
        assert!(matches!(settled, Ok(Settlement::Settled)));
        admitted.states()[0].used()
    }

    fn answer<T>(&self, ask: impl FnOnce(&S) -> StoreFuture<T>) -> T {
        let Some(runtime) = &self.runtime else {
            let answer = ask(&self.store).now_or_never();
            return answer.expect("it answers at once");
        };
        let _entered = runtime.enter();
        match ask(&self.store).now_or_never() {
            Ok(answer) => answer,
            Err(later) => runtime.block_on(later),
        }
    }
}

impl<S: UsageStore, const N: usize> Take for Counted<S, N> {
    fn take(&self, number: usize) -> u64 {
        self.pair(&self.limits.claims(&self.subjects[number]))
    }
}

/// The same with the guard that a gate uses.
pub(crate) struct Guarded<S>(Counted<S, 1>);

impl<S: UsageStore> Guarded<S> {
    pub(crate) fn new(store: S, ids: &[String], limits: Limits<1>) -> Self {
        Self(Counted::new(store, ids, limits))
    }
}

impl<S: UsageStore> Take for Guarded<S> {
    fn take(&self, number: usize) -> u64 {
        let Counted {
            store,
            subjects,
            limits,
            ..
        } = &self.0;
        let claims = limits.claims(&subjects[number]);
        let store: Arc<dyn UsageStore> = Arc::<S>::clone(store);
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

fn subjects(ids: &[String]) -> Vec<Subject> {
    ids.iter().map(|id| Subject::user(id.as_str())).collect()
}
