//! However many ask, and through however many stores.

use std::sync::Arc;
use std::time::Duration;

use tiergate_clock::SystemClock;
use tiergate_usage::{Reserve, ReserveOutcome, SqliteUsage, UsageStore};

use crate::support::{Folder, PATIENCE, TTL, claim, gauge, quota, rate, used};

/// Stores in one file: as many processes.
const STORES: u64 = 3;
const TASKS: u64 = 8;
const ASKS: u64 = 12;
const LIMIT: u64 = 2_000;

/// Costs from 1 to 50, other ones for each task.
fn cost(task: u64, ask: u64) -> u64 {
    (task * 31 + ask * ask * 17) % 50 + 1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_of_several_stores_take_exactly_what_fits() {
    let folder = Folder::new();
    let hour = Duration::from_secs(3_600);
    for key in [gauge(), rate(hour), quota(&SystemClock::new(), hour)] {
        let mut stores = Vec::new();
        for _ in 0..STORES {
            stores.push(Arc::new(folder.store().await));
        }
        let mut tasks = Vec::new();
        for task in 0..STORES * TASKS {
            let place = usize::try_from(task % STORES).unwrap();
            let (store, key) = (Arc::clone(&stores[place]), key.clone());
            tasks.push(tokio::spawn(async move {
                let (mut taken, mut least_refused) = (0, u64::MAX);
                for ask in 0..ASKS {
                    let units = cost(task, ask);
                    let claims = [claim(&key, units, LIMIT)];
                    match store.reserve(Reserve::new(&claims, TTL)).await.unwrap() {
                        ReserveOutcome::Admitted(admitted) => {
                            store.commit(admitted.id(), &[units]).await.unwrap();
                            taken += units;
                        }
                        ReserveOutcome::Refused(_) => least_refused = least_refused.min(units),
                    }
                }
                (taken, least_refused)
            }));
        }
        let (mut taken, mut least_refused) = (0, u64::MAX);
        for task in tasks {
            let (of_task, refused) = task.await.unwrap();
            taken += of_task;
            least_refused = least_refused.min(refused);
        }
        assert!(least_refused < u64::MAX, "more was asked for than there is");
        assert!(taken <= LIMIT, "{key:?}");
        // Nothing went back, so what was refused once does not fit in the end either.
        assert!(taken + least_refused > LIMIT, "{key:?}");
        for store in stores {
            assert_eq!(used(&store, &key).await, taken, "{key:?}");
            store.close().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_that_open_a_new_file_at_once_all_open_it() {
    let folder = Folder::new();
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let file = folder.file();
        tasks.push(tokio::spawn(async move {
            let store = SqliteUsage::builder(file).deadline(PATIENCE).open().await;
            let store = store.unwrap();
            crate::support::admitted(&store, &[claim(&gauge(), 1, 8)]).await;
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(used(&folder.store().await, &gauge()).await, 8);
}

#[tokio::test]
async fn two_files_share_nothing() {
    let (one, other) = (Folder::new(), Folder::new());
    let (one, other) = (one.store().await, other.store().await);
    crate::support::admitted(&one, &[claim(&gauge(), 5, 5)]).await;
    assert_eq!(used(&other, &gauge()).await, 0);
    crate::support::admitted(&other, &[claim(&gauge(), 5, 5)]).await;
}

/// Every call of a batch has its own answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_makes_no_sense_fails_alone() {
    let folder = Folder::new();
    let store = Arc::new(folder.store().await);
    let key = gauge();
    let admitted = crate::support::admitted(&store, &[claim(&key, 1, 100)]).await;
    let mut tasks = Vec::new();
    for number in 0..40 {
        let (store, key, id) = (Arc::clone(&store), key.clone(), admitted.id());
        tasks.push(tokio::spawn(async move {
            if number % 4 == 0 {
                assert!(store.commit(id, &[1, 2]).await.is_err());
            } else {
                crate::support::admitted(&store, &[claim(&key, 1, 100)]).await;
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(used(&store, &key).await, 31);
}
