//! A front, its store, and what befalls the messages between them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tiergate_clock::{Clock, ManualClock};
use tiergate_core::time::Timestamp;
use tiergate_core::{Limit, Subject};
use tiergate_usage::{
    Adjustment, Claim, CounterKey, CounterStates, CounterWindow, Lease, LeaseEnd, LeaseExtension,
    LeaseId, LeaseOutcome, LeasedUsage, LeasedUsageBuilder, Lowered, MemoryUsage, RateBlock,
    RateBlockOutcome, Refused, ReservationId, Reserve, ReserveOutcome, Settlement, SharedStore,
    StoreError, StoreErrorKind, StoreFuture, Tally, UsageStore,
};

pub(crate) const TTL: Duration = Duration::from_secs(300);

/// The time of the runtime.
#[derive(Debug)]
pub(crate) struct TokioClock {
    start: Timestamp,
    origin: tokio::time::Instant,
}

impl TokioClock {
    pub(crate) fn new() -> Self {
        Self {
            start: ManualClock::default().now(),
            origin: tokio::time::Instant::now(),
        }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        self.start.saturating_add(self.elapsed())
    }

    fn elapsed(&self) -> Duration {
        self.origin.elapsed()
    }
}

/// What befalls messages about leases.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Weather {
    Fine,
    Slow(Duration),
    /// The store neither acts nor answers.
    Hang,
    /// The store acts, and its answer is lost.
    LoseAnswers,
    /// The store does not act, and says so.
    Away,
}

#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) inner: MemoryUsage,
    weather: Mutex<Weather>,
    leases: AtomicU64,
    reports: AtomicU64,
    blocks: AtomicU64,
    direct: AtomicU64,
}

impl Store {
    pub(crate) fn set(&self, weather: Weather) {
        *self.weather.lock().unwrap() = weather;
    }

    pub(crate) fn leases(&self) -> u64 {
        self.leases.load(Ordering::Relaxed)
    }

    pub(crate) fn reports(&self) -> u64 {
        self.reports.load(Ordering::Relaxed)
    }

    /// Blocks of rates that were asked for.
    pub(crate) fn blocks(&self) -> u64 {
        self.blocks.load(Ordering::Relaxed)
    }

    /// Operations that went straight to the store.
    pub(crate) fn direct(&self) -> u64 {
        self.direct.load(Ordering::Relaxed)
    }

    pub(crate) async fn tally(&self, key: &CounterKey) -> (u64, u64) {
        let tally = self.inner.tally(key).await.unwrap();
        (tally.committed(), tally.open())
    }

