//! A unit of a limit: taken, and used.

use std::sync::Arc;
use std::time::Duration;

use gungraun::{library_benchmark, library_benchmark_group};
use side_by_side::at_once;
use tiergate::time::Timestamp;
use tiergate::usage::{
    Claim, CounterKey, CounterWindow, LeasedUsage, Rates, Reserve, ReserveOutcome, Settlement,
};
use tiergate::{Limit, MemoryUsage, UsageStore};
use tokio::runtime::{Builder, Runtime};

use crate::clock::Still;
use crate::subscribers::{LIMIT, subjects};

/// Above what anybody uses.
const PLENTY: u64 = 1 << 50;
const TTL: Duration = Duration::from_secs(30);

const QUOTA: CounterWindow = CounterWindow::Fixed {
    start: Timestamp::from_seconds(0),
    end: Timestamp::from_seconds(4_102_444_800),
};
const RATE: CounterWindow = CounterWindow::Sliding {
    length: Duration::from_secs(60),
};

/// A store that has counted for each subject before.
pub(crate) struct Counting<S> {
    store: S,
    claims: Vec<Claim>,
    /// What leases are kept alive by.
    _runtime: Runtime,
}

impl<S: UsageStore> Counting<S> {
    fn by(make: impl FnOnce() -> S, window: CounterWindow) -> Self {
        let feature: Arc<str> = LIMIT.into();
        let claims: Vec<Claim> = subjects()
            .into_iter()
            .map(|subject| {
                let key = CounterKey::new(subject, Arc::clone(&feature), window);
                Claim::new(key, 1, Limit::AtMost(PLENTY))
            })
            .collect();
        let runtime = Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime without I/O can always be built");
        let store = runtime.block_on(async {
            let store = make();
            for claim in &claims {
                have_in_hand(&store, claim).await;
            }
            store
        });
        Self {
            store,
            claims,
            _runtime: runtime,
        }
    }

    /// Takes and uses a unit of each. Everything is given back, so that dropping it is not counted.
    fn count(self) -> Self {
        for claim in &self.claims {
            let reserve = Reserve::new(std::slice::from_ref(claim), TTL);
            let Ok(ReserveOutcome::Admitted(admitted)) = at_once(self.store.reserve(reserve))
            else {
                panic!("it fits");
            };
            let settled = at_once(self.store.commit(admitted.id(), &[1]));
            assert!(matches!(settled, Ok(Settlement::Settled)));
        }
        self
    }
}

/// Takes many units and gives them back: a front that leases has them then, and need not ask again.
async fn have_in_hand(store: &impl UsageStore, claim: &Claim) {
    let many = Claim::new(claim.key().clone(), 1_000, claim.limit());
    let reserve = Reserve::new(std::slice::from_ref(&many), TTL);
    let Ok(ReserveOutcome::Admitted(admitted)) = store.reserve(reserve).await else {
        panic!("it fits");
    };
    let settled = store.commit(admitted.id(), &[1]).await;
    assert!(matches!(settled, Ok(Settlement::Settled)));
}

fn memory() -> MemoryUsage {
    MemoryUsage::with_clock(Arc::new(Still::default()))
}

fn leased() -> LeasedUsage {
    LeasedUsage::builder(Arc::new(memory()))
        .clock(Arc::new(Still::default()))
        .ahead(PLENTY)
        .rates(Rates::Leased)
        .build()
}

#[library_benchmark]
#[bench::quota(Counting::by(memory, QUOTA))]
#[bench::rate(Counting::by(memory, RATE))]
fn memory_reserve_commit(counting: Counting<MemoryUsage>) -> Counting<MemoryUsage> {
    counting.count()
}

#[library_benchmark]
#[bench::quota(Counting::by(leased, QUOTA))]
fn leased_reserve_commit(counting: Counting<LeasedUsage>) -> Counting<LeasedUsage> {
    counting.count()
}

library_benchmark_group!(
    name = limits,
    benchmarks = [memory_reserve_commit, leased_reserve_commit]
);
