use std::sync::Arc;
use std::time::Duration;

use tiergate_clock::{Clock, ManualClock};
use tiergate_core::{Limit, Subject};

use crate::{
    Admitted, Claim, CounterKey, CounterState, CounterWindow, IdempotencyKey, Refused,
    ReservationId, Reserve, ReserveOutcome, Settlement, StoreErrorKind, UsageStore,
};

/// An empty store and the clock it reads, with short words for what checks do to them.
#[derive(Debug)]
pub struct Harness {
    store: Arc<dyn UsageStore>,
    clock: ManualClock,
}

pub(super) const TTL: Duration = Duration::from_secs(600);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const TICK: Duration = Duration::from_micros(1);

impl Harness {
    /// A check's view of `store`, which reads `clock`.
    #[must_use]
    pub fn new(store: Arc<dyn UsageStore>, clock: ManualClock) -> Self {
        Self { store, clock }
    }

    pub(super) fn store(&self) -> &Arc<dyn UsageStore> {
        &self.store
    }

    pub(super) fn clock(&self) -> &ManualClock {
        &self.clock
    }

    pub(super) fn gauge(&self, feature: &str) -> CounterKey {
        CounterKey::new(Subject::user("a"), feature, CounterWindow::Level)
    }

    pub(super) fn rate(&self, feature: &str) -> CounterKey {
        let window = CounterWindow::Sliding { length: MINUTE };
        CounterKey::new(Subject::user("a"), feature, window)
    }

    /// A quota whose window begins now and ends after `length`.
    pub(super) fn quota(&self, feature: &str, length: Duration) -> CounterKey {
        let start = self.clock.now();
        let end = start.saturating_add(length);
        let window = CounterWindow::Fixed { start, end };
        CounterKey::new(Subject::user("a"), feature, window)
    }

    pub(super) async fn ask(&self, claims: &[Claim]) -> ReserveOutcome {
        let answer = self.store.reserve(Reserve::new(claims, TTL)).await;
        answer.expect("the store should answer")
    }

    pub(super) async fn admitted(&self, claims: &[Claim]) -> Admitted {
        match self.ask(claims).await {
            ReserveOutcome::Admitted(admitted) => admitted,
            ReserveOutcome::Refused(refused) => panic!("{claims:?} should fit, but {refused:?}"),
        }
    }

    pub(super) async fn refused(&self, claims: &[Claim]) -> Refused {
        match self.ask(claims).await {
            ReserveOutcome::Refused(refused) => refused,
            ReserveOutcome::Admitted(_) => panic!("{claims:?} should not fit"),
        }
    }

    pub(super) async fn admitted_as(&self, key: &IdempotencyKey, claims: &[Claim]) -> Admitted {
        let request = Reserve::new(claims, TTL).with_idempotency_key(key);
        match self.store.reserve(request).await {
            Ok(ReserveOutcome::Admitted(admitted)) => admitted,
            other => panic!("{claims:?} should fit under {key}, but {other:?}"),
        }
    }

    pub(super) async fn fault(&self, request: Reserve<'_>) -> StoreErrorKind {
        let answer = self.store.reserve(request).await;
        answer.expect_err("the store should fail").kind()
    }

    pub(super) async fn committed(&self, id: ReservationId, units: &[u64]) -> Settlement {
        let answer = self.store.commit(id, units).await;
        answer.expect("the store should answer")
    }

    pub(super) async fn released(&self, id: ReservationId) -> Settlement {
        let answer = self.store.release(id).await;
        answer.expect("the store should answer")
    }

    pub(super) async fn state(&self, key: &CounterKey) -> CounterState {
        let answer = self.store.peek(std::slice::from_ref(key)).await;
        let states = answer.expect("the store should answer");
        *states.first().expect("a state for the key")
    }

    pub(super) async fn used(&self, key: &CounterKey) -> u64 {
        self.state(key).await.used()
    }
}

pub(super) fn claim(key: &CounterKey, units: u64, limit: u64) -> Claim {
    Claim::new(key.clone(), units, Limit::AtMost(limit))
}

pub(super) fn name(text: &str) -> IdempotencyKey {
    IdempotencyKey::new(text).expect("a valid key")
}
