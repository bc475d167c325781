//! The store in memory keeps every promise, whether its answers are ready or late.

use std::sync::Arc;

use tiergate_usage::{MemoryUsage, UsageStore};

mod memory {
    use super::*;

    tiergate_usage::usage_store_conformance!(async |clock| {
        Arc::new(MemoryUsage::with_clock(Arc::new(clock))) as Arc<dyn UsageStore>
    });
}

/// Answers late every time, as a remote store does.
#[derive(Debug)]
struct Late(MemoryUsage);

mod late {
    use super::*;
    use tiergate_usage::{
        CounterKey, CounterStates, Lowered, ReservationId, Reserve, ReserveOutcome, Settlement,
        StoreError, StoreFuture,
    };

    fn late<T: Send + 'static>(answer: StoreFuture<T>) -> StoreFuture<T> {
        StoreFuture::boxed(async move {
            tokio::task::yield_now().await;
            answer.await
        })
    }

    impl UsageStore for Late {
        fn reserve(&self, request: Reserve<'_>) -> StoreFuture<Result<ReserveOutcome, StoreError>> {
            late(self.0.reserve(request))
        }

        fn commit(
            &self,
            id: ReservationId,
            units: &[u64],
        ) -> StoreFuture<Result<Settlement, StoreError>> {
            late(self.0.commit(id, units))
        }

        fn release(&self, id: ReservationId) -> StoreFuture<Result<Settlement, StoreError>> {
            late(self.0.release(id))
        }

        fn peek(&self, keys: &[CounterKey]) -> StoreFuture<Result<CounterStates, StoreError>> {
            late(self.0.peek(keys))
        }

        fn lower(&self, key: &CounterKey, units: u64) -> StoreFuture<Result<Lowered, StoreError>> {
            late(self.0.lower(key, units))
        }
    }

    tiergate_usage::usage_store_conformance!(async |clock| {
        Arc::new(Late(MemoryUsage::with_clock(Arc::new(clock)))) as Arc<dyn UsageStore>
    });
}

mod shared_memory {
    use super::*;
    use tiergate_usage::SharedStore;

    tiergate_usage::shared_store_conformance!(async |clock| {
        Arc::new(MemoryUsage::with_clock(Arc::new(clock))) as Arc<dyn SharedStore>
    });
}

mod leased {
    use super::*;
    use tiergate_usage::LeasedUsage;

    tiergate_usage::usage_store_conformance!(async |clock: tiergate_clock::ManualClock| {
        let clock = Arc::new(clock);
        let store = Arc::new(MemoryUsage::with_clock(Arc::clone(&clock) as _));
        Arc::new(LeasedUsage::builder(store).clock(clock).build()) as Arc<dyn UsageStore>
    });
}

mod leased_with_rates {
    use super::*;
    use tiergate_usage::{LeasedUsage, Rates};

    tiergate_usage::usage_store_conformance!(async |clock: tiergate_clock::ManualClock| {
        let clock = Arc::new(clock);
        let store = Arc::new(MemoryUsage::with_clock(Arc::clone(&clock) as _));
        let builder = LeasedUsage::builder(store).rates(Rates::Leased);
        Arc::new(builder.clock(clock).build()) as Arc<dyn UsageStore>
    });
}