    pub(crate) fn through<T: Send + 'static>(
        self: &Arc<Self>,
        act: impl FnOnce(&MemoryUsage) -> StoreFuture<Result<T, StoreError>> + Send + 'static,
    ) -> StoreFuture<Result<T, StoreError>> {
        let store = Arc::clone(self);
        StoreFuture::boxed(async move {
            let weather = *store.weather.lock().unwrap();
            match weather {
                Weather::Fine => act(&store.inner).await,
                Weather::Slow(length) => {
                    tokio::time::sleep(length).await;
                    act(&store.inner).await
                }
                Weather::Hang => std::future::pending().await,
                Weather::LoseAnswers => {
                    drop(act(&store.inner).await);
                    std::future::pending().await
                }
                Weather::Away => Err(StoreError::new(StoreErrorKind::Unavailable)),
            }
        })
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Front(pub(crate) Arc<Store>);

impl UsageStore for Front {
    fn reserve(&self, request: Reserve<'_>) -> StoreFuture<Result<ReserveOutcome, StoreError>> {
        self.0.direct.fetch_add(1, Ordering::Relaxed);
        self.0.inner.reserve(request)
    }

    fn commit(
        &self,
        id: ReservationId,
        units: &[u64],
    ) -> StoreFuture<Result<Settlement, StoreError>> {
        self.0.inner.commit(id, units)
    }

    fn release(&self, id: ReservationId) -> StoreFuture<Result<Settlement, StoreError>> {
        self.0.inner.release(id)
    }

    fn peek(&self, keys: &[CounterKey]) -> StoreFuture<Result<CounterStates, StoreError>> {
        self.0.inner.peek(keys)
    }

    fn lower(&self, key: &CounterKey, units: u64) -> StoreFuture<Result<Lowered, StoreError>> {
        self.0.inner.lower(key, units)
    }
}

impl SharedStore for Front {
    fn lease(&self, lease: Lease<'_>) -> StoreFuture<Result<LeaseOutcome, StoreError>> {
        self.0.leases.fetch_add(1, Ordering::Relaxed);
        let key = lease.key.clone();
        let Lease {
            id,
            units,
            kept,
            limit,
            ttl,
            ..
        } = lease;
        self.0.through(move |inner| {
            inner.lease(Lease {
                key: &key,
                id,
                units,
                kept,
                limit,
                ttl,
            })
        })
    }

    fn extend(
        &self,
        key: &CounterKey,
        id: LeaseId,
        kept: u64,
        ttl: Duration,
    ) -> StoreFuture<Result<LeaseExtension, StoreError>> {
        self.0.reports.fetch_add(1, Ordering::Relaxed);
        let key = key.clone();
        self.0
            .through(move |inner| inner.extend(&key, id, kept, ttl))
    }

    fn end(
        &self,
        key: &CounterKey,
        id: LeaseId,
        used: u64,
    ) -> StoreFuture<Result<LeaseEnd, StoreError>> {
        let key = key.clone();
        self.0.through(move |inner| inner.end(&key, id, used))
    }

    fn take_of_rate(
        &self,
        block: RateBlock<'_>,
    ) -> StoreFuture<Result<RateBlockOutcome, StoreError>> {
        self.0.blocks.fetch_add(1, Ordering::Relaxed);
        let key = block.key.clone();
        let RateBlock {
            units,
            limit,
            spend_within,
            ..
        } = block;
        self.0.through(move |inner| {
            inner.take_of_rate(RateBlock {
                key: &key,
                units,
                limit,
                spend_within,
            })
        })
    }

    fn tally(&self, key: &CounterKey) -> StoreFuture<Result<Tally, StoreError>> {
        self.0.inner.tally(key)
    }

    fn adjust(
        &self,
        key: &CounterKey,
        adjustment: Adjustment,
    ) -> StoreFuture<Result<Tally, StoreError>> {
        self.0.inner.adjust(key, adjustment)
    }
}

pub(crate) struct World {
    pub(crate) store: Arc<Store>,
    pub(crate) usage: Arc<LeasedUsage>,
    pub(crate) key: CounterKey,
}

pub(crate) fn world(set_up: impl FnOnce(LeasedUsageBuilder) -> LeasedUsageBuilder) -> World {
    let clock = Arc::new(TokioClock::new());
    let store = Arc::new(Store {
        inner: MemoryUsage::with_clock(Arc::clone(&clock) as _),
        weather: Mutex::new(Weather::Fine),
        leases: AtomicU64::new(0),
        reports: AtomicU64::new(0),
        blocks: AtomicU64::new(0),
        direct: AtomicU64::new(0),
    });
    let builder = LeasedUsage::builder(Arc::new(Front(Arc::clone(&store))));
    let start = clock.now();
    let end = start.saturating_add(Duration::from_secs(30 * 24 * 3_600));
    let window = CounterWindow::Fixed { start, end };
    World {
        store,
        usage: Arc::new(set_up(builder.clock(clock)).build()),
        key: CounterKey::new(Subject::user("a"), "requests", window),
    }
}

impl World {
    pub(crate) fn reserve(
        &self,
        units: u64,
        limit: u64,
    ) -> StoreFuture<Result<ReserveOutcome, StoreError>> {
        let claims = [Claim::new(self.key.clone(), units, Limit::AtMost(limit))];
        self.usage.reserve(Reserve::new(&claims, TTL))
    }

    pub(crate) async fn admitted(&self, units: u64, limit: u64) -> ReservationId {
        match self.reserve(units, limit).await.unwrap() {
            ReserveOutcome::Admitted(admitted) => admitted.id(),
            ReserveOutcome::Refused(refused) => panic!("{refused:?}"),
        }
    }

    /// Waits until operations are admitted once more, which is to be soon.
    pub(crate) async fn served_again(&self, limit: u64) {
        for _ in 0..30 {
            if let Ok(ReserveOutcome::Admitted(admitted)) = self.reserve(1, limit).await {
                self.usage.release(admitted.id()).await.unwrap();
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("nobody is served any more");
    }

    pub(crate) async fn refused(&self, units: u64, limit: u64) -> Refused {
        match self.reserve(units, limit).await.unwrap() {
            ReserveOutcome::Refused(refused) => refused,
            ReserveOutcome::Admitted(_) => panic!("{units} of {limit} should not fit"),
        }
    }

    pub(crate) async fn spent(&self, units: u64, limit: u64) {
        let id = self.admitted(units, limit).await;
        let settlement = self.usage.commit(id, &[units]).await.unwrap();
        assert_eq!(settlement, Settlement::Settled);
    }

    /// Spends until blocks are large.
    pub(crate) async fn warmed_up(&self, limit: u64) -> u64 {
        for _ in 0..2_000 {
            self.spent(1, limit).await;
        }
        2_000
    }

    pub(crate) async fn returned(&self) {
        self.usage.shutdown(Duration::from_secs(60)).await.unwrap();
    }
}

pub(crate) fn kind<T>(result: Result<T, StoreError>) -> StoreErrorKind {
    match result {
        Ok(_) => panic!("the store should have failed"),
        Err(error) => error.kind(),
    }
}
