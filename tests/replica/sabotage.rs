//! Stores with a mistake, which the scenarios have to find.

use std::sync::Arc;
use std::time::Duration;

use tiergate::Limit;
use tiergate::usage::{
    Claim, CounterKey, CounterStates, Lowered, Refusal, Refused, ReservationId, Reserve,
    ReserveOutcome, Settlement, StoreError, StoreFuture, UsageStore,
};
use tokio::time::sleep;

type Answer<T> = StoreFuture<Result<T, StoreError>>;

/// Looks whether there is room, and then counts, as a `GET` before an `INCRBY` does.
#[derive(Debug)]
pub(crate) struct LooksBeforeItCounts(pub(crate) Arc<dyn UsageStore>);

/// Says that units are committed while they are on their way.
#[derive(Debug)]
pub(crate) struct CommitsLater(pub(crate) Arc<dyn UsageStore>);

/// How long units are on their way.
const LATER: Duration = Duration::from_millis(300);

impl UsageStore for LooksBeforeItCounts {
    fn reserve(&self, request: Reserve<'_>) -> Answer<ReserveOutcome> {
        let store = Arc::clone(&self.0);
        let claims = request.claims().to_vec();
        let ttl = request.ttl();
        StoreFuture::boxed(async move {
            let keys: Vec<CounterKey> = claims.iter().map(|claim| claim.key().clone()).collect();
            let states = store.peek(&keys).await?;
            for (number, (claim, state)) in claims.iter().zip(&states).enumerate() {
                if !claim.limit().admits(state.used(), claim.units()) {
                    let refused = Refused::new(number, Refusal::Full, *state);
                    return Ok(ReserveOutcome::Refused(refused));
                }
            }
            let unlimited: Vec<Claim> = claims
                .iter()
                .map(|claim| Claim::new(claim.key().clone(), claim.units(), Limit::Unlimited))
                .collect();
            store.reserve(Reserve::new(&unlimited, ttl)).await
        })
    }

    fn commit(&self, id: ReservationId, units: &[u64]) -> Answer<Settlement> {
        self.0.commit(id, units)
    }

    fn release(&self, id: ReservationId) -> Answer<Settlement> {
        self.0.release(id)
    }

    fn peek(&self, keys: &[CounterKey]) -> Answer<CounterStates> {
        self.0.peek(keys)
    }

    fn lower(&self, key: &CounterKey, units: u64) -> Answer<Lowered> {
        self.0.lower(key, units)
    }
}

impl UsageStore for CommitsLater {
    fn reserve(&self, request: Reserve<'_>) -> Answer<ReserveOutcome> {
        self.0.reserve(request)
    }

    fn commit(&self, id: ReservationId, units: &[u64]) -> Answer<Settlement> {
        let store = Arc::clone(&self.0);
        let units = units.to_vec();
        tokio::spawn(async move {
            sleep(LATER).await;
            store.commit(id, &units).await
        });
        StoreFuture::ready(Ok(Settlement::Settled))
    }

    fn release(&self, id: ReservationId) -> Answer<Settlement> {
        self.0.release(id)
    }

    fn peek(&self, keys: &[CounterKey]) -> Answer<CounterStates> {
        self.0.peek(keys)
    }

    fn lower(&self, key: &CounterKey, units: u64) -> Answer<Lowered> {
        self.0.lower(key, units)
    }
}
