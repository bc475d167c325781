//! Users who subscribe and change what they have, each request with a key and sent until it is answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use fastrand::Rng;
use http::{Method, StatusCode};
use serde_json::json;
use tiergate_tests::{Ask, Reply, Service, fresh_key};

use crate::Load;
use crate::insist::insist;

/// What a user has by the last answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    version: i64,
    tier: String,
    invoices: usize,
}

pub(crate) type Sent = BTreeMap<String, Standing>;

/// Sends a request with a key of its own until it is answered.
async fn once(load: &Load, request: impl Fn() -> Ask) -> Reply {
    let key = fresh_key();
    insist(load, || request().header("idempotency-key", &key)).await
}

pub(crate) async fn send(
    service: Arc<Service>,
    load: Load,
    sender: usize,
    mut random: Rng,
) -> Sent {
    let mut sent = Sent::new();
    let mut round = 0;
    while !load.is_over() {
        let user = format!("changed_{sender}_{round}");
        round += 1;
        let reply = once(&load, || service.subscribe(&user, "pro")).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text());
        let id = reply.data()["id"].as_str().unwrap().to_owned();
        let mut standing = Standing {
            version: 1,
            tier: "pro".to_owned(),
            invoices: 1,
        };
        assert_eq!(reply.data()["version"], standing.version);
        for tier in ["max", "premium"].into_iter().take(random.usize(0..3)) {
            // Each is for the version that the one before made.
            let seen = format!("\"{}\"", standing.version);
            let reply = once(&load, || {
                let change = service.change(&user, &id, &json!({"tier": tier}));
                change.header("if-match", &seen)
            })
            .await;
            assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
            standing.version += 1;
            standing.invoices += 1;
            tier.clone_into(&mut standing.tier);
            assert_eq!(reply.data()["version"], standing.version);
        }
        if random.bool() {
            let path = format!("/api/subscriptions/{id}/cancel");
            let reply = once(&load, || {
                service.as_user(&user, Method::POST, &path).body("{}")
            })
            .await;
            assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
            standing.version += 1;
        }
        sent.insert(user, standing);
    }
    sent
}

/// Each change was made once, with one invoice if it costs.
pub(crate) async fn look(service: &Service, sent: &Sent) {
    let rows = service
        .rows(
            "SELECT user_id, CAST(version AS TEXT), tier, CAST((SELECT COUNT(*) FROM invoices \
             WHERE subscription_id = subscriptions.id) AS TEXT) FROM subscriptions \
             WHERE user_id LIKE 'changed%'",
        )
        .await;
    let mut found = Sent::new();
    for row in rows {
        let standing = Standing {
            version: row[1].parse().unwrap(),
            tier: row[2].clone(),
            invoices: row[3].parse().unwrap(),
        };
        found.insert(row[0].clone(), standing);
    }
    assert_eq!(&found, sent);
}
