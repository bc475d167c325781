//! Requests that come twice, and changes of what somebody else has changed.

use std::time::Duration;

use serde_json::{Value, json};
use tiergate_tests::tokens::Role;

use crate::call::data;
use crate::service::{DAY, Service};
use crate::subscribing::{invoices, path, subscribe, subscribe_without_trial, wants};

crate::scenarios![
    the_same_key_and_body_get_the_same_answer,
    the_same_key_with_another_body_is_refused,
    a_key_is_its_callers_and_its_routes_own,
    a_refusal_is_kept_under_its_key,
    a_request_that_was_not_valid_keeps_no_key,
    requests_with_one_key_at_once_are_done_once,
    a_key_has_bounds,
    a_change_is_for_the_version_that_was_seen,
    of_two_changes_of_one_version_one_is_made,
    a_tag_that_is_none_is_refused,
];

async fn the_same_key_and_body_get_the_same_answer(service: Service) {
    let ada = service.user("ada");
    let wanted = wants("pro", "monthly");
    let first = ada.post("/api/subscriptions", &wanted).key("k-1");
    let first = first.gets(201).await;
    service.pass(DAY - Duration::from_secs(1));
    let again = service
        .user("ada")
        .post("/api/subscriptions", &wanted)
        .key("k-1");
    let again = again.gets(201).await;
    assert_eq!(again.body, first.body);
    for name in ["etag", "location", "content-type"] {
        assert_eq!(again.header(name), first.header(name), "{name}");
    }
    let pro = data(&first);
    let upgrade = json!({ "tier": "max" });
    let ada = service.user("ada");
    let first = ada.patch(path(&pro), &upgrade).key("k-1").gets(200).await;
    let again = ada.patch(path(&pro), &upgrade).key("k-1").gets(200).await;
    assert_eq!(again.body, first.body);
    // It is done once, whatever has been done since.
    ada.patch(path(&pro), &json!({ "tier": "premium" }))
        .gets(200)
        .await;
    let again = ada.patch(path(&pro), &upgrade).key("k-1").gets(200).await;
    assert_eq!(again.body, first.body);
    assert_eq!(ada.read(path(&pro)).await["tier"], "premium");
}

async fn the_same_key_with_another_body_is_refused(service: Service) {
    let ada = service.user("ada");
    let first = ada.post("/api/subscriptions", &wants("pro", "monthly"));
    let pro = data(&first.key("k-1").gets(201).await);
    let other = ada.post("/api/subscriptions", &wants("max", "monthly"));
    let refused = other.key("k-1");
    refused.refused(422, "IDEMPOTENCY_KEY_REUSED").await;
    assert_eq!(ada.read(path(&pro)).await, pro);
    let one = |metric: &str| {
        json!({ "records": [
            { "idempotencyKey": "a", "userId": "ada", "metric": metric, "quantity": 1 },
        ] })
    };
    let meter = service.meter();
    let first = meter.post("/api/usage", &one("storage")).key("u");
    let first = first.gets(200).await;
    let again = meter.post("/api/usage", &one("storage")).key("u");
    assert_eq!(again.gets(200).await.body, first.body);
    let other = meter.post("/api/usage", &one("bandwidth")).key("u");
    other.refused(422, "IDEMPOTENCY_KEY_REUSED").await;
}

async fn a_key_is_its_callers_and_its_routes_own(service: Service) {
    let (ada, bob) = (service.user("ada"), service.user("bob"));
    let post = |tier: &str| wants(tier, "monthly");
    let adas = ada.post("/api/subscriptions", &post("pro")).key("k");
    let adas = data(&adas.gets(201).await);
    let bobs = bob.post("/api/subscriptions", &post("max")).key("k");
    let bobs = data(&bobs.gets(201).await);
    assert_eq!(
        (&bobs["userId"], &bobs["tier"]),
        (&json!("bob"), &json!("max"))
    );
    // A person of the operator's with a user's id is another caller.
    let ada_of_ours = service.caller(|clock| tiergate_tests::Token::admin("ada", clock));
    let cancel = format!("{}/cancel", path(&adas));
    ada.post(&*cancel, &json!({})).key("k").gets(200).await;
    let again = ada_of_ours
        .post(&*cancel, &json!({ "immediately": true }))
        .key("k");
    assert_eq!(data(&again.gets(200).await)["status"], "canceled");
}

async fn a_refusal_is_kept_under_its_key(service: Service) {
    let ada = service.user("ada");
    let pro = subscribe(&ada, &wants("pro", "monthly")).await;
    let wanted = wants("max", "monthly");
    let refused = ada.post("/api/subscriptions", &wanted).key("k");
    let refused = refused.refused(409, "SUBSCRIPTION_EXISTS").await;
    let cancel = format!("{}/cancel", path(&pro));
    ada.post(&*cancel, &json!({ "immediately": true }))
        .gets(200)
        .await;
    // It would be done now; but a retry asks what became of the first try.
    let again = ada.post("/api/subscriptions", &wanted).key("k");
    let again = again.refused(409, "SUBSCRIPTION_EXISTS").await;
    assert_eq!(again.body, refused.body);
    let fresh = ada.post("/api/subscriptions", &wanted).key("l");
    fresh.gets(201).await;
}

