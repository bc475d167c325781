//! When calls are more than connections: who ends something goes first, and who would wait for each other
//! go together.

use std::sync::{Arc, Mutex};

use tiergate::usage::{
    Claim, CounterKey, CounterWindow, PostgresUsage, Reserve, ReserveOutcome, Settlement,
    StoreErrorKind, UsageStore,
};
use tiergate_core::Subject;
use tiergate_tests::within;
use tokio::task::JoinHandle;

use crate::fixture::{Place, TTL, admitted, claim, gauge, used};
use crate::waiting::{obstacle, remove, waiting};

/// Asks for a unit of a counter, and notes when it was answered.
fn asked(
    store: &PostgresUsage,
    key: &CounterKey,
    limit: u64,
    answered: &Arc<Mutex<Vec<&'static str>>>,
) -> JoinHandle<ReserveOutcome> {
    let (store, claims) = (store.clone(), [claim(key, 1, limit)]);
    let answered = Arc::clone(answered);
    tokio::spawn(async move {
        let outcome = store.reserve(Reserve::new(&claims, TTL)).await.unwrap();
        answered.lock().unwrap().push("reserve");
        outcome
    })
}

#[tokio::test]
async fn who_settles_goes_before_all_who_wait_to_reserve() {
    let Some(place) = Place::new().await else {
        return;
    };
    let store = place.builder().connections(1).connect().await.unwrap();
    let held = admitted(&store, &[claim(&gauge("held"), 1, 1)]).await;
    let given_back = admitted(&store, &[claim(&gauge("back"), 1, 1)]).await;
    let obstacle = obstacle(&place).await;
    let answered = Arc::new(Mutex::new(Vec::new()));
    let mut calls = vec![asked(&store, &gauge("first"), 1, &answered)];
    waiting(&store, 0).await;
    for number in 0..20 {
        calls.push(asked(&store, &gauge(&number.to_string()), 1, &answered));
    }
    waiting(&store, 20).await;
    let ends = [
        store.commit(held.id(), &[1]),
        store.release(given_back.id()),
    ];
    let ends = ends.map(|end| {
        let answered = Arc::clone(&answered);
        tokio::spawn(async move {
            let settlement = end.await.unwrap();
            answered.lock().unwrap().push("end");
            settlement
        })
    });
    waiting(&store, 22).await;
    remove(obstacle).await;
    for end in ends {
        assert_eq!(within("an end", end).await.unwrap(), Settlement::Settled);
    }
    for call in calls {
        within("a call", call).await.unwrap();
    }
    // But for the one that was under way.
    let order = answered.lock().unwrap();
    let last_end = order.iter().rposition(|what| *what == "end").unwrap();
    assert!(last_end <= 3, "{order:?}");
}

#[tokio::test]
async fn those_of_one_subject_go_together_and_each_is_decided_by_itself() {
    let Some(place) = Place::new().await else {
        return;
    };
    let store = place.builder().connections(5).connect().await.unwrap();
    let transactions = "SELECT count(DISTINCT xmin::text) FROM @.reservations";
    let answered = Arc::default();
    let obstacle_before = obstacle(&place).await;
    let first = asked(&store, &gauge("a"), 60, &answered);
    waiting(&store, 0).await;
    let calls: Vec<_> = (0..99)
        .map(|_| asked(&store, &gauge("a"), 60, &answered))
        .collect();
    waiting(&store, 99).await;
    remove(obstacle_before).await;
    let mut admitted = Vec::new();
    for call in calls.into_iter().chain([first]) {
        if let ReserveOutcome::Admitted(one) = within("a call", call).await.unwrap() {
            admitted.push(one);
        }
    }
    assert_eq!(admitted.len(), 60);
    assert_eq!(used(&store, &gauge("a")).await, 60);
    let made = place.number(transactions).await;
    assert!(made <= 2, "{made} transactions reserved");

    let obstacle = obstacle(&place).await;
    let mut ends = Vec::new();
    for (number, one) in admitted.iter().enumerate() {
        let end = match number % 3 {
            0 => store.release(one.id()),
            _ => store.commit(one.id(), &[1]),
        };
        ends.push(tokio::spawn(async move { end.await.unwrap() }));
        if number == 0 {
            waiting(&store, 0).await;
        }
    }
    waiting(&store, 59).await;
    remove(obstacle).await;
    for end in ends {
        assert_eq!(within("an end", end).await.unwrap(), Settlement::Settled);
    }
    assert_eq!(used(&store, &gauge("a")).await, 40);
    let made = place.number(transactions).await;
    assert!(made <= 2, "{made} transactions settled");
    assert!(
        store.statistics().grouped >= 150,
        "{:?}",
        store.statistics()
    );
}

