//! The log of who did what to what.

use serde_json::{Value, json};
use tiergate_tests::tokens::Role;

use crate::call::{Call, data};
use crate::service::{DAY, Service};
use crate::subscribing::{path, subscribe, subscribe_without_trial, wants};

crate::scenarios![
    every_change_is_written_down_as_it_was_made,
    what_changes_nothing_writes_nothing,
    what_is_due_is_written_down_as_the_systems_own,
    the_log_is_searched,
];

/// The entries about a subscription, newest first.
async fn entries(service: &Service, subscription: &Value) -> Vec<Value> {
    let id = subscription["id"].as_str().unwrap();
    let log = format!("/api/admin/audit?object=subscription:{id}&limit=100");
    service.admin().read(log).await.as_array().unwrap().clone()
}

async fn every_change_is_written_down_as_it_was_made(service: Service) {
    let ole = service.member("ole", "eagle", Role::Owner);
    let admin = service.admin();
    let mut wanted = wants("team_small", "monthly");
    wanted["organizationId"] = json!("eagle");
    let mut before = subscribe(&ole, &wanted).await;
    let place = path(&before);
    let id = before["id"].as_str().unwrap();
    let of_admin = |action: &str| format!("/api/admin/subscriptions/{id}/{action}");
    let gift = json!({ "value": true, "reason": "a gift" });
    let user = ("user", "ole");
    let operator = ("admin", "ines");
    let changes: Vec<(&str, (&str, &str), Value, Call<'_>)> = vec![
        (
            "subscription.changed",
            user,
            Value::Null,
            ole.patch(&*place, &json!({ "seats": 9 })),
        ),
        (
            "subscription.canceled",
            user,
            json!("no money"),
            ole.post(format!("{place}/cancel"), &json!({ "reason": "no money" })),
        ),
        (
            "subscription.reactivated",
            user,
            Value::Null,
            ole.post(format!("{place}/reactivate"), &Value::Null),
        ),
        (
            "override.set",
            operator,
            json!("a gift"),
            admin.put(format!("{place}/overrides/sso_enabled"), &gift),
        ),
        (
            "override.removed",
            operator,
            json!("enough"),
            admin.delete(format!("{place}/overrides/sso_enabled?reason=enough")),
        ),
        (
            "subscription.trial_extended",
            operator,
            json!("asked"),
            admin.post(
                of_admin("extend-trial"),
                &json!({ "until": "2026-02-01T00:00:00Z", "reason": "asked" }),
            ),
        ),
        (
            "subscription.adjusted",
            operator,
            json!("a nonprofit"),
            admin.post(
                of_admin("adjust"),
                &json!({ "discountBasisPoints": 5000, "reason": "a nonprofit" }),
            ),
        ),
        (
            "subscription.granted",
            operator,
            json!("contract"),
            admin.post(
                of_admin("grant-tier"),
                &json!({ "tier": "enterprise", "reason": "contract" }),
            ),
        ),
        (
            "subscription.canceled",
            operator,
            json!("over"),
            admin.post(
                of_admin("cancel"),
                &json!({ "immediately": true, "reason": "over" }),
            ),
        ),
    ];
    let many = changes.len();
    for (number, (action, actor, reason, call)) in changes.into_iter().enumerate() {
        service.pass(std::time::Duration::from_secs(1));
        let request = format!("request-{number}");
        let reply = call.header("x-request-id", &request).gets(200).await;
        let after = data(&reply);
        let log = entries(&service, &before).await;
        assert_eq!(log.len(), number + 2, "{action}");
        let entry = &log[0];
        assert_eq!(entry["action"], action);
        assert_eq!(
            (&entry["actorKind"], &entry["actorId"]),
            (&json!(actor.0), &json!(actor.1))
        );
        assert_eq!(entry["before"], before, "{action}");
        assert_eq!(entry["after"], after, "{action}");
        assert_eq!(entry["reason"], reason, "{action}");
        assert_eq!(entry["requestId"], request, "{action}");
        assert_eq!(entry["at"], after["updatedAt"], "{action}");
        before = after;
    }
    let log = entries(&service, &before).await;
    let first = &log[many];
    assert_eq!(first["action"], "subscription.created");
    assert_eq!(first["before"], Value::Null);
    assert!(
        first["requestId"].is_string(),
        "a request has an id, though nobody gave it one"
    );
}