async fn a_request_that_was_not_valid_keeps_no_key(service: Service) {
    let ada = service.user("ada");
    let odd = ada.post("/api/subscriptions", &json!({ "tier": "pro" }));
    odd.key("k").invalid(&["/billingCycle"]).await;
    let right = ada.post("/api/subscriptions", &wants("pro", "monthly"));
    right.key("k").gets(201).await;
}

async fn requests_with_one_key_at_once_are_done_once(service: Service) {
    let ada = service.user("ada");
    let pro = subscribe_without_trial(&ada, &wants("pro", "monthly")).await;
    let upgrade = json!({ "tier": "max" });
    let tries = (0..8).map(|_| ada.patch(path(&pro), &upgrade).key("k").gets(200));
    let replies = futures_util::future::join_all(tries).await;
    for reply in &replies {
        assert_eq!(reply.body, replies[0].body);
    }
    assert_eq!(invoices(&ada, &pro).await.len(), 2);
    let batch = json!({ "records": [
        { "idempotencyKey": "a", "userId": "ada", "metric": "sms_messages", "quantity": 1 },
    ] });
    let meter = service.meter();
    let tries = (0..8).map(|_| meter.post("/api/usage", &batch).key("k").gets(200));
    for reply in futures_util::future::join_all(tries).await {
        assert_eq!(data(&reply)["accepted"], 1, "each is told what was done");
    }
}

async fn a_key_has_bounds(service: Service) {
    let ada = service.user("ada");
    let wanted = wants("pro", "monthly");
    for key in ["", &"k".repeat(256)] {
        let refused = ada.post("/api/subscriptions", &wanted).key(key);
        refused.invalid(&["Idempotency-Key"]).await;
    }
    let refused = ada.post("/api/subscriptions", &wanted).key("a").key("b");
    refused.invalid(&["Idempotency-Key"]).await;
    let longest = "k".repeat(255);
    let created = ada.post("/api/subscriptions", &wanted).key(&longest);
    created.gets(201).await;
}

async fn a_change_is_for_the_version_that_was_seen(service: Service) {
    let ole = service.member("ole", "eagle", Role::Owner);
    let mut wanted = wants("team_small", "monthly");
    wanted["organizationId"] = json!("eagle");
    let team = subscribe(&ole, &wanted).await;
    let seats = json!({ "seats": 9 });
    for tag in ["\"2\"", "\"0\"", "\"abc\"", "\"7\", \"8\""] {
        let refused = ole.patch(path(&team), &seats).if_match(tag);
        let refused = refused.refused(412, "VERSION_MISMATCH").await;
        assert_eq!(refused.json()["currentVersion"], 1);
    }
    assert_eq!(ole.read(path(&team)).await, team);
    let seen = ole.get(path(&team)).gets(200).await;
    let seen = seen.header("etag").unwrap().to_owned();
    let changed = ole.patch(path(&team), &seats).if_match(&seen);
    assert_eq!(changed.gets(200).await.header("etag"), Some("\"2\""));
    let stale = ole
        .patch(path(&team), &json!({ "seats": 10 }))
        .if_match(&seen);
    stale.refused(412, "VERSION_MISMATCH").await;
    for action in ["cancel", "reactivate"] {
        let action = format!("{}/{action}", path(&team));
        let stale = ole.post(&*action, &Value::Null).if_match(&seen);
        stale.refused(412, "VERSION_MISMATCH").await;
        let any = ole.post(&*action, &Value::Null).if_match("*");
        any.gets(200).await;
    }
    let one_of = ole
        .patch(path(&team), &json!({ "seats": 11 }))
        .if_match("\"1\", \"4\"");
    one_of.gets(200).await;
    let put = format!("{}/overrides/sso_enabled", path(&team));
    let gift = json!({ "value": true, "reason": "a gift" });
    let stale = service.admin().put(put, &gift).if_match("\"4\"");
    stale.refused(412, "VERSION_MISMATCH").await;
    // Who has no subscription is at version 0.
    let new = service.user("new");
    let refused = new.post("/api/subscriptions", &wants("pro", "monthly"));
    refused
        .if_match("\"1\"")
        .refused(412, "VERSION_MISMATCH")
        .await;
    let created = new.post("/api/subscriptions", &wants("pro", "monthly"));
    created.if_match("\"0\"").gets(201).await;
}

async fn of_two_changes_of_one_version_one_is_made(service: Service) {
    let ada = service.user("ada");
    let pro = subscribe(&ada, &wants("pro", "monthly")).await;
    let tries = ["max", "premium", "max", "premium"].map(|tier| {
        let change = json!({ "tier": tier });
        ada.patch(path(&pro), &change).if_match("\"1\"").send()
    });
    let replies = futures_util::future::join_all(tries).await;
    let mut statuses: Vec<_> = replies.iter().map(|reply| reply.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412]);
    assert_eq!(ada.read(path(&pro)).await["version"], 2);
}

async fn a_tag_that_is_none_is_refused(service: Service) {
    let ada = service.user("ada");
    let pro = subscribe(&ada, &wants("pro", "monthly")).await;
    for tag in ["1", "W/\"1\"", "", "\"1", "\"1\" \"2\""] {
        let refused = ada
            .patch(path(&pro), &json!({ "tier": "max" }))
            .if_match(tag);
        let reply = refused.send().await;
        assert!(
            [400, 412].contains(&reply.status.as_u16()),
            "{tag}: {}",
            reply.text()
        );
    }
    assert_eq!(ada.read(path(&pro)).await, pro);
}
