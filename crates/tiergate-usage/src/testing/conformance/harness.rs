use std::sync::Arc;
use std::time::Duration;

use tiergate_clock::{Clock, ManualClock};
use tiergate_core::{Limit, Subject};

use crate::{
    Admitted, Claim, CounterKey, CounterState, CounterWindow, IdempotencyKey, Lease, LeaseEnd,
    LeaseExtension, LeaseId, LeaseOutcome, RateBlock, RateBlockOutcome, Refused, ReservationId,
    Reserve, ReserveOutcome, Settlement, SharedStore, StoreErrorKind, Tally, UsageStore,
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

/// An empty store that several processes could share, with short words for what checks do to it.
#[derive(Debug)]
pub struct SharedHarness {
    store: Arc<dyn SharedStore>,
    alone: Harness,
}

impl SharedHarness {
    /// A check's view of `store`, which reads `clock`.
    #[must_use]
    pub fn new(store: Arc<dyn SharedStore>, clock: ManualClock) -> Self {
        let alone = Harness::new(Arc::clone(&store) as Arc<dyn UsageStore>, clock);
        Self { store, alone }
    }

    pub(super) fn store(&self) -> &Arc<dyn SharedStore> {
        &self.store
    }

    /// The same store, as any other.
    pub(super) fn alone(&self) -> &Harness {
        &self.alone
    }

    pub(super) async fn ask_lease(&self, lease: Lease<'_>) -> LeaseOutcome {
        let answer = self.store.lease(lease).await;
        answer.expect("the store should answer")
    }

    /// Leases units that fit, and tells what is used then.
    pub(super) async fn leased(&self, lease: Lease<'_>) -> u64 {
        match self.ask_lease(lease).await {
            LeaseOutcome::Granted(state) => state.used(),
            other => panic!("{lease:?} should fit, but {other:?}"),
        }
    }

    pub(super) async fn take_of_rate(&self, block: RateBlock<'_>) -> RateBlockOutcome {
        let answer = self.store.take_of_rate(block).await;
        answer.expect("the store should answer")
    }

    pub(super) async fn extended(
        &self,
        key: &CounterKey,
        id: LeaseId,
        kept: u64,
    ) -> LeaseExtension {
        let answer = self.store.extend(key, id, kept, TTL).await;
        answer.expect("the store should answer")
    }

    pub(super) async fn ended(&self, key: &CounterKey, id: LeaseId, used: u64) -> LeaseEnd {
        let answer = self.store.end(key, id, used).await;
        answer.expect("the store should answer")
    }

    /// What is committed, and what is open.
    pub(super) async fn tally(&self, key: &CounterKey) -> (u64, u64) {
        let answer = self.store.tally(key).await;
        let tally: Tally = answer.expect("the store should answer");
        (tally.committed(), tally.open())
    }
}

/// The lease of a counter by number: no two counters of a check share an id.
pub(super) fn lease_id(key: &CounterKey, number: u128) -> LeaseId {
    LeaseId::from_u128(match key.window() {
        CounterWindow::Fixed { .. } => number | 1 << 127,
        CounterWindow::Level | CounterWindow::Sliding { .. } => number,
    })
}

/// A lease by number, of which nothing is kept.
pub(super) fn lease(key: &CounterKey, number: u128, units: u64, limit: u64) -> Lease<'_> {
    Lease {
        key,
        id: lease_id(key, number),
        units,
        kept: 0,
        limit: Limit::AtMost(limit),
        ttl: TTL,
    }
}

pub(super) fn claim(key: &CounterKey, units: u64, limit: u64) -> Claim {
    Claim::new(key.clone(), units, Limit::AtMost(limit))
}

pub(super) fn name(text: &str) -> IdempotencyKey {
    IdempotencyKey::new(text).expect("a valid key")
}
