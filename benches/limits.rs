//! What it costs to take a unit of a limit and to say that it was used.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a benchmark that is set up wrong has to stop"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use side_by_side::{Comparison, Effort, Zipf, on_two_threads};
use tiergate::time::Timestamp;
use tiergate::usage::{
    Admission, Claim, CounterKey, CounterWindow, Reservation, Reserve, ReserveOutcome, Settlement,
};
use tiergate::{Limit, MemoryUsage, Subject, UsageStore};

const COUNTERS: usize = 10_000;
/// Above what any run uses.
const LIMIT: u64 = 1 << 60;
const TTL: Duration = Duration::from_secs(30);

fn main() {
    let effort = Effort::from_args();
    let ids: Vec<String> = (0..COUNTERS)
        .map(|number| format!("{number:08x}-0000-4000-8000-{number:012x}"))
        .collect();
    let bare: Vec<AtomicU64> = (0..COUNTERS).map(|_| AtomicU64::new(0)).collect();
    let mapped: DashMap<String, AtomicU64, foldhash::fast::RandomState> = ids
        .iter()
        .map(|id| (id.clone(), AtomicU64::new(0)))
        .collect();
    let gauges = claims(&ids, CounterWindow::Level);
    let quotas = claims(
        &ids,
        CounterWindow::Fixed {
            start: Timestamp::from_seconds(0),
            end: Timestamp::from_seconds(4_102_444_800),
        },
    );
    let rates = claims(
        &ids,
        CounterWindow::Sliding {
            length: Duration::from_millis(100),
        },
    );
    let store = Arc::new(MemoryUsage::new());
    let guarded: Arc<dyn UsageStore> = Arc::<MemoryUsage>::clone(&store);
    for claims in [&gauges, &quotas] {
        for claim in claims {
            reserve_and_commit(&store, claim);
        }
    }

    let floor = |times: u64, mut walk: Zipf| {
        for _ in 0..times {
            black_box(bare[walk.step()].fetch_add(1, Ordering::Relaxed));
        }
    };
    let peer = |times: u64, mut walk: Zipf| {
        for _ in 0..times {
            let counter = mapped.get(&ids[walk.step()]).expect("all are there");
            let grown = |used: u64| (used < LIMIT).then(|| used + 1);
            let taken = counter.try_update(Ordering::AcqRel, Ordering::Relaxed, grown);
            assert!(taken.is_ok());
        }
    };
    let on = |claims: &[Claim], times: u64, mut walk: Zipf| {
        for _ in 0..times {
            reserve_and_commit(&store, &claims[walk.step()]);
        }
    };
    let guard = |times: u64, mut walk: Zipf| {
        for _ in 0..times {
            let claim = std::slice::from_ref(&quotas[walk.step()]);
            let admitting = Reservation::admit(Arc::clone(&guarded), Reserve::new(claim, TTL));
            let Ok(Ok(Admission::Admitted(reservation))) = admitting.now_or_never() else {
                panic!("it fits");
            };
            let settled = reservation.commit().now_or_never();
            assert!(matches!(settled, Ok(Ok(Settlement::Settled))));
        }
    };
    let walk = Zipf::below(COUNTERS, 0);
    Comparison::new("Taking one unit: 10,000 counters, zipf")
        .column("DashMap get and compare-and-swap (peer)", |times| {
            peer(times, walk.clone());
        })
        .column("an atomic in an array (floor)", |times| {
            floor(times, walk.clone());
        })
        .column("reserve and commit, gauge", |times| {
            on(&gauges, times, walk.clone());
        })
        .column("reserve and commit, quota", |times| {
            on(&quotas, times, walk.clone());
        })
        .column("reserve and commit, rate", |times| {
            on(&rates, times, walk.clone());
        })
        .column("reserve and commit, quota, by a guard", |times| {
            guard(times, walk.clone());
        })
        .run(effort);
    Comparison::new("The same from two threads, for one of them")
        .column("DashMap get and compare-and-swap (peer)", |times| {
            on_two_threads(times, &walk, peer);
        })
        .column("an atomic in an array (floor)", |times| {
            on_two_threads(times, &walk, floor);
        })
        .column("reserve and commit, quota", |times| {
            on_two_threads(times, &walk, |times, walk| on(&quotas, times, walk));
        })
        .run(effort);
}

fn claims(ids: &[String], window: CounterWindow) -> Vec<Claim> {
    let feature: Arc<str> = "workflow_executions_monthly".into();
    ids.iter()
        .map(|id| {
            let subject = Subject::user(id.as_str());
            let key = CounterKey::new(subject, Arc::clone(&feature), window);
            Claim::new(key, 1, Limit::AtMost(LIMIT))
        })
        .collect()
}

fn reserve_and_commit(store: &MemoryUsage, claim: &Claim) {
    let request = Reserve::new(std::slice::from_ref(claim), TTL);
    let Ok(Ok(ReserveOutcome::Admitted(admitted))) = store.reserve(request).now_or_never() else {
        panic!("it fits");
    };
    let settled = store.commit(admitted.id(), &[1]).now_or_never();
    assert!(matches!(settled, Ok(Ok(Settlement::Settled))));
}
