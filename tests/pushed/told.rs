//! Changes that are told while the stream is open.

use http::{Method, StatusCode};
use serde_json::json;
use tiergate_tests::{Guarded, Happening, StripeSubscription};

use crate::services;

#[tokio::test]
async fn who_upgrades_by_the_api_is_admitted_by_the_next_request() {
    for service in services().await {
        let guarded = Guarded::start(&service).await;
        guarded.knows_of("ada").await;
        let reply = service.subscribe("ada", "pro").send().await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text());
        guarded.told(1).await;
        assert_eq!(guarded.asks("ada", "/pro").await, StatusCode::OK);
        assert_eq!(guarded.asks("ada", "/premium").await, StatusCode::FORBIDDEN);

        let id = reply.data()["id"].as_str().unwrap().to_owned();
        let change = service.change("ada", &id, &json!({"tier": "premium"}));
        assert_eq!(change.status().await, StatusCode::OK);
        guarded.told(2).await;
        assert_eq!(guarded.asks("ada", "/premium").await, StatusCode::OK);
        assert_eq!(guarded.asks("bob", "/pro").await, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn who_upgrades_by_a_webhook_is_admitted_by_the_next_request() {
    for service in services().await {
        let guarded = Guarded::start(&service).await;
        guarded.knows_of("ada").await;
        let stripe = service.stripe();
        let pro = StripeSubscription::active("ada", "ada", "pro");
        let created = stripe.event(Happening::Created, &pro);
        assert_eq!(service.deliver(&created).status().await, StatusCode::OK);
        guarded.told(1).await;
        assert_eq!(guarded.asks("ada", "/pro").await, StatusCode::OK);

        let premium = stripe.event(Happening::Updated, &pro.with_tier("premium"));
        assert_eq!(service.deliver(&premium).status().await, StatusCode::OK);
        guarded.told(2).await;
        assert_eq!(guarded.asks("ada", "/premium").await, StatusCode::OK);
    }
}

#[tokio::test]
async fn who_downgrades_or_ends_is_refused_by_the_next_request() {
    for service in services().await {
        let guarded = Guarded::start(&service).await;
        let reply = service.subscribe("ada", "premium").send().await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text());
        let id = reply.data()["id"].as_str().unwrap().to_owned();
        assert_eq!(guarded.asks("ada", "/premium").await, StatusCode::OK);
        let before = guarded.applied();

        let down = json!({"tier": "pro", "effective": "now"});
        let change = service.change("ada", &id, &down);
        assert_eq!(change.status().await, StatusCode::OK);
        guarded.told(before + 1).await;
        assert_eq!(guarded.asks("ada", "/premium").await, StatusCode::FORBIDDEN);
        assert_eq!(guarded.asks("ada", "/pro").await, StatusCode::OK);

        let path = format!("/api/subscriptions/{id}/cancel");
        let cancel = service.as_user("ada", Method::POST, &path);
        let reply = cancel.body(r#"{"immediately": true}"#).send().await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
        guarded.told(before + 2).await;
        assert_eq!(guarded.asks("ada", "/pro").await, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn who_ends_by_a_webhook_is_refused_by_the_next_request() {
    for service in services().await {
        let stripe = service.stripe();
        let pro = StripeSubscription::active("ada", "ada", "pro");
        let guarded = Guarded::start(&service).await;
        guarded.knows_of("ada").await;
        let created = stripe.event(Happening::Created, &pro);
        assert_eq!(service.deliver(&created).status().await, StatusCode::OK);
        guarded.told(1).await;
        assert_eq!(guarded.asks("ada", "/pro").await, StatusCode::OK);
        let deleted = stripe.event(Happening::Deleted, &pro.with_status("canceled"));
        assert_eq!(service.deliver(&deleted).status().await, StatusCode::OK);
        guarded.told(2).await;
        assert_eq!(guarded.asks("ada", "/pro").await, StatusCode::FORBIDDEN);
    }
}
