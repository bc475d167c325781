//! The store in memory is exact under many threads.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that fails panics"
)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use tiergate_core::{Limit, Subject};
use tiergate_usage::{
    Claim, CounterKey, CounterWindow, IdempotencyKey, MemoryUsage, Replay, Reserve, ReserveOutcome,
    Settlement, UsageStore,
};

const TTL: Duration = Duration::from_secs(3_600);
const THREADS: usize = 8;

fn level(subject: &str) -> CounterKey {
    CounterKey::new(Subject::user(subject), "feature", CounterWindow::Level)
}

fn hour(subject: &str) -> CounterKey {
    let length = Duration::from_secs(3_600);
    CounterKey::new(
        Subject::user(subject),
        "feature",
        CounterWindow::Sliding { length },
    )
}

fn used(store: &MemoryUsage, key: &CounterKey) -> u64 {
    store
        .peek(std::slice::from_ref(key))
        .now_or_never()
        .unwrap()
        .unwrap()[0]
        .used()
}

fn reserve(store: &MemoryUsage, claims: &[Claim]) -> ReserveOutcome {
    store
        .reserve(Reserve::new(claims, TTL))
        .now_or_never()
        .unwrap()
        .unwrap()
}

fn settled<E>(answer: Result<Result<Settlement, tiergate_usage::StoreError>, E>) -> Settlement {
    answer.ok().unwrap().unwrap()
}

/// Runs `work` on all threads at once, and adds up what they return.
fn at_once(work: impl Fn(usize) -> u64 + Send + Sync) -> u64 {
    let (barrier, sum) = (Barrier::new(THREADS), AtomicU64::new(0));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (barrier, sum, work) = (&barrier, &sum, &work);
            scope.spawn(move || {
                barrier.wait();
                sum.fetch_add(work(thread), Ordering::Relaxed);
            });
        }
    });
    sum.into_inner()
}

#[test]
fn at_the_edge_exactly_the_limit_is_admitted() {
    let store = MemoryUsage::new();
    for round in 0..100 {
        for key in [level(&format!("{round}")), hour(&format!("{round}"))] {
            let claims = [Claim::new(key.clone(), 1, Limit::AtMost(37))];
            let admitted = at_once(|_| {
                let outcomes = (0..20).map(|_| reserve(&store, &claims));
                outcomes
                    .filter(|outcome| matches!(outcome, ReserveOutcome::Admitted(_)))
                    .count() as u64
            });
            assert_eq!(admitted, 37);
            assert_eq!(used(&store, &key), 37);
        }
    }
}

#[test]
fn several_subjects_move_together_whatever_their_order() {
    let store = MemoryUsage::new();
    let keys: Vec<CounterKey> = (0..4).map(|n| level(&format!("s{n}"))).collect();
    let admitted = at_once(|thread| {
        let mut order: Vec<&CounterKey> = keys.iter().collect();
        order.rotate_left(thread % 4);
        if thread >= 4 {
            order.reverse();
        }
        let claims: Vec<Claim> = order
            .into_iter()
            .map(|key| Claim::new(key.clone(), 1, Limit::AtMost(300)))
            .collect();
        let mut kept = 0;
        for round in 0..500 {
            let ReserveOutcome::Admitted(admitted) = reserve(&store, &claims) else {
                continue;
            };
            let answer = if round % 3 == 0 {
                kept += 1;
                store.commit(admitted.id(), &[1; 4])
            } else {
                store.release(admitted.id())
            };
            assert_eq!(settled(answer.now_or_never()), Settlement::Settled);
        }
        kept
    });
    for key in &keys {
        assert_eq!(used(&store, key), admitted);
    }
    assert!(admitted <= 300);
    assert_eq!(store.statistics().open(), 0);
}

#[test]
fn one_key_counts_once_however_many_retry_at_once() {
    let store = MemoryUsage::new();
    for round in 0..200 {
        let key = level(&format!("{round}"));
        let claims = [Claim::new(key.clone(), 3, Limit::AtMost(10))];
        let name = IdempotencyKey::new("operation").unwrap();
        let first = at_once(|thread| {
            let request = Reserve::new(&claims, TTL).with_idempotency_key(&name);
            let outcome = store.reserve(request).now_or_never().unwrap().unwrap();
            let ReserveOutcome::Admitted(admitted) = outcome else {
                panic!("it fits");
            };
            if thread % 2 == 0 {
                let _ = settled(store.commit(admitted.id(), &[3]).now_or_never());
            } else {
                let _ = settled(store.release(admitted.id()).now_or_never());
            }
            u64::from(admitted.replay() == Replay::First)
        });
        assert!(first >= 1);
        assert_eq!(used(&store, &key), 3, "committed once, in round {round}");
    }
}

#[test]
fn what_is_settled_by_several_threads_is_settled_once() {
    let store = MemoryUsage::new();
    let key = level("a");
    let claims = [Claim::new(key.clone(), 2, Limit::Unlimited)];
    for _ in 0..200 {
        let ReserveOutcome::Admitted(admitted) = reserve(&store, &claims) else {
            panic!("it fits");
        };
        let settled = at_once(|_| {
            u64::from(settled(store.release(admitted.id()).now_or_never()) == Settlement::Settled)
        });
        assert_eq!(settled, 1);
    }
    assert_eq!(used(&store, &key), 0);
}

#[test]
fn random_costs_never_pass_the_limit_and_balance() {
    let store = Arc::new(MemoryUsage::new());
    let key = level("a");
    let committed = at_once(|thread| {
        let mut random = thread as u64 + 1;
        let mut sum = 0;
        for _ in 0..3_000 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let cost = (random >> 40) % 50 + 1;
            let claims = [Claim::new(key.clone(), cost, Limit::AtMost(20_000))];
            let ReserveOutcome::Admitted(admitted) = reserve(&store, &claims) else {
                continue;
            };
            assert!(admitted.states()[0].used() <= 20_000);
            if random >> 63 == 0 {
                let _ = store.release(admitted.id()).now_or_never();
            } else {
                let actual = cost / 2;
                let _ = store.commit(admitted.id(), &[actual]).now_or_never();
                sum += actual;
            }
        }
        sum
    });
    assert_eq!(used(&store, &key), committed);
}
