//! Of many operations at once, in however many processes, exactly as many are admitted as fit.

use std::sync::Arc;
use std::time::Duration;

use tiergate::clock::{ManualClock, SystemClock};
use tiergate::usage::{CounterKey, IdempotencyKey, Replay, Reserve, ReserveOutcome, UsageStore};
use tiergate_tests::Redis;

use crate::support::{MINUTE, TTL, ask, claim, clocked, gauge, quota, rate, store, used};

const STORES: usize = 4;
const TASKS: u64 = 32;

/// Each store is what a process has: a connection of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_stores_together_never_exceed_a_limit() {
    const LIMIT: u64 = 2_000;
    let Some(server) = Redis::shared().await else {
        return;
    };
    let prefix = Redis::prefix();
    let stores: Vec<_> = (0..STORES).map(|_| store(server, &prefix)).collect();
    for key in [
        gauge("x"),
        rate("x", 60 * MINUTE),
        quota("x", &SystemClock::new()),
    ] {
        let mut tasks = Vec::new();
        for (task, store) in (0..TASKS).zip(stores.iter().cycle()) {
            let (store, key) = (Arc::clone(store), key.clone());
            tasks.push(tokio::spawn(async move {
                spend(&*store, &key, task, LIMIT).await
            }));
        }
        let mut committed = 0;
        for task in tasks {
            committed += task.await.unwrap();
        }
        assert_eq!(used(&*stores[0], &key).await, committed, "{key:?}");
        // Costs are up to 50, so what is left over is less.
        assert!(
            committed <= LIMIT && committed > LIMIT - 50,
            "{committed} of {key:?}"
        );
        let rest = LIMIT - committed;
        assert!(
            ask(&*stores[1], claim(&key, rest + 1, LIMIT))
                .await
                .is_none()
        );
        assert!(ask(&*stores[2], claim(&key, rest, LIMIT)).await.is_some());
    }
}

/// Spends costs from 1 to 50 until nothing of one unit fits, and tells how much was committed.
async fn spend(store: &dyn UsageStore, key: &CounterKey, seed: u64, limit: u64) -> u64 {
    let is_rate = key.feature() == "rate";
    let mut committed = 0;
    for step in 0.. {
        let cost = (seed * 31 + step * 17) % 50 + 1;
        let Some(admitted) = ask(store, claim(key, cost, limit)).await else {
            if cost < 25 {
                break;
            }
            continue;
        };
        // Others than rates give some back.
        if step % 7 == 0 && !is_rate {
            store.release(admitted.id()).await.unwrap();
            continue;
        }
        let units = if step % 5 == 0 && !is_rate {
            cost / 2
        } else {
            cost
        };
        store.commit(admitted.id(), &[units]).await.unwrap();
        committed += units;
    }
    // The last units, one by one.
    while let Some(admitted) = ask(store, claim(key, 1, limit)).await {
        store.commit(admitted.id(), &[1]).await.unwrap();
        committed += 1;
    }
    committed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_name_counts_once_wherever_it_is_asked() {
    let Some(server) = Redis::shared().await else {
        return;
    };
    let prefix = Redis::prefix();
    let key = gauge("x");
    let mut tasks = Vec::new();
    for _ in 0..40 {
        let (store, key) = (store(server, &prefix), key.clone());
        tasks.push(tokio::spawn(async move {
            let (name, claims) = (IdempotencyKey::new("once").unwrap(), [claim(&key, 3, 5)]);
            let request = Reserve::new(&claims, TTL).with_idempotency_key(&name);
            match store.reserve(request).await.unwrap() {
                ReserveOutcome::Admitted(admitted) => {
                    store.commit(admitted.id(), &[3]).await.unwrap();
                    u32::from(admitted.replay() == Replay::First)
                }
                ReserveOutcome::Refused(refused) => panic!("{refused:?}"),
            }
        }));
    }
    let mut firsts = 0;
    for task in tasks {
        firsts += task.await.unwrap();
    }
    assert_eq!(firsts, 1);
    assert_eq!(used(&*store(server, &prefix), &key).await, 3);
}

#[tokio::test]
async fn stores_of_different_prefixes_do_not_meet() {
    let Some(server) = Redis::shared().await else {
        return;
    };
    let stores = [
        store(server, &Redis::prefix()),
        store(server, &Redis::prefix()),
    ];
    let key = gauge("x");
    let admitted = ask(&*stores[0], claim(&key, 1, 1)).await.unwrap();
    assert_eq!(used(&*stores[1], &key).await, 0);
    assert!(ask(&*stores[1], claim(&key, 1, 1)).await.is_some());
    let elsewhere = stores[1].commit(admitted.id(), &[1]).await.unwrap();
    assert_eq!(elsewhere, tiergate::usage::Settlement::Unknown);
}

/// More at once than one script deals with.
#[tokio::test]
async fn thousands_that_expire_together_are_all_back() {
    let clock = ManualClock::default();
    let Some(server) = Redis::shared().await else {
        return;
    };
    let store = clocked(server, &Redis::prefix(), clock.clone());
    let key = gauge("x");
    for _ in 0..2_500 {
        ask(&*store, claim(&key, 1, 2_500)).await.unwrap();
    }
    assert!(ask(&*store, claim(&key, 1, 2_500)).await.is_none());
    clock.advance(TTL);
    assert!(ask(&*store, claim(&key, 2_500, 2_500)).await.is_some());
    assert_eq!(store.statistics().expired, 2_500);
}

/// Time that goes back, as a server's clock does when it is set.
#[derive(Debug)]
struct Unsteady(std::sync::atomic::AtomicU64);

impl tiergate::clock::Clock for Unsteady {
    fn now(&self) -> tiergate::time::Timestamp {
        tiergate::time::Timestamp::from_seconds(1_800_000_000).saturating_add(self.elapsed())
    }

    fn elapsed(&self) -> Duration {
        Duration::from_micros(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}

#[tokio::test]
async fn a_clock_that_steps_back_reopens_nothing() {
    let Some(server) = Redis::shared().await else {
        return;
    };
    let clock = Arc::new(Unsteady(std::sync::atomic::AtomicU64::new(500_000_000)));
    let set = |seconds: u64| {
        clock
            .0
            .store(seconds * 1_000_000, std::sync::atomic::Ordering::SeqCst);
    };
    let store = clocked(server, &Redis::prefix(), Arc::clone(&clock));
    let (key, window) = (rate("x", MINUTE), quota("x", &clock));
    ask(&*store, claim(&key, 5, 10)).await.unwrap();
    ask(&*store, claim(&window, 10, 10)).await.unwrap();
    set(300);
    // These count from the latest time there was.
    ask(&*store, claim(&key, 5, 10)).await.unwrap();
    for seconds in [300, 400, 500, 559] {
        set(seconds);
        assert!(
            ask(&*store, claim(&key, 1, 10)).await.is_none(),
            "at {seconds}"
        );
        assert!(
            ask(&*store, claim(&window, 1, 10)).await.is_none(),
            "at {seconds}"
        );
    }
    set(560);
    assert!(ask(&*store, claim(&key, 10, 10)).await.is_some());
}
