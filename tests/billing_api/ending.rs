//! Ends, and ends taken back.

use serde_json::{Value, json};
use tiergate_tests::tokens::Role;

use crate::call::{Caller, data};
use crate::service::{DAY, Service};
use crate::subscribing::{invoices, path, subscribe, subscribe_without_trial, wants};

crate::scenarios![
    what_is_canceled_holds_until_its_period_ends,
    what_is_canceled_at_once_is_over,
    an_end_that_has_not_come_is_taken_back,
    there_is_nothing_to_take_back_twice,
    an_end_that_is_set_is_not_set_again,
    what_is_free_cannot_be_canceled,
    an_end_is_set_by_who_may_change_it,
];

async fn cancel(caller: &Caller<'_>, subscription: &Value, body: Value) -> Value {
    let cancel = format!("{}/cancel", path(subscription));
    data(&caller.post(cancel, &body).gets(200).await)
}

fn reactivate(subscription: &Value) -> String {
    format!("{}/reactivate", path(subscription))
}

async fn what_is_canceled_holds_until_its_period_ends(service: Service) {
    let ada = service.user("ada");
    let pro = subscribe_without_trial(&ada, &wants("pro", "monthly")).await;
    service.pass(DAY);
    let ada = service.user("ada");
    let ending = cancel(
        &ada,
        &pro,
        json!({ "immediately": false, "reason": "too dear" }),
    )
    .await;
    assert_eq!(
        (&ending["tier"], &ending["status"]),
        (&json!("pro"), &json!("active"))
    );
    assert_eq!(ending["cancelAtPeriodEnd"], true);
    assert_eq!(ending["canceledAt"], "2026-01-02T00:00:00Z");
    service.pass(30 * DAY);
    // What is due is done by a job, and before anybody changes it.
    let ada = service.user("ada");
    let late = ada.post(reactivate(&pro), &Value::Null);
    late.refused(409, "INVALID_STATE").await;
    let ended = ada.read(path(&pro)).await;
    assert_eq!(ended["status"], "canceled");
    assert_eq!(invoices(&ada, &pro).await.len(), 1);
    let now = ada.read("/api/subscriptions/user/ada").await;
    assert_eq!((&now["id"], &now["tier"]), (&Value::Null, &json!("free")));
}

async fn what_is_canceled_at_once_is_over(service: Service) {
    let ada = service.user("ada");
    let pro = subscribe(&ada, &wants("pro", "monthly")).await;
    let ended = cancel(&ada, &pro, json!({ "immediately": true })).await;
    assert_eq!(ended["status"], "canceled");
    assert_eq!(ended["cancelAtPeriodEnd"], false);
    let now = ada.read("/api/subscriptions/user/ada").await;
    assert_eq!((&now["id"], &now["tier"]), (&Value::Null, &json!("free")));
    // It can still be read by its id, and nothing else can be done with it.
    assert_eq!(ada.read(path(&pro)).await, ended);
    for body in [json!({}), json!({ "immediately": true })] {
        let again = ada.post(format!("{}/cancel", path(&pro)), &body);
        again.refused(409, "INVALID_STATE").await;
    }
    let refused = ada.post(reactivate(&pro), &Value::Null);
    refused.refused(409, "INVALID_STATE").await;
}

async fn an_end_that_has_not_come_is_taken_back(service: Service) {
    let ada = service.user("ada");
    let pro = subscribe_without_trial(&ada, &wants("pro", "monthly")).await;
    cancel(&ada, &pro, Value::Null).await;
    let reply = ada.post(reactivate(&pro), &Value::Null).gets(200).await;
    let tag = format!("\"{}\"", pro["version"].as_i64().unwrap() + 2);
    assert_eq!(reply.header("etag"), Some(&*tag));
    let back = data(&reply);
    assert_eq!(back["cancelAtPeriodEnd"], false);
    assert_eq!(back["canceledAt"], Value::Null);
    service.pass(31 * DAY);
    let ada = service.user("ada");
    // It renews: a change that comes now finds it in its second period.
    let annual = ada
        .patch(path(&pro), &json!({ "tier": "pro" }))
        .gets(200)
        .await;
    assert_eq!(data(&annual)["currentPeriodEnd"], "2026-03-01T00:00:00Z");
    assert_eq!(invoices(&ada, &pro).await.len(), 2);
}

async fn there_is_nothing_to_take_back_twice(service: Service) {
    let ada = service.user("ada");
    let pro = subscribe(&ada, &wants("pro", "monthly")).await;
    let refused = ada.post(reactivate(&pro), &Value::Null);
    refused.refused(409, "INVALID_STATE").await;
    cancel(&ada, &pro, Value::Null).await;
    ada.post(reactivate(&pro), &Value::Null).gets(200).await;
    let refused = ada.post(reactivate(&pro), &json!({}));
    refused.refused(409, "INVALID_STATE").await;
}

async fn an_end_that_is_set_is_not_set_again(service: Service) {
    let ada = service.user("ada");
    let pro = subscribe(&ada, &wants("pro", "monthly")).await;
    let ending = cancel(&ada, &pro, Value::Null).await;
    service.pass(DAY);
    let ada = service.user("ada");
    assert_eq!(cancel(&ada, &pro, Value::Null).await, ending);
    // Sooner is another end.
    let ended = cancel(&ada, &pro, json!({ "immediately": true })).await;
    assert_eq!(ended["status"], "canceled");
}

async fn what_is_free_cannot_be_canceled(service: Service) {
    let used = json!({ "records": [
        { "idempotencyKey": "a", "userId": "ada", "metric": "storage", "quantity": 1 },
    ] });
    service.meter().post("/api/usage", &used).gets(200).await;
    let ada = service.user("ada");
    let free = ada.read("/api/subscriptions/user/ada").await;
    for body in [json!({}), json!({ "immediately": true })] {
        let refused = ada.post(format!("{}/cancel", path(&free)), &body);
        refused.refused(409, "INVALID_STATE").await;
    }
    let refused = ada.patch(path(&free), &json!({ "tier": "pro" }));
    refused.refused(409, "INVALID_STATE").await;
}

async fn an_end_is_set_by_who_may_change_it(service: Service) {
    let ole = service.member("ole", "eagle", Role::Owner);
    let mut wanted = wants("team_small", "monthly");
    wanted["organizationId"] = json!("eagle");
    let team = subscribe(&ole, &wanted).await;
    let member = service.member("mia", "eagle", Role::Member);
    for action in ["cancel", "reactivate"] {
        let action = format!("{}/{action}", path(&team));
        let refused = member.post(&*action, &Value::Null);
        refused.refused(403, "FORBIDDEN").await;
        let refused = service.meter().post(&*action, &Value::Null);
        refused.refused(403, "FORBIDDEN").await;
        let refused = service.user("eve").post(&*action, &Value::Null);
        refused.refused(404, "NOT_FOUND").await;
    }
    assert_eq!(member.read(path(&team)).await, team);
    let admin = service.member("ann", "eagle", Role::Admin);
    assert_eq!(
        cancel(&admin, &team, Value::Null).await["cancelAtPeriodEnd"],
        true
    );
}
