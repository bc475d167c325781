//! Values that one subscription has in place of its tier's.

use serde_json::{Value, json};
use tiergate_tests::tokens::Role;

use crate::call::{Caller, data};
use crate::service::{DAY, Service};
use crate::subscribing::{path, subscribe, wants};

crate::scenarios![
    an_override_holds_until_it_expires,
    an_override_is_taken_away,
    a_value_has_to_fit_its_feature,
    overrides_are_set_by_admins_only,
];

/// What the caller has of a feature.
async fn has(caller: &Caller<'_>, feature: &str) -> Value {
    let features = caller.read("/api/features/my").await;
    let features = features.as_array().unwrap();
    let found = features.iter().find(|held| held["featureKey"] == feature);
    found.unwrap()["value"].clone()
}

fn place(subscription: &Value, feature: &str) -> String {
    format!("{}/overrides/{feature}", path(subscription))
}

async fn an_override_holds_until_it_expires(service: Service) {
    let ada = service.user("ada");
    let pro = subscribe(&ada, &wants("pro", "monthly")).await;
    let favor = json!({
        "value": 75, "expiresAt": "2026-01-02T00:00:00Z", "reason": "an outage",
    });
    let reply = service.admin().put(place(&pro, "storage_limit_gb"), &favor);
    let reply = reply.gets(200).await;
    assert_eq!(reply.header("etag"), Some("\"2\""));
    assert_eq!(
        data(&reply)["overrides"],
        json!([{
            "featureKey": "storage_limit_gb", "value": 75, "expiresAt": "2026-01-02T00:00:00Z",
            "reason": "an outage", "createdBy": "ines", "createdAt": "2026-01-01T00:00:00Z",
        }])
    );
    assert_eq!(ada.read(path(&pro)).await, data(&reply));
    assert_eq!(has(&ada, "storage_limit_gb").await, 75);
    service.pass(DAY);
    assert_eq!(has(&service.user("ada"), "storage_limit_gb").await, 50);
}

async fn an_override_is_taken_away(service: Service) {
    let ada = service.user("ada");
    let pro = subscribe(&ada, &wants("pro", "monthly")).await;
    let admin = service.admin();
    for (feature, value) in [
        ("sso_enabled", json!(true)),
        ("sms_messages", json!("unlimited")),
        ("support_level", json!("dedicated")),
    ] {
        let gift = json!({ "value": value, "reason": "a gift" });
        admin.put(place(&pro, feature), &gift).gets(200).await;
        assert_eq!(has(&ada, feature).await, value);
    }
    let other = json!({ "value": "priority", "reason": "less of a gift" });
    admin
        .put(place(&pro, "support_level"), &other)
        .gets(200)
        .await;
    assert_eq!(has(&ada, "support_level").await, "priority");
    let gone = admin.delete(format!("{}?reason=enough", place(&pro, "support_level")));
    let left = data(&gone.gets(200).await);
    assert_eq!(left["overrides"].as_array().unwrap().len(), 2);
    assert_eq!(has(&ada, "support_level").await, "email");
    for feature in ["support_level", "gold"] {
        let refused = admin.delete(place(&pro, feature));
        refused.refused(404, "NOT_FOUND").await;
    }
}

async fn a_value_has_to_fit_its_feature(service: Service) {
    let pro = subscribe(&service.user("ada"), &wants("pro", "monthly")).await;
    let admin = service.admin();
    for (feature, value) in [
        ("sso_enabled", json!(1)),
        ("sso_enabled", json!("on")),
        ("storage_limit_gb", json!(-1)),
        ("storage_limit_gb", json!(1.5)),
        ("storage_limit_gb", json!("many")),
        ("support_level", json!("royal")),
        ("support_level", json!(true)),
        ("support_level", json!({})),
    ] {
        let body = json!({ "value": value, "reason": "a gift" });
        admin
            .put(place(&pro, feature), &body)
            .invalid(&["/value"])
            .await;
    }
    let body = json!({ "value": true, "reason": "a gift", "expiresAt": "2026-01-01T00:00:00Z" });
    let refused = admin.put(place(&pro, "gold"), &body);
    refused.invalid(&["featureKey", "/expiresAt"]).await;
    let refused = admin.put(place(&pro, "sso_enabled"), &json!({ "expires": 1 }));
    refused.invalid(&["/value", "/reason", "/expires"]).await;
    assert_eq!(admin.read(path(&pro)).await, pro);
}

async fn overrides_are_set_by_admins_only(service: Service) {
    let ada = service.user("ada");
    let pro = subscribe(&ada, &wants("pro", "monthly")).await;
    let body = json!({ "value": true, "reason": "I want it" });
    for (who, status, code) in [
        (ada, 403, "FORBIDDEN"),
        (service.meter(), 403, "FORBIDDEN"),
        (service.user("eve"), 404, "NOT_FOUND"),
        (service.member("eve", "ada", Role::Owner), 404, "NOT_FOUND"),
    ] {
        let put = who.put(place(&pro, "sso_enabled"), &body);
        put.refused(status, code).await;
        let delete = who.delete(place(&pro, "sso_enabled"));
        delete.refused(status, code).await;
    }
    assert_eq!(service.admin().read(path(&pro)).await, pro);
}
