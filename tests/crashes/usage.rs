//! Batches of usage, each sent until it is answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use fastrand::Rng;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tiergate_tests::{Service, fresh_key};

use crate::Load;
use crate::insist::insist;

/// How much of it was answered.
#[derive(Debug)]
pub(crate) struct Sent {
    user: String,
    records: usize,
    quantity: u64,
}

pub(crate) async fn send(
    service: Arc<Service>,
    load: Load,
    sender: usize,
    mut random: Rng,
) -> Sent {
    let user = format!("used_{sender}");
    let key = fresh_key();
    let request = || {
        service
            .subscribe(&user, "pro")
            .header("idempotency-key", &key)
    };
    assert_eq!(insist(&load, request).await.status, StatusCode::CREATED);
    let (mut records, mut quantity) = (0, 0);
    while !load.is_over() {
        let batch: Vec<_> = (0..random.usize(1..20))
            .map(|_| {
                let used = random.u64(1..10);
                quantity += used;
                json!({"idempotencyKey": fresh_key(), "userId": user, "metric": "email_sends", "quantity": used})
            })
            .collect();
        records += batch.len();
        let body = json!({"records": batch}).to_string();
        // Some batches have a key as a whole, and some rely on those of their records.
        let key = random.bool().then(fresh_key);
        let reply = insist(&load, || {
            let request = service
                .as_service(Method::POST, "/api/usage")
                .body(body.clone());
            match &key {
                Some(key) => request.header("idempotency-key", key),
                None => request,
            }
        })
        .await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
        let counted = |outcome| reply.data()[outcome].as_u64().unwrap();
        assert_eq!(counted("rejected"), 0, "{}", reply.text());
    }
    Sent {
        user,
        records,
        quantity,
    }
}

/// Each record is there once.
pub(crate) async fn look(service: &Service, sent: &[Sent]) {
    let rows = service
        .rows(
            "SELECT s.user_id, CAST(COUNT(*) AS TEXT), CAST(CAST(SUM(u.quantity) AS BIGINT) AS TEXT) \
             FROM usage_records u JOIN subscriptions s ON s.id = u.subscription_id GROUP BY s.user_id",
        )
        .await;
    let totals: BTreeMap<_, _> = rows
        .into_iter()
        .map(|row| (row[0].clone(), (row[1].clone(), row[2].clone())))
        .collect();
    for Sent {
        user,
        records,
        quantity,
    } in sent
    {
        let expected = (records.to_string(), quantity.to_string());
        assert_eq!(totals.get(user), Some(&expected), "{user}");
        let id = service.standing(user).await["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let path = format!("/api/subscriptions/{id}/usage");
        let reply = service.as_service(Method::GET, &path).send().await;
        let told = reply.data();
        let metrics = told["metrics"].as_array().unwrap();
        let sends = metrics
            .iter()
            .find(|metric| metric["metric"] == "email_sends");
        assert_eq!(used(sends.unwrap()), *quantity, "{told}");
    }
}

fn used(metric: &Value) -> u64 {
    metric["used"].as_u64().unwrap()
}
