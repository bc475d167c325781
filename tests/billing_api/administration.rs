//! What the operator's people see and do.

use serde_json::{Value, json};
use tiergate_tests::tokens::Role;

use crate::call::data;
use crate::service::{DAY, Service};
use crate::subscribing::{invoices, path, subscribe, subscribe_without_trial, wants};

crate::scenarios![
    subscriptions_are_found_by_what_is_said_of_them,
    a_trial_is_extended,
    a_tier_is_granted_and_ends_when_it_was_said,
    a_contract_is_granted_to_who_has_nothing_yet,
    a_subscription_is_adjusted,
    a_subscription_is_canceled_for_its_owner,
    an_invoice_is_paid_back_once,
    figures_count_what_is_there,
    the_inbox_is_empty_before_anything_came,
    every_action_takes_a_reason,
];

fn action(subscription: &Value, action: &str) -> String {
    let id = subscription["id"].as_str().unwrap();
    format!("/api/admin/subscriptions/{id}/{action}")
}

async fn team(service: &Service, organization: &str, seats: u32) -> Value {
    let ole = service.member("ole", organization, Role::Owner);
    let mut wanted = wants("team_small", "monthly");
    wanted["organizationId"] = json!(organization);
    wanted["seats"] = json!(seats);
    subscribe_without_trial(&ole, &wanted).await
}

async fn subscriptions_are_found_by_what_is_said_of_them(service: Service) {
    subscribe(&service.user("ada"), &wants("pro", "monthly")).await;
    subscribe(&service.user("bob"), &wants("max", "annual")).await;
    let ole = service.member("ole", "ada", Role::Owner);
    let mut wanted = wants("team_small", "monthly");
    wanted["organizationId"] = json!("ada");
    subscribe(&ole, &wanted).await;
    let admin = service.admin();
    for (query, found) in [
        ("", vec!["ada", "ada", "bob"]),
        ("?tier=pro", vec!["ada"]),
        ("?tier=free", vec![]),
        ("?status=trialing", vec!["ada", "ada", "bob"]),
        ("?status=active", vec![]),
        ("?owner=user:ada", vec!["ada"]),
        ("?owner=organization:bob", vec![]),
        ("?text=BO", vec!["bob"]),
        ("?text=ada&tier=team_small&status=trialing", vec!["ada"]),
    ] {
        let all = admin.read(format!("/api/admin/subscriptions{query}")).await;
        let mut owners: Vec<_> = all
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["userId"].as_str().or(one["organizationId"].as_str()))
            .map(Option::unwrap)
            .collect();
        owners.sort_unstable();
        assert_eq!(owners, found, "{query}");
    }
    let refused = admin.get("/api/admin/subscriptions?owner=ada&tier=&page=2&limit=0");
    refused.invalid(&["owner", "tier", "page", "limit"]).await;
}

async fn a_trial_is_extended(service: Service) {
    let pro = subscribe(&service.user("ada"), &wants("pro", "monthly")).await;
    let admin = service.admin();
    let longer = json!({ "until": "2026-02-10T00:00:00Z", "reason": "they asked nicely" });
    let reply = admin
        .post(action(&pro, "extend-trial"), &longer)
        .gets(200)
        .await;
    let after = data(&reply);
    assert_eq!(after["trialEnd"], "2026-02-10T00:00:00Z");
    assert_eq!(after["currentPeriodEnd"], "2026-02-10T00:00:00Z");
    assert_eq!(after["status"], "trialing");
    let past = json!({ "until": "2025-12-31T00:00:00Z", "reason": "a slip" });
    let refused = admin.post(action(&pro, "extend-trial"), &past);
    refused.invalid(&["/until"]).await;
    let paid = subscribe_without_trial(&service.user("bob"), &wants("pro", "monthly")).await;
    let refused = admin
        .post(action(&paid, "extend-trial"), &longer)
        .gets(409)
        .await;
    assert!(["INVALID_STATE", "PAYMENT_REFUSED"].contains(&&*refused.code()));
}

