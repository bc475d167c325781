//! Two processes of the service on one PostgreSQL are as good as one.

use http::StatusCode;
use tiergate_tests::{Happening, Service, Store, StripeSubscription, Trial, fresh_key};

use crate::crowd::{at_once, count, told};
use crate::invoices::{Request, numbers_are_whole, until_answered};

async fn pair(trial: Trial) -> Option<[Service; 2]> {
    let one = Service::start(Store::Postgres, trial).await?;
    let other = one.another(trial).await;
    Some([one, other])
}

#[tokio::test]
async fn of_a_hundred_requests_to_two_processes_one_makes_a_subscription() {
    let Some(pair) = pair(Trial::Days).await else {
        return;
    };
    let key = fresh_key();
    for with_key in [None, Some(&key)] {
        let user = if with_key.is_some() { "ada" } else { "bob" };
        let requests = (0..100).map(|number: usize| {
            let request = pair[number % 2].subscribe(user, "pro");
            match with_key {
                Some(key) => request.header("idempotency-key", key),
                None => request,
            }
        });
        let replies = at_once(requests.collect()).await;
        let expected = if with_key.is_some() { 100 } else { 1 };
        let created = count(&replies, StatusCode::CREATED);
        assert_eq!(created, expected, "{:?}", told(&replies));
        let refused = count(&replies, StatusCode::CONFLICT);
        assert_eq!(refused, 100 - expected, "{:?}", told(&replies));
    }
    let live = pair[0].rows("SELECT CAST(COUNT(*) AS TEXT) FROM subscriptions");
    assert_eq!(live.await, [["2"]]);
}

#[tokio::test]
async fn two_processes_give_each_number_once() {
    let Some(pair) = pair(Trial::None).await else {
        return;
    };
    let requests = (0..200).map(|number| {
        let service = &pair[number % 2];
        let key = fresh_key();
        Box::new(move || {
            let request = service.subscribe(&format!("user_{number}"), "pro");
            request.header("idempotency-key", &key)
        }) as Request<'_>
    });
    until_answered(requests.collect()).await;
    numbers_are_whole(&pair[0], 200).await;
}

#[tokio::test]
async fn an_event_that_both_processes_get_is_stored_once_and_its_subscription_is_right() {
    let Some(pair) = pair(Trial::Days).await else {
        return;
    };
    let stripe = pair[0].stripe();
    let pro = StripeSubscription::active("ada", "ada", "pro");
    let mut events = vec![stripe.event(Happening::Created, &pro)];
    for tier in ["max", "premium", "pro", "max", "premium"] {
        let told = pro.clone().with_tier(tier);
        events.push(stripe.event(Happening::Updated, &told));
    }
    // Each four times to each process, all at once, the newest first.
    let copies = events
        .iter()
        .rev()
        .flat_map(|event| (0..8).map(|copy: usize| pair[copy % 2].deliver(event)));
    let replies = at_once(copies.collect()).await;
    assert_eq!(count(&replies, StatusCode::OK), 48, "{:?}", told(&replies));
    let first = |reply: &&tiergate_tests::Reply| reply.data()["duplicate"] == false;
    assert_eq!(replies.iter().filter(first).count(), events.len());
    let mut done = String::new();
    for _ in 0..1_000 {
        let rows =
            pair[0].rows("SELECT CAST(COUNT(*) AS TEXT) FROM webhook_inbox WHERE state = 'done'");
        done = rows.await[0][0].clone();
        if done == "6" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(done, "6");
    let standing = pair[1].standing("ada").await;
    assert_eq!(standing["tier"], "premium");
    assert_eq!(standing["status"], "active");
    let rows = pair[0].rows("SELECT CAST(COUNT(*) AS TEXT) FROM subscriptions");
    assert_eq!(rows.await, [["1"]]);
}
