use std::time::Duration;

use serde_json::json;
use tiergate_core::Subject;

use super::super::*;
use super::support::{Listening, Running, admin, client, tell, token, user};
use crate::Billing;
use crate::database::{Database, DatabaseOptions};
use crate::payment::ManualProvider;
use crate::table::outbox;
use crate::testing::{Office, catalog};

const EVENTS: &str = "/api/events";

async fn running_on_each() -> Vec<Running> {
    let mut all = Vec::new();
    for office in Office::each().await {
        all.push(Running::with(office, |_| {}, |api| api).await);
    }
    all
}

async fn number(billing: &Billing, n: i64) {
    tell(
        billing,
        "subscription",
        Some(Subject::user("ada")),
        json!({ "n": n }),
    )
    .await;
}

/// The same database, as another process has it.
pub(super) async fn another(running: &Running) -> Billing {
    let options = DatabaseOptions::new(running.office.address());
    let database = Database::connect(&options).await.unwrap();
    let clock = running.office.clock.clone();
    Billing::assemble(
        database,
        catalog(),
        std::sync::Arc::new(ManualProvider),
        clock,
    )
}

#[tokio::test]
async fn a_client_hears_what_is_committed_from_then_on() {
    for running in running_on_each().await {
        number(&running.office.billing, 1).await;
        let mut ada = Listening::to(&running.url(EVENTS), &user("ada"), None).await;
        let hello = ada.next().await.unwrap();
        assert_eq!(
            (&*hello.kind, hello.data),
            ("hello", json!({ "resumed": false }))
        );
        for n in 2..=50 {
            number(&running.office.billing, n).await;
        }
        let mut last = hello.id;
        for n in 2..=50 {
            let heard = ada.next().await.unwrap();
            // The first may have been read after the client came: it is told again then.
            if n == 2 && heard.data["n"] == 1 {
                assert_eq!(ada.next().await.unwrap().data["n"], 2);
                continue;
            }
            assert_eq!(
                (&*heard.kind, &heard.data["n"]),
                ("subscription", &json!(n))
            );
            assert!(heard.id > last);
            last = heard.id;
        }
    }
}

#[tokio::test]
async fn a_client_goes_on_exactly_where_it_was() {
    for running in running_on_each().await {
        let url = running.url(EVENTS);
        let mut ada = Listening::to(&url, &user("ada"), None).await;
        let hello = ada.next().await.unwrap();
        for n in 1..=200 {
            number(&running.office.billing, n).await;
        }
        let mut heard = Vec::new();
        for _ in 1..=200 {
            heard.push(ada.next().await.unwrap());
        }
        drop(ada);
        // Another service over the same database has nothing of it in memory, and reads it again.
        let other =
            Server::started(&running.office.billing, &running.office, |_| {}, |api| api).await;
        let elsewhere = format!("http://{}{EVENTS}", other.0);
        for url in [&url, &elsewhere] {
            for seen in [0, 1, 77, 199, 200] {
                let place = if seen == 0 {
                    hello.id
                } else {
                    heard[seen - 1].id
                };
                let mut again = Listening::to(url, &user("ada"), Some(&place.to_string())).await;
                let hello = again.next().await.unwrap();
                assert_eq!((hello.id, hello.data), (place, json!({ "resumed": true })));
                for expected in &heard[seen..] {
                    assert_eq!(again.next().await.as_ref(), Some(expected));
                }
            }
        }
        // By the query, too; the header counts if there are both.
        let by_query = format!("{url}?lastEventId={}", heard[197].id);
        let mut again = Listening::to(&by_query, &user("ada"), None).await;
        assert_eq!(again.next().await.unwrap().data, json!({ "resumed": true }));
        assert_eq!(again.numbers(2).await, [199, 200]);
        let header = heard[198].id.to_string();
        let mut again = Listening::to(&by_query, &user("ada"), Some(&header)).await;
        again.next().await.unwrap();
        assert_eq!(again.numbers(1).await, [200]);
        other.1.begin();
    }
}

#[tokio::test]
async fn who_may_have_missed_something_is_told_so() {
    for running in running_on_each().await {
        let billing = &running.office.billing;
        for n in 1..=3 {
            number(billing, n).await;
        }
        running
            .office
            .clock
            .advance(Duration::from_secs(7 * 86_400));
        number(billing, 4).await;
        let before = billing
            .now()
            .saturating_sub(Duration::from_secs(7 * 86_400 - 1));
        let mut write = billing.database().write().await.unwrap();
        assert_eq!(outbox::forget(&mut write, before).await.unwrap(), 3);
        // Once more deletes nothing, and not what is young.
        assert_eq!(outbox::forget(&mut write, before).await.unwrap(), 0);
        write.commit().await.unwrap();
        let other = Server::started(billing, &running.office, |_| {}, |api| api).await;
        let url = format!("http://{}{EVENTS}", other.0);
        let late = json!({ "exp": 1_767_225_600 + 30 * 86_400 });
        for (place, resumed) in [
            ("2", false),
            ("3", true),
            ("4", true),
            ("5", false),
            ("-1", false),
            ("x", false),
            ("9223372036854775807", false),
        ] {
            let mut ada = Listening::to(&url, &token(&late), Some(place)).await;
            let hello = ada.next().await.unwrap();
            assert_eq!(hello.data["resumed"], resumed, "{place}");
            assert_eq!(hello.id, if place == "3" { 3 } else { 4 }, "{place}");
        }
        other.1.begin();
    }
}