async fn a_tier_is_granted_and_ends_when_it_was_said(service: Service) {
    let pro = subscribe(&service.user("ada"), &wants("pro", "monthly")).await;
    let grant = json!({ "tier": "premium", "until": "2026-01-11T00:00:00Z", "reason": "a prize" });
    let granted = service.admin().post(action(&pro, "grant-tier"), &grant);
    let granted = data(&granted.gets(200).await);
    assert_eq!(
        (&granted["id"], &granted["tier"]),
        (&pro["id"], &json!("premium"))
    );
    assert_eq!(
        (&granted["status"], &granted["billingCycle"]),
        (&json!("active"), &Value::Null)
    );
    assert_eq!(granted["cancelAtPeriodEnd"], true);
    assert_eq!(granted["currentPeriodEnd"], "2026-01-11T00:00:00Z");
    assert!(invoices(&service.user("ada"), &pro).await.is_empty());
    service.pass(10 * DAY);
    // What it can do is the default tier's from that moment on, whenever a job writes that down.
    let features = service.user("ada").read("/api/features/my").await;
    let features = features.as_array().unwrap();
    let sso = features
        .iter()
        .find(|held| held["featureKey"] == "sso_enabled");
    assert_eq!(sso.unwrap()["enabled"], false);
    let refused = json!({ "tier": "gold", "seats": 0, "until": "soon", "reason": " " });
    let refused = service.admin().post(action(&pro, "grant-tier"), &refused);
    refused
        .invalid(&["/tier", "/seats", "/until", "/reason"])
        .await;
}

async fn a_contract_is_granted_to_who_has_nothing_yet(service: Service) {
    let admin = service.admin();
    let grant = json!({
        "organizationId": "eagle", "tier": "enterprise", "seats": 400, "reason": "contract 17",
    });
    let granted = data(&admin.post("/api/admin/grants", &grant).gets(200).await);
    assert_eq!(
        (&granted["tier"], &granted["seats"]),
        (&json!("enterprise"), &json!(400))
    );
    let mia = service.member("mia", "eagle", Role::Member);
    assert_eq!(
        mia.read("/api/subscriptions/organization/eagle").await,
        granted
    );
    // A contract does not give way to a price.
    let mut wanted = wants("team_small", "monthly");
    wanted["organizationId"] = json!("eagle");
    let ole = service.member("ole", "eagle", Role::Owner);
    let refused = ole.post("/api/subscriptions", &wanted);
    refused.refused(409, "SUBSCRIPTION_EXISTS").await;
    let neither = json!({ "tier": "pro", "reason": "x" });
    admin
        .post("/api/admin/grants", &neither)
        .invalid(&["/userId"])
        .await;
    let both = json!({ "userId": "a", "organizationId": "b", "tier": "pro", "reason": "x" });
    admin
        .post("/api/admin/grants", &both)
        .invalid(&["/organizationId"])
        .await;
}

async fn a_subscription_is_adjusted(service: Service) {
    let pro = subscribe(&service.user("ada"), &wants("pro", "monthly")).await;
    let admin = service.admin();
    let adjust = action(&pro, "adjust");
    let nonprofit = json!({
        "discountBasisPoints": 5000, "metadata": { "ticket": 12 }, "reason": "a nonprofit",
    });
    let after = data(&admin.post(&*adjust, &nonprofit).gets(200).await);
    assert_eq!(after["discountBasisPoints"], 5000);
    assert_eq!(after["metadata"], json!({ "ticket": 12 }));
    let preview = format!("{}/preview?tier=max", path(&pro));
    let preview = service.user("ada").read(preview).await;
    assert_eq!(preview["recurring"]["amount"], 1450);
    let suspend = json!({ "status": "suspended", "reason": "abuse" });
    let after = data(&admin.post(&*adjust, &suspend).gets(200).await);
    assert_eq!(after["status"], "suspended");
    let odd = json!({ "discountBasisPoints": 10001, "status": "", "seats": 0, "tier": "max" });
    let refused = admin.post(&*adjust, &odd);
    refused
        .invalid(&[
            "/discountBasisPoints",
            "/status",
            "/seats",
            "/tier",
            "/reason",
        ])
        .await;
    let refused = admin.post(&*adjust, &json!({ "reason": "none" }));
    refused.invalid(&[""]).await;
}