#[tokio::test]
async fn several_claims_and_names_go_together_unmixed() {
    let Some(place) = Place::new().await else {
        return;
    };
    let store = place.builder().connections(3).connect().await.unwrap();
    let key = |feature: &str| CounterKey::new(Subject::user("a"), feature, CounterWindow::Level);
    let obstacle = obstacle(&place).await;
    let mut calls = Vec::new();
    for number in 1..=12_u64 {
        let asked = store.clone();
        let mut claims = vec![claim(&key(&format!("own-{number}")), number, 100)];
        if number % 2 == 0 {
            claims.push(claim(&key("shared"), number, 1_000));
        }
        calls.push(tokio::spawn(async move {
            let one = admitted(&asked, &claims).await;
            let states: Vec<u64> = one.states().iter().map(|state| state.used()).collect();
            let units: Vec<u64> = claims.iter().map(Claim::units).collect();
            let settled = asked.commit(one.id(), &units).await.unwrap();
            assert_eq!(settled, Settlement::Settled);
            (number, states)
        }));
        if number == 1 {
            waiting(&store, 0).await;
        }
    }
    waiting(&store, 11).await;
    remove(obstacle).await;
    for call in calls {
        let (number, states) = within("a call", call).await.unwrap();
        assert_eq!(states[0], number);
        assert_eq!(states.len(), if number % 2 == 0 { 2 } else { 1 });
        assert_eq!(used(&store, &key(&format!("own-{number}"))).await, number);
    }
    assert_eq!(used(&store, &key("shared")).await, 2 + 4 + 6 + 8 + 10 + 12);
}

#[tokio::test]
async fn a_crowd_that_reserves_does_not_keep_anybody_from_settling() {
    let Some(place) = Place::new().await else {
        return;
    };
    let builder = place.builder().connections(1).max_waiting(3);
    let store = builder.connect().await.unwrap();
    let held = admitted(&store, &[claim(&gauge("a"), 1, 10)]).await;
    let obstacle = obstacle(&place).await;
    let answered = Arc::default();
    let mut calls = vec![asked(&store, &gauge("a"), 10, &answered)];
    waiting(&store, 0).await;
    calls.extend((0..3).map(|_| asked(&store, &gauge("a"), 10, &answered)));
    waiting(&store, 3).await;
    let claims = [claim(&gauge("a"), 1, 10)];
    let refused = store.reserve(Reserve::new(&claims, TTL)).await;
    assert_eq!(refused.unwrap_err().kind(), StoreErrorKind::Full);
    assert_eq!(store.statistics().refused_calls, 1);
    let end = tokio::spawn(store.commit(held.id(), &[1]));
    waiting(&store, 4).await;
    remove(obstacle).await;
    let end = within("a commit", end).await.unwrap();
    assert_eq!(end.unwrap(), Settlement::Settled);
    for call in calls {
        within("a call", call).await.unwrap();
    }
    assert_eq!(used(&store, &gauge("a")).await, 5);
}

/// What goes together fails together where the server or the way to it is at fault, and else alone.
#[tokio::test]
async fn one_that_is_at_fault_takes_none_of_the_others_along() {
    let Some(place) = Place::new().await else {
        return;
    };
    let store = place.builder().connections(1).connect().await.unwrap();
    let key = |feature: &str| CounterKey::new(Subject::user("a"), feature, CounterWindow::Level);
    let mut held = Vec::new();
    for feature in ["sound", "broken", "whole"] {
        held.push(admitted(&store, &[claim(&key(feature), 1, 10)]).await);
    }
    // Its books contradict its reservation.
    place
        .execute("UPDATE @.counters SET open = 0 WHERE feature = 'broken'")
        .await;
    let obstacle = obstacle(&place).await;
    let first = asked(&store, &gauge("other"), 1, &Arc::default());
    waiting(&store, 0).await;
    let ends = held
        .iter()
        .map(|one| tokio::spawn(store.commit(one.id(), &[1])));
    let ends: Vec<_> = ends.collect();
    waiting(&store, 3).await;
    remove(obstacle).await;
    within("a call", first).await.unwrap();
    let mut settled = Vec::new();
    for end in ends {
        settled.push(
            within("an end", end)
                .await
                .unwrap()
                .map_err(|error| error.kind()),
        );
    }
    let expected = [
        Ok(Settlement::Settled),
        Err(StoreErrorKind::Internal),
        Ok(Settlement::Settled),
    ];
    assert_eq!(settled, expected);
}

/// Who was told that it failed does not hold anything.
#[tokio::test]
async fn what_is_taken_for_somebody_who_left_goes_back() {
    let Some(place) = Place::new().await else {
        return;
    };
    let store = place.builder().connections(1).connect().await.unwrap();
    let obstacle = obstacle(&place).await;
    let call = asked(&store, &gauge("a"), 10, &Arc::default());
    waiting(&store, 0).await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    remove(obstacle).await;
    within("the units to be back", async {
        let open = "SELECT count(*) FROM @.reservations WHERE state = 'open'";
        while place.rows("reservations").await != 1 || place.number(open).await != 0 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    })
    .await;
    assert_eq!(used(&store, &gauge("a")).await, 0);
}