#[tokio::test]
async fn nobody_hears_of_what_they_may_not_read() {
    let running = Running::start().await;
    let url = running.url(EVENTS);
    let member = json!({ "sub": "bob", "organizations": [{ "id": "eagle", "role": "member" }] });
    let service = json!({ "sub": "ada", "roles": ["service"] });
    let writer = json!({ "sub": "ada", "permissions": ["write"] });
    let refused = running.get_as(EVENTS, &token(&writer)).await;
    assert_eq!(refused.status(), 403);
    assert_eq!(running.get(EVENTS).await.status(), 401);
    let mut clients = Vec::new();
    // Numbers are those of the messages below.
    for (token, hears) in [
        (user("ada"), vec![1, 5]),
        (user("eagle"), vec![5]),
        (token(&member), vec![2, 3, 5]),
        (token(&service), vec![1, 2, 3, 4, 5]),
        (admin(), vec![1, 2, 3, 4, 5]),
    ] {
        let mut client = Listening::to(&url, &token, None).await;
        assert_eq!(client.next().await.unwrap().kind, "hello");
        clients.push((client, hears));
    }
    let billing = &running.office.billing;
    let (ada, bob) = (Subject::user("ada"), Subject::user("bob"));
    tell(billing, "subscription", Some(ada), json!({ "n": 1 })).await;
    tell(billing, "subscription", Some(bob), json!({ "n": 2 })).await;
    let eagle = Subject::organization("eagle");
    tell(billing, "notification", Some(eagle), json!({ "n": 3 })).await;
    tell(billing, "notification", None, json!({ "n": 4 })).await;
    tell(billing, "catalog", None, json!({ "n": 5 })).await;
    for (client, hears) in &mut clients {
        assert_eq!(client.numbers(hears.len()).await, *hears);
    }
}

#[tokio::test]
async fn what_another_process_commits_is_heard() {
    for running in running_on_each().await {
        let other = another(&running).await;
        let mut ada = Listening::to(&running.url(EVENTS), &user("ada"), None).await;
        ada.next().await.unwrap();
        for n in 1..=5 {
            number(&other, n).await;
            assert_eq!(ada.numbers(1).await, [n]);
        }
        // Its clients may have been faster than this process.
        let mut again = Listening::to(&running.url(EVENTS), &user("ada"), Some("5")).await;
        assert_eq!(again.next().await.unwrap().data, json!({ "resumed": true }));
    }
}

#[tokio::test]
async fn many_changes_at_once_are_heard_once_each_in_one_order() {
    for running in running_on_each().await {
        let url = running.url(EVENTS);
        let mut clients = Vec::new();
        for _ in 0..5 {
            let mut client = Listening::to(&url, &admin(), None).await;
            client.next().await.unwrap();
            clients.push(client);
        }
        let other = another(&running).await;
        let changes = (0..100).map(|n| {
            let billing = if n % 2 == 0 {
                &running.office.billing
            } else {
                &other
            };
            number(billing, n)
        });
        futures_util::future::join_all(changes).await;
        let orders: Vec<_> =
            futures_util::future::join_all(clients.iter_mut().map(|client| client.numbers(100)))
                .await;
        let mut all = orders[0].clone();
        assert!(orders.iter().all(|order| *order == all));
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let running = Running::start().await;
    let short = token(&json!({ "exp": 1_767_225_600 + 60 }));
    let mut ada = Listening::to(&running.url(EVENTS), &short, None).await;
    ada.next().await.unwrap();
    running.office.clock.advance(Duration::from_secs(64));
    number(&running.office.billing, 1).await;
    assert_eq!(ada.numbers(1).await, [1]);
    running.office.clock.advance(Duration::from_secs(1));
    number(&running.office.billing, 2).await;
    assert_eq!(ada.next().await, None);
}

#[tokio::test]
async fn there_are_only_so_many_streams() {
    let office = Office::open().await;
    let running = Running::with(office, |_| {}, |api| api.with_max_streams(1)).await;
    let first = Listening::to(&running.url(EVENTS), &user("ada"), None).await;
    let refused = running.get_as(EVENTS, &user("bob")).await;
    assert_eq!(refused.status(), 503);
    assert_eq!(
        refused.headers()["content-type"],
        "application/problem+json"
    );
    assert!(refused.headers().contains_key("retry-after"));
    drop(first);
    // The service learns that the client is gone when it next has something to say, or at once.
    let mut tries = 0;
    while running.get_as(EVENTS, &user("bob")).await.status() != 200 {
        number(&running.office.billing, 1).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        tries += 1;
        assert!(tries < 500, "the place was not given back");
    }
}

#[tokio::test]
async fn a_query_that_is_not_known_is_refused() {
    let running = Running::start().await;
    let refused = running.get_as("/api/events?since=1", &user("ada")).await;
    assert_eq!(refused.status(), 400);
    let response = client().get(running.url(EVENTS)).bearer_auth(user("ada"));
    let response = response.send().await.unwrap();
    assert_eq!(response.headers()["cache-control"], "no-store");
}