async fn a_subscription_is_canceled_for_its_owner(service: Service) {
    let ada = service.user("ada");
    let pro = subscribe(&ada, &wants("pro", "monthly")).await;
    let cancel = action(&pro, "cancel");
    let admin = service.admin();
    let body = json!({ "reason": "as they asked by letter" });
    let ending = data(&admin.post(&*cancel, &body).gets(200).await);
    assert_eq!(ending["cancelAtPeriodEnd"], true);
    let now = json!({ "immediately": true, "reason": "abuse" });
    let ended = data(&admin.post(&*cancel, &now).gets(200).await);
    assert_eq!(ended["status"], "canceled");
    assert_eq!(ada.read(path(&pro)).await, ended);
    let again = admin.post(&*cancel, &now);
    again.refused(409, "INVALID_STATE").await;
}

async fn an_invoice_is_paid_back_once(service: Service) {
    let ada = service.user("ada");
    let pro = subscribe_without_trial(&ada, &wants("pro", "monthly")).await;
    let id = invoices(&ada, &pro).await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let admin = service.admin();
    let refund = format!("/api/admin/invoices/{id}/refund");
    let part = json!({ "amount": { "amount": 500, "currency": "USD" }, "reason": "an outage" });
    let first = admin.post(&*refund, &part).key("r").gets(200).await;
    let again = admin.post(&*refund, &part).key("r").gets(200).await;
    assert_eq!(again.body, first.body);
    assert_eq!(data(&first)["refunded"]["amount"], 500);
    let more = json!({ "amount": { "amount": 701, "currency": "USD" }, "reason": "too much" });
    let refused = admin.post(&*refund, &more).gets(400).await;
    assert_eq!(refused.code(), "VALIDATION_ERROR");
    let other = json!({ "amount": { "amount": 1, "currency": "EUR" }, "reason": "a slip" });
    admin
        .post(&*refund, &other)
        .invalid(&["/amount/currency"])
        .await;
    let rest = admin
        .post(&*refund, &json!({ "reason": "the rest" }))
        .gets(200)
        .await;
    assert_eq!(data(&rest)["refunded"]["amount"], 1200);
    let nothing = admin.post(&*refund, &json!({ "reason": "again" }));
    nothing.refused(409, "INVALID_STATE").await;
    let mark = format!("/api/admin/invoices/{id}/mark");
    let refused = admin.post(&*mark, &json!({ "status": "void", "reason": "a slip" }));
    refused.refused(409, "INVALID_STATE").await;
    let refused = admin.post(&*mark, &json!({ "status": "lost" }));
    refused.invalid(&["/status", "/reason"]).await;
}

