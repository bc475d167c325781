//! A client of the platform's older services, in JavaScript, against the real service.

use serde_json::{Value, json};
use tiergate_tests::{Node, Token};

use crate::service::Service;
use crate::subscribing::{subscribe, wants};

const CLIENT: &str = include_str!("../older_client/client.js");

/// What the client's own service answers for each feature.
async fn asked(node: &Node, service: &Service, token: &Token, user: &str, keys: &[&str]) -> Value {
    let base = format!("http://{}", service.address);
    let token = service.mint.sign(token);
    let arguments: Vec<_> = [&base, &token, user]
        .into_iter()
        .chain(keys.iter().copied())
        .collect();
    let finished = node.script(CLIENT, &arguments).await;
    assert!(
        finished.status.success(),
        "{}\n{}",
        finished.stdout,
        finished.stderr
    );
    serde_json::from_str(&finished.stdout).unwrap()
}

#[tokio::test]
async fn an_older_client_reads_tiers_features_and_errors_as_it_always_did() {
    let Some(node) = Node::alone() else {
        return;
    };
    let service = Service::over_sqlite().await;
    let ada = Token::user("ada", &*service.clock);
    let keys = [
        "crm_enabled",
        "sms_messages",
        "storage_limit_gb",
        "support_level",
        "sso_enabled",
    ];
    let denied = |tier: &str, status: &str| json!({ "status": status, "error": "FEATURE_NOT_AVAILABLE", "tier": tier });
    let free = asked(&node, &service, &ada, "ada", &keys).await;
    assert_eq!(free["crm_enabled"], denied("free", "active"));
    assert_eq!(
        free["sms_messages"],
        denied("free", "active"),
        "nothing is not a limit"
    );
    assert_eq!(
        free["storage_limit_gb"],
        json!({ "tier": "free", "status": "active", "allowed": true, "limit": 5 })
    );
    assert_eq!(free["support_level"]["level"], "community");

    subscribe(&service.user("ada"), &wants("max", "monthly")).await;
    let max = asked(&node, &service, &ada, "ada", &keys).await;
    assert_eq!(
        max["crm_enabled"],
        json!({ "tier": "max", "status": "trialing", "allowed": true })
    );
    assert_eq!(max["sms_messages"]["limit"], 500);
    assert_eq!(max["storage_limit_gb"]["limit"], "unlimited");
    assert_eq!(max["support_level"]["level"], "priority");
    assert_eq!(max["sso_enabled"], denied("max", "trialing"));

    // Errors have the members that it has always read.
    let another = asked(&node, &service, &ada, "bob", &["crm_enabled"]).await;
    assert_eq!(another["crm_enabled"]["status"], 502);
    assert_eq!(another["crm_enabled"]["error"], "NOT_FOUND");
    let expired = ada.expired(&*service.clock);
    let expired = asked(&node, &service, &expired, "ada", &["crm_enabled"]).await;
    assert_eq!(expired["crm_enabled"]["error"], "UNAUTHORIZED");
    let message = expired["crm_enabled"]["message"].as_str().unwrap();
    assert!(message.contains("expired"), "{message}");
}
