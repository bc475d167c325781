//! However many processes ask at once, limits hold to the unit.

use tiergate::usage::{
    CounterKey, CounterWindow, IdempotencyKey, Replay, Reserve, ReserveOutcome, UsageStore,
};
use tiergate_core::Subject;
use tiergate_core::time::Timestamp;

use crate::fixture::{MINUTE, Place, TTL, admitted, claim, gauge, rate, used};

/// Far beyond the time of the tests.
fn quota(subject: &str) -> CounterKey {
    let window = CounterWindow::Fixed {
        start: Timestamp::from_seconds(0),
        end: Timestamp::from_seconds(32_503_680_000),
    };
    CounterKey::new(Subject::organization(subject), "units", window)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_processes_admit_no_more_than_the_limit_and_leave_less_than_was_asked() {
    const LIMIT: u64 = 1_000;
    let Some(place) = Place::new().await else {
        return;
    };
    let hour = CounterWindow::Sliding {
        length: 60 * MINUTE,
    };
    let keys = [
        gauge("a"),
        quota("a"),
        CounterKey::new(Subject::user("a"), "rate", hour),
    ];
    for key in &keys {
        let mut tasks = Vec::new();
        for process in 0..3_u64 {
            let store = place.builder().connections(4).connect().await.unwrap();
            for task in 0..8_u64 {
                let (store, key) = (store.clone(), key.clone());
                tasks.push(tokio::spawn(async move {
                    let mut admitted = 0;
                    for step in 0..10 {
                        let units = (process * 17 + task * 29 + step * 13) % 50 + 1;
                        let claims = [claim(&key, units, LIMIT)];
                        let outcome = store.reserve(Reserve::new(&claims, TTL)).await.unwrap();
                        if let ReserveOutcome::Admitted(one) = outcome {
                            admitted += units;
                            store.commit(one.id(), &[units]).await.unwrap();
                        }
                    }
                    admitted
                }));
            }
        }
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap();
        }
        assert!(sum <= LIMIT, "{sum} for {key:?}");
        assert!(sum > LIMIT - 50, "{sum} for {key:?}");
        let store = place.builder().connect().await.unwrap();
        assert_eq!(used(&store, key).await, sum, "{key:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operations_over_several_subjects_wait_for_each_other_in_one_order() {
    let Some(place) = Place::new().await else {
        return;
    };
    let stores = [
        place.builder().connect().await.unwrap(),
        place.builder().connect().await.unwrap(),
    ];
    let keys = ["a", "b", "c", "d"].map(gauge);
    let mut tasks = Vec::new();
    for task in 0..16 {
        let (store, mut keys) = (stores[task % 2].clone(), keys.clone());
        keys.rotate_left(task % 4);
        if task % 3 == 0 {
            keys.reverse();
        }
        tasks.push(tokio::spawn(async move {
            let claims: Vec<_> = keys.iter().map(|key| claim(key, 1, 1_000)).collect();
            for step in 0..10 {
                let one = admitted(&store, &claims).await;
                if step % 2 == 0 {
                    store.commit(one.id(), &[1; 4]).await.unwrap();
                } else {
                    store.release(one.id()).await.unwrap();
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    for key in &keys {
        assert_eq!(used(&stores[0], key).await, 16 * 5);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retries_of_one_operation_at_several_processes_count_once() {
    let Some(place) = Place::new().await else {
        return;
    };
    let (key, name) = (gauge("a"), IdempotencyKey::new("once").unwrap());
    let mut tasks = Vec::new();
    for _ in 0..3 {
        let store = place.builder().connect().await.unwrap();
        for _ in 0..6 {
            let (store, key, name) = (store.clone(), key.clone(), name.clone());
            tasks.push(tokio::spawn(async move {
                let claims = [claim(&key, 7, 10)];
                let request = Reserve::new(&claims, TTL).with_idempotency_key(&name);
                match store.reserve(request).await.unwrap() {
                    ReserveOutcome::Admitted(one) => {
                        store.commit(one.id(), &[7]).await.unwrap();
                        one.replay()
                    }
                    ReserveOutcome::Refused(refused) => panic!("{refused:?}"),
                }
            }));
        }
    }
    let mut first = 0;
    for task in tasks {
        first += u32::from(task.await.unwrap() == Replay::First);
    }
    assert_eq!(first, 1);
    let store = place.builder().connect().await.unwrap();
    assert_eq!(used(&store, &key).await, 7);
}

#[tokio::test]
async fn stores_of_two_schemas_do_not_meet() {
    let (Some(one), Some(other)) = (Place::new().await, Place::new().await) else {
        return;
    };
    let one = one.builder().connect().await.unwrap();
    let other = other.builder().connect().await.unwrap();
    for (name, key) in [("g", gauge("a")), ("r", rate("a")), ("q", quota("a"))] {
        let name = IdempotencyKey::new(name).unwrap();
        let claims = [claim(&key, 1, 1)];
        let request = Reserve::new(&claims, TTL).with_idempotency_key(&name);
        for store in [&one, &other] {
            let outcome = store.reserve(request).await;
            let Ok(ReserveOutcome::Admitted(admitted)) = outcome else {
                panic!("one of one fits: {outcome:?}");
            };
            assert_eq!(admitted.replay(), Replay::First, "{key:?}");
            assert_eq!(used(store, &key).await, 1);
        }
    }
}

#[tokio::test]
async fn no_character_of_an_id_makes_two_counters_one() {
    let Some(place) = Place::new().await else {
        return;
    };
    let store = place.builder().connect().await.unwrap();
    let ids = [
        "",
        "\0",
        "\\0",
        "\\",
        "\\\\",
        "a:b",
        "'",
        "\"",
        "ä\u{301}",
        "ä",
    ];
    let keys = ids.iter().flat_map(|id| {
        [Subject::user(*id), Subject::organization(*id)]
            .map(|subject| CounterKey::new(subject, format!("f{id}"), CounterWindow::Level))
    });
    let keys: Vec<CounterKey> = keys.collect();
    for key in &keys {
        admitted(&store, &[claim(key, 1, 1)]).await;
    }
    let states = store.peek(&keys).await.unwrap();
    assert!(states.iter().all(|state| state.used() == 1), "{states:?}");
}