async fn figures_count_what_is_there(service: Service) {
    let pro = subscribe_without_trial(&service.user("ada"), &wants("pro", "monthly")).await;
    subscribe_without_trial(&service.user("bob"), &wants("max", "annual")).await;
    team(&service, "eagle", 7).await;
    let admin = service.admin();
    let half = json!({ "discountBasisPoints": 5000, "reason": "a nonprofit" });
    admin.post(action(&pro, "adjust"), &half).gets(200).await;
    let used = json!({ "records": [
        { "idempotencyKey": "a", "userId": "ada", "metric": "sms_messages", "quantity": 3 },
        { "idempotencyKey": "b", "organizationId": "eagle", "metric": "sms_messages", "quantity": 8 },
        { "idempotencyKey": "c", "userId": "ada", "metric": "sms_messages", "quantity": 4 },
    ] });
    service.meter().post("/api/usage", &used).gets(200).await;

    let mrr = admin.read("/api/admin/mrr").await;
    // Half of twelve dollars, a twelfth of 278, and seven seats at eight.
    assert_eq!(
        mrr["total"],
        json!({ "amount": 600 + 2317 + 5600, "currency": "USD" })
    );
    let revenue = admin.read("/api/admin/revenue?month=2026-01").await;
    assert_eq!(revenue["totals"][0]["paid"]["amount"], 1200 + 27800 + 5600);
    assert_eq!(revenue["totals"][0]["invoices"], 3);
    let none = admin.read("/api/admin/revenue?month=2025-12").await;
    assert_eq!(none["totals"], json!([]));
    let distribution = admin.read("/api/admin/distribution").await;
    // Each of the three canceled the one of their trial.
    assert_eq!(distribution["total"], 6);
    let statuses = distribution["statuses"].as_array().unwrap();
    let count = |status: &str| {
        let mut found = statuses.iter();
        found
            .find(|one| one["status"] == status)
            .map(|one| one["count"].clone())
    };
    assert_eq!(
        (count("active"), count("canceled")),
        (Some(json!(3)), Some(json!(3)))
    );
    let usage = admin.read("/api/admin/usage?month=2026-01").await;
    let rows = usage["metrics"].as_array().unwrap();
    let sms = rows
        .iter()
        .find(|row| row["metric"] == "sms_messages")
        .unwrap();
    assert_eq!((&sms["quantity"], &sms["records"]), (&json!(15), &json!(3)));
    assert_eq!(sms["subscriptions"], 2);
    let top = admin
        .read("/api/admin/usage/top?metric=sms_messages&limit=1")
        .await;
    assert_eq!(top["owners"][0]["organizationId"], "eagle");
    assert_eq!(top["owners"].as_array().unwrap().len(), 1);
    service.pass(40 * DAY);
    let ended = json!({ "immediately": true });
    service
        .user("ada")
        .post(format!("{}/cancel", path(&pro)), &ended)
        .gets(200)
        .await;
    let churn = service.admin().read("/api/admin/churn").await;
    assert_eq!((&churn["atStart"], &churn["lost"]), (&json!(3), &json!(1)));
    assert_eq!(churn["rateBasisPoints"], 3333);
    let admin = service.admin();
    admin
        .get("/api/admin/usage/top?metric=tea&limit=0")
        .invalid(&["metric", "limit"])
        .await;
    admin
        .get("/api/admin/churn?days=367")
        .invalid(&["days"])
        .await;
    admin
        .get("/api/admin/revenue?month=2026-13")
        .invalid(&["month"])
        .await;
}

async fn the_inbox_is_empty_before_anything_came(service: Service) {
    let admin = service.admin();
    assert_eq!(admin.read("/api/admin/webhooks").await, json!([]));
    assert_eq!(
        admin.read("/api/admin/webhooks?state=dead").await,
        json!([])
    );
    admin
        .get("/api/admin/webhooks?state=lost")
        .invalid(&["state"])
        .await;
    let retry = "/api/admin/webhooks/00000000-0000-7000-8000-000000000000/retry";
    admin
        .post(retry, &json!({}))
        .refused(404, "NOT_FOUND")
        .await;
}

async fn every_action_takes_a_reason(service: Service) {
    let ada = service.user("ada");
    let pro = subscribe_without_trial(&ada, &wants("pro", "monthly")).await;
    let invoice = invoices(&ada, &pro).await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let admin = service.admin();
    for (path, body) in [
        (action(&pro, "cancel"), json!({})),
        (
            action(&pro, "extend-trial"),
            json!({ "until": "2026-03-01T00:00:00Z" }),
        ),
        (action(&pro, "grant-tier"), json!({ "tier": "max" })),
        (action(&pro, "adjust"), json!({ "discountBasisPoints": 1 })),
        (format!("/api/admin/invoices/{invoice}/refund"), json!({})),
        (
            format!("/api/admin/invoices/{invoice}/mark"),
            json!({ "status": "void" }),
        ),
        (
            "/api/admin/grants".to_owned(),
            json!({ "userId": "bob", "tier": "max" }),
        ),
        (
            format!("{}/overrides/sso_enabled", self::path(&pro)),
            json!({ "value": true }),
        ),
    ] {
        for reason in [None, Some(json!("")), Some(json!(7))] {
            let mut body = body.clone();
            if let Some(reason) = reason {
                body["reason"] = reason;
            }
            let call = if path.contains("/overrides/") {
                admin.put(&*path, &body)
            } else {
                admin.post(&*path, &body)
            };
            call.invalid(&["/reason"]).await;
        }
    }
    assert_eq!(ada.read(self::path(&pro)).await, pro);
}
