//! What is done with what comes in: it is stored, once, whatever it is.

use http::StatusCode;
use serde_json::{Value, json};

use crate::events;
use crate::office::Office;

fn event(id: &str, kind: &str, object: &Value) -> String {
    events::event(id, kind, events::THEN, object)
}

#[tokio::test]
async fn a_second_delivery_is_answered_well_and_changes_nothing() {
    for office in Office::each().await {
        let body = event(
            "evt_1",
            "customer.created",
            &json!({"id": "cus_1", "object": "customer"}),
        );
        for duplicate in [false, true, true] {
            let reply = office.deliver(&body).await;
            assert_eq!(reply.status, StatusCode::OK);
            assert_eq!(
                reply.json(),
                json!({"success": true, "data": {"received": true, "duplicate": duplicate}})
            );
        }
        // The first that came under an id stays, byte for byte.
        let other = event(
            "evt_1",
            "customer.deleted",
            &json!({"id": "cus_2", "object": "customer"}),
        );
        assert_eq!(
            office.deliver(&other).await.json()["data"]["duplicate"],
            true
        );
        let mut sql = office.sql().await;
        assert_eq!(sql.count("webhook_inbox").await, 1);
        assert_eq!(
            sql.count("webhook_inbox WHERE kind = 'customer.created'")
                .await,
            1
        );
    }
}

#[tokio::test]
async fn of_deliveries_at_once_one_is_the_first() {
    for office in Office::each().await {
        let body = event(
            "evt_1",
            "customer.created",
            &json!({"id": "cus_1", "object": "customer"}),
        );
        let all = (0..20).map(|_| office.deliver(&body));
        let replies = futures_util::future::join_all(all).await;
        let is_first = |reply: &&tiergate_tests::Reply| reply.json()["data"]["duplicate"] == false;
        assert!(replies.iter().all(|reply| reply.status == StatusCode::OK));
        assert_eq!(replies.iter().filter(is_first).count(), 1);
    }
}

#[tokio::test]
async fn what_concerns_nothing_here_is_stored_and_ignored() {
    for office in Office::each().await {
        for (id, kind, object) in [
            (
                "evt_1",
                "customer.created",
                json!({"id": "cus_1", "object": "customer"}),
            ),
            (
                "evt_2",
                "something.entirely.new",
                json!({"object": "thing", "of": [1, 2]}),
            ),
            // An invoice for something else than a subscription.
            (
                "evt_3",
                "invoice.paid",
                json!({"id": "in_1", "object": "invoice", "status": "paid", "currency": "usd"}),
            ),
            // A preview has no id.
            (
                "evt_4",
                "invoice.upcoming",
                json!({"object": "invoice", "currency": "usd", "status": "draft"}),
            ),
        ] {
            let reply = office.deliver(&event(id, kind, &object)).await;
            assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
        }
        office.work().await;
        let mut sql = office.sql().await;
        assert_eq!(sql.count("webhook_inbox WHERE state = 'ignored'").await, 4);
        assert_eq!(sql.count("audit_log").await, 0);
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_kept_and_waits_to_be_looked_at() {
    for office in Office::each().await {
        let object = json!({"id": 7, "object": "subscription", "status": "active"});
        let body = event("evt_1", "customer.subscription.updated", &object);
        assert_eq!(office.deliver(&body).await.status, StatusCode::OK);
        assert_eq!(
            office.deliver(&body).await.json()["data"]["duplicate"],
            true
        );
        office.work().await;
        let mut sql = office.sql().await;
        let row = "SELECT state, fault FROM webhook_inbox";
        let row = sql.lines(row).await.remove(0);
        assert_eq!(row[0].as_deref(), Some("waiting"));
        assert!(
            row[1].as_deref().unwrap().contains("data.object.id"),
            "{row:?}"
        );
    }
}

#[tokio::test]
async fn an_envelope_that_no_database_could_store_is_refused() {
    for office in Office::each().await {
        for (id, created) in [("evt_\0", 1), ("", 1), ("evt_1", i64::MAX), ("evt_1", -1)] {
            let body = json!({
                "id": id, "object": "event", "type": "customer.subscription.updated",
                "created": created, "livemode": false, "data": {"object": {"object": "subscription"}},
            });
            let reply = office.deliver(&body.to_string()).await;
            assert_eq!(
                reply.status,
                StatusCode::BAD_REQUEST,
                "{id:?} {created}: {}",
                reply.text()
            );
        }
        assert_eq!(office.sql().await.count("webhook_inbox").await, 0);
    }
}