async fn what_changes_nothing_writes_nothing(service: Service) {
    let ada = service.user("ada");
    let pro = subscribe(&ada, &wants("pro", "monthly")).await;
    let log = entries(&service, &pro).await;
    ada.patch(path(&pro), &json!({ "tier": "pro" }))
        .gets(200)
        .await;
    ada.patch(path(&pro), &json!({ "tier": "gold" }))
        .gets(400)
        .await;
    ada.patch(path(&pro), &json!({ "tier": "max" }))
        .if_match("\"9\"")
        .gets(412)
        .await;
    ada.post(format!("{}/reactivate", path(&pro)), &Value::Null)
        .gets(409)
        .await;
    ada.post("/api/subscriptions", &wants("max", "monthly"))
        .gets(409)
        .await;
    service
        .user("eve")
        .patch(path(&pro), &json!({ "tier": "max" }))
        .gets(404)
        .await;
    ada.read(format!("{}/preview?tier=max", path(&pro))).await;
    ada.read(format!("{}/usage", path(&pro))).await;
    assert_eq!(entries(&service, &pro).await, log);
    assert_eq!(ada.read(path(&pro)).await, pro);
}

async fn what_is_due_is_written_down_as_the_systems_own(service: Service) {
    let pro = subscribe_without_trial(&service.user("ada"), &wants("pro", "monthly")).await;
    service.pass(31 * DAY);
    // Before it is changed, what is due is done: the two are two entries.
    let ada = service.user("ada");
    ada.patch(path(&pro), &json!({ "tier": "max" }))
        .gets(200)
        .await;
    let log = entries(&service, &pro).await;
    let told: Vec<_> = log
        .iter()
        .map(|entry| [&entry["actorKind"], &entry["action"]].map(|text| text.as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            ["user", "subscription.changed"],
            ["system", "subscription.advanced"],
            ["user", "subscription.created"],
        ]
    );
    assert_eq!(log[0]["before"], log[1]["after"]);
    let invoices = service
        .admin()
        .read("/api/admin/audit?object=invoice")
        .await;
    assert_eq!(
        invoices.as_array().unwrap().len(),
        3,
        "each invoice is written down, too"
    );
}

async fn the_log_is_searched(service: Service) {
    let ada = service.user("ada");
    let pro = subscribe(&ada, &wants("pro", "monthly")).await;
    service.pass(DAY);
    subscribe(&service.user("bob"), &wants("pro", "monthly")).await;
    let ada = service.user("ada");
    ada.patch(path(&pro), &json!({ "tier": "max" }))
        .gets(200)
        .await;
    let admin = service.admin();
    for (query, many) in [
        ("", 3),
        ("?actor=user", 3),
        ("?actor=user:bob", 1),
        ("?actor=admin", 0),
        ("?action=subscription.changed", 1),
        ("?from=2026-01-02T00:00:00Z", 2),
        ("?to=2026-01-02T00:00:00Z", 1),
        (
            "?object=subscription&actor=user:ada&from=2026-01-02T00:00:00Z",
            1,
        ),
        ("?object=invoice", 0),
        ("?limit=2", 2),
    ] {
        let log = admin.read(format!("/api/admin/audit{query}")).await;
        assert_eq!(log.as_array().unwrap().len(), many, "{query}");
    }
    let first = admin.get("/api/admin/audit?limit=2").gets(200).await;
    let next = first.json()["page"]["next"].as_str().unwrap().to_owned();
    let rest = admin
        .read(format!("/api/admin/audit?limit=2&cursor={next}"))
        .await;
    assert_eq!(rest.as_array().unwrap().len(), 1);
    let refused = admin.get("/api/admin/audit?from=yesterday&actor=:x&who=me");
    refused.invalid(&["from", "actor", "who"]).await;
}
