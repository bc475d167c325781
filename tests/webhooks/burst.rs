//! Many events of one subscription at once.

#![expect(
    clippy::disallowed_methods,
    reason = "how long it took is printed, and nothing depends on it"
)]

use std::time::Instant;

use serde_json::json;

use crate::events::{CREATED, THEN, UPDATED, event, subscription};
use crate::office::Office;

/// How many there are.
const EVENTS: i64 = 2_000;

#[tokio::test]
async fn two_thousand_events_of_one_subscription_are_worked_out_together() {
    for office in Office::each().await {
        let begun = Instant::now();
        for number in 0..EVENTS {
            let mut it = subscription("sub_1", "cus_1", "active", &json!({"userId": "pia"}));
            it["metadata"]["number"] = json!(number.to_string());
            let kind = if number == 0 { CREATED } else { UPDATED };
            office
                .deliver(&event(&format!("evt_{number}"), kind, THEN + number, &it))
                .await;
        }
        let stored = begun.elapsed();
        // One batch is taken, the first of it settles all there are.
        assert!(office.webhooks.work().await.unwrap().settled > 0);
        println!(
            "stored in {stored:?}, worked out in {:?}",
            begun.elapsed() - stored
        );
        let mut sql = office.sql().await;
        let done = sql.count("webhook_inbox WHERE state = 'done'").await;
        assert_eq!(i64::try_from(done).unwrap(), EVENTS);
        // One more is no more work than the history is long.
        let mut last = subscription("sub_1", "cus_1", "canceled", &json!({}));
        last["ended_at"] = json!(THEN + EVENTS);
        office
            .deliver(&event("evt_last", UPDATED, THEN + EVENTS, &last))
            .await;
        let again = Instant::now();
        office.work().await;
        println!("one more: {:?}", again.elapsed());
        assert_eq!(
            sql.count("subscriptions WHERE status = 'canceled'").await,
            1
        );
        assert_eq!(sql.count("audit_log").await, 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_taken_in_while_a_long_history_is_worked_out() {
    let office = Office::sqlite().await;
    let webhooks = office.webhooks.clone();
    let shutdown = tokio_util::sync::CancellationToken::new();
    let worker = tokio::spawn(webhooks.run(shutdown.clone()));
    let mut waits = Vec::new();
    for number in 0..EVENTS {
        let mut it = subscription("sub_1", "cus_1", "active", &json!({"userId": "pia"}));
        it["cancel_at_period_end"] = json!(number % 2 == 0);
        let body = event(&format!("evt_{number}"), UPDATED, THEN + number, &it);
        let begun = Instant::now();
        assert_eq!(office.deliver(&body).await.status, http::StatusCode::OK);
        waits.push(begun.elapsed());
    }
    waits.sort();
    let at = |share: usize| waits[waits.len() * share / 1000];
    println!(
        "answered: half in {:?}, 99 % in {:?}, all in {:?}",
        at(500),
        at(990),
        at(999)
    );
    let mut sql = office.sql().await;
    tiergate_tests::within("the worker", async {
        while sql.count("webhook_inbox WHERE state <> 'done'").await > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
    let worked = sql.count("audit_log").await;
    println!("the record was written {worked} times");
    shutdown.cancel();
    tiergate_tests::within("the worker's end", worker)
        .await
        .unwrap();
}
