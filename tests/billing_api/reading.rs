//! Features and invoices, as their owners read them.

use serde_json::{Value, json};
use tiergate_tests::tokens::Role;

use crate::call::data;
use crate::service::{DAY, Service};
use crate::subscribing::{path, subscribe, subscribe_without_trial, wants};

crate::scenarios![
    the_catalog_needs_no_token,
    what_the_caller_has_comes_from_their_own_subscription,
    invoices_come_newest_first_a_page_at_a_time,
    an_invoice_is_read_by_its_id,
    a_page_has_bounds,
];

async fn the_catalog_needs_no_token(service: Service) {
    let features = service.nobody().read("/api/features").await;
    let features = features.as_array().unwrap();
    assert_eq!(features.len(), 22);
    let of = |key: &str| {
        let found = features.iter().find(|feature| feature["featureKey"] == key);
        found.unwrap().clone()
    };
    assert_eq!(of("crm_enabled")["tiers"]["free"], false);
    assert_eq!(of("storage_limit_gb")["tiers"]["team_small"], 100);
    assert_eq!(of("storage_limit_gb")["tiers"]["enterprise"], -1);
    assert_eq!(of("sla_uptime")["tiers"]["enterprise"], "99.95%");
    for feature in features {
        assert_eq!(feature["tiers"].as_object().unwrap().len(), 8);
    }
}

async fn what_the_caller_has_comes_from_their_own_subscription(service: Service) {
    let ada = service.member("ada", "eagle", Role::Member);
    let ole = service.member("ole", "eagle", Role::Owner);
    subscribe(&ada, &wants("max", "monthly")).await;
    let mut wanted = wants("team_scale", "monthly");
    wanted["organizationId"] = json!("eagle");
    subscribe(&ole, &wanted).await;
    let used = json!({ "records": [
        { "idempotencyKey": "a", "userId": "ada", "metric": "sms_messages", "quantity": 120 },
    ] });
    service.meter().post("/api/usage", &used).gets(200).await;
    let row = |features: &Value, key: &str| -> Value {
        let features = features.as_array().unwrap();
        assert_eq!(features.len(), 22);
        let found = features.iter().find(|held| held["featureKey"] == key);
        let names = ["enabled", "value", "limit", "used", "remaining"];
        names
            .map(|name| found.unwrap()[name].clone())
            .into_iter()
            .collect()
    };
    let mine = ada.read("/api/features/my").await;
    assert_eq!(
        row(&mine, "sms_messages"),
        json!([true, 500, 500, 120, 380])
    );
    assert_eq!(
        row(&mine, "sso_enabled"),
        json!([false, false, 0, null, null])
    );
    assert_eq!(
        row(&mine, "storage_limit_gb"),
        json!([true, "unlimited", "unlimited", 0, "unlimited"])
    );
    let ours = ada.read("/api/features/my?organizationId=eagle").await;
    assert_eq!(
        row(&ours, "sms_messages"),
        json!([true, 10000, 10000, 0, 10000])
    );
    assert_eq!(
        row(&ours, "sso_enabled"),
        json!([true, true, 1, null, null])
    );
    let theirs = ada.get("/api/features/my?organizationId=hawk");
    theirs.refused(404, "NOT_FOUND").await;
    let nobodys = service.user("new").read("/api/features/my").await;
    assert_eq!(row(&nobodys, "storage_limit_gb"), json!([true, 5, 5, 0, 5]));
    ada.get("/api/features/my?organizationId=")
        .invalid(&["organizationId"])
        .await;
    ada.get("/api/features/my?user=bob")
        .invalid(&["user"])
        .await;
}

async fn invoices_come_newest_first_a_page_at_a_time(service: Service) {
    let pro = subscribe_without_trial(&service.user("ada"), &wants("pro", "monthly")).await;
    // Each upgrade and each downgrade now makes one more.
    for tier in ["max", "premium", "max", "pro"] {
        service.pass(DAY);
        let change = json!({ "tier": tier, "effective": "now" });
        service
            .user("ada")
            .patch(path(&pro), &change)
            .gets(200)
            .await;
    }
    let ada = service.user("ada");
    let list = format!("{}/invoices", path(&pro));
    let all = ada.read(&*list).await;
    let numbers = |invoices: &Value| -> Vec<String> {
        let invoices = invoices.as_array().unwrap().iter();
        invoices
            .map(|invoice| invoice["number"].as_str().unwrap().to_owned())
            .collect()
    };
    let expected: Vec<_> = (1..=5)
        .rev()
        .map(|n| format!("INV-2026-01-{n:06}"))
        .collect();
    assert_eq!(numbers(&all), expected);
    let mut read = Vec::new();
    let mut cursor = String::new();
    for _ in 0..3 {
        let reply = ada.get(format!("{list}?limit=2{cursor}")).gets(200).await;
        read.extend(numbers(&data(&reply)));
        match reply.json()["page"]["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(read, expected);
    // What comes in between moves nothing.
    let first = ada.get(format!("{list}?limit=2")).gets(200).await;
    let next = first.json()["page"]["next"].as_str().unwrap().to_owned();
    service.pass(DAY);
    let ada = service.user("ada");
    ada.patch(path(&pro), &json!({ "tier": "max" }))
        .gets(200)
        .await;
    let second = ada.read(format!("{list}?limit=2&cursor={next}")).await;
    assert_eq!(numbers(&second), expected[2..4]);
}

async fn an_invoice_is_read_by_its_id(service: Service) {
    let ada = service.user("ada");
    let pro = subscribe_without_trial(&ada, &wants("pro", "monthly")).await;
    let list = ada.read(format!("{}/invoices", path(&pro))).await;
    let id = list[0]["id"].as_str().unwrap();
    let reply = ada.get(format!("/api/invoices/{id}")).gets(200).await;
    assert_eq!(data(&reply), list[0]);
    assert_eq!(reply.header("etag"), Some("\"1\""));
    for invoice in [
        "00000000-0000-7000-8000-000000000000",
        "7",
        pro["id"].as_str().unwrap(),
    ] {
        let refused = ada.get(format!("/api/invoices/{invoice}"));
        refused.refused(404, "NOT_FOUND").await;
    }
}

async fn a_page_has_bounds(service: Service) {
    let ada = service.user("ada");
    let pro = subscribe(&ada, &wants("pro", "monthly")).await;
    let list = format!("{}/invoices", path(&pro));
    for (query, faults) in [
        ("limit=0", vec!["limit"]),
        ("limit=101", vec!["limit"]),
        ("limit=ten&cursor=x", vec!["limit", "cursor"]),
        ("limit=1&limit=2", vec!["limit"]),
        ("offset=3&page=2", vec!["offset", "page"]),
    ] {
        ada.get(format!("{list}?{query}")).invalid(&faults).await;
    }
    ada.get(format!("{list}?limit=100")).gets(200).await;
}
