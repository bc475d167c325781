//! Who has what, and how they come to more.

use serde_json::{Value, json};
use tiergate_tests::tokens::Role;

use crate::call::{Caller, data};
use crate::service::Service;

crate::scenarios![
    who_has_no_subscription_is_free_and_reading_makes_none,
    a_first_subscription_begins_with_a_trial_of_14_days,
    the_trial_is_given_once_to_an_owner,
    what_is_free_becomes_paid_in_its_place,
    a_second_one_beside_what_is_paid_is_refused,
    an_organization_is_subscribed_by_its_owners_and_admins,
    a_user_and_an_organization_of_one_id_share_nothing,
    what_is_not_for_sale_is_refused_with_its_place,
    seats_are_paid_each,
];

/// What makes a subscription.
pub(crate) fn wants(tier: &str, cycle: &str) -> Value {
    json!({ "tier": tier, "billingCycle": cycle })
}

/// Subscribes for the caller, or for the organization that `wanted` names.
pub(crate) async fn subscribe(caller: &Caller<'_>, wanted: &Value) -> Value {
    data(&caller.post("/api/subscriptions", wanted).gets(201).await)
}

/// Subscribes somebody who has had their trial: it is active, and its first period begins now.
pub(crate) async fn subscribe_without_trial(caller: &Caller<'_>, wanted: &Value) -> Value {
    let first = subscribe(caller, wanted).await;
    let cancel = format!("{}/cancel", path(&first));
    let now = json!({ "immediately": true });
    caller.post(cancel, &now).gets(200).await;
    let subscription = subscribe(caller, wanted).await;
    assert_eq!(subscription["status"], "active");
    subscription
}

/// Where a subscription is.
pub(crate) fn path(subscription: &Value) -> String {
    format!(
        "/api/subscriptions/{}",
        subscription["id"].as_str().unwrap()
    )
}

/// The invoices of a subscription, newest first.
pub(crate) async fn invoices(caller: &Caller<'_>, subscription: &Value) -> Vec<Value> {
    let invoices = caller
        .read(format!("{}/invoices", path(subscription)))
        .await;
    invoices.as_array().unwrap().clone()
}

async fn who_has_no_subscription_is_free_and_reading_makes_none(service: Service) {
    let ada = service.member("ada", "eagle", Role::Member);
    for (path, owner) in [
        ("/api/subscriptions/user/ada", ["ada", ""]),
        ("/api/subscriptions/organization/eagle", ["", "eagle"]),
    ] {
        let reply = ada.get(path).gets(200).await;
        assert_eq!(reply.header("etag"), Some("\"0\""));
        let subscription = data(&reply);
        let told = ["userId", "organizationId"].map(|name| subscription[name].as_str());
        assert_eq!(told.map(Option::unwrap_or_default), owner);
        for (name, value) in [
            ("id", Value::Null),
            ("tier", json!("free")),
            ("status", json!("active")),
            ("billingCycle", Value::Null),
            ("version", json!(0)),
        ] {
            assert_eq!(subscription[name], value, "{name}");
        }
    }
    let all = service.admin().read("/api/admin/subscriptions").await;
    assert_eq!(all, json!([]));
}

async fn a_first_subscription_begins_with_a_trial_of_14_days(service: Service) {
    let ada = service.user("ada");
    let reply = ada.post("/api/subscriptions", &wants("pro", "monthly"));
    let reply = reply.gets(201).await;
    let subscription = data(&reply);
    assert_eq!(reply.header("location"), Some(&*path(&subscription)));
    assert_eq!(reply.header("etag"), Some("\"1\""));
    for (name, value) in [
        ("userId", json!("ada")),
        ("organizationId", Value::Null),
        ("tier", json!("pro")),
        ("status", json!("trialing")),
        ("billingCycle", json!("monthly")),
        ("trialStart", json!("2026-01-01T00:00:00Z")),
        ("trialEnd", json!("2026-01-15T00:00:00Z")),
        ("currentPeriodEnd", json!("2026-01-15T00:00:00Z")),
        ("cancelAtPeriodEnd", json!(false)),
        ("version", json!(1)),
    ] {
        assert_eq!(subscription[name], value, "{name}");
    }
    assert_eq!(ada.read(path(&subscription)).await, subscription);
    let of_user = ada.read("/api/subscriptions/user/ada").await;
    assert_eq!(of_user, subscription);
    assert_eq!(invoices(&ada, &subscription).await, [] as [Value; 0]);
}

async fn the_trial_is_given_once_to_an_owner(service: Service) {
    let ada = service.user("ada");
    let subscription = subscribe_without_trial(&ada, &wants("pro", "monthly")).await;
    assert_eq!(subscription["currentPeriodStart"], "2026-01-01T00:00:00Z");
    assert_eq!(subscription["currentPeriodEnd"], "2026-02-01T00:00:00Z");
    let invoices = invoices(&ada, &subscription).await;
    let [invoice] = invoices.as_slice() else {
        panic!("{invoices:?}");
    };
    assert_eq!(invoice["number"], "INV-2026-01-000001");
    assert_eq!(invoice["status"], "paid");
    assert_eq!(
        invoice["total"],
        json!({ "amount": 1200, "currency": "USD" })
    );
    // Another owner has a trial of their own.
    let other = subscribe(&service.user("bob"), &wants("pro", "monthly")).await;
    assert_eq!(other["status"], "trialing");
}

async fn what_is_free_becomes_paid_in_its_place(service: Service) {
    let used = json!({ "records": [
        { "idempotencyKey": "a", "userId": "ada", "metric": "storage", "quantity": 1 },
    ] });
    service.meter().post("/api/usage", &used).gets(200).await;
    let ada = service.user("ada");
    let free = ada.read("/api/subscriptions/user/ada").await;
    assert_eq!(
        (&free["tier"], &free["version"]),
        (&json!("free"), &json!(1))
    );
    let reply = ada.post("/api/subscriptions", &wants("pro", "annual"));
    let reply = reply.gets(200).await;
    let paid = data(&reply);
    assert_eq!((&paid["id"], &paid["tier"]), (&free["id"], &json!("pro")));
    assert_eq!(paid["status"], "trialing");
    assert_eq!(reply.header("etag"), Some("\"2\""));
}

async fn a_second_one_beside_what_is_paid_is_refused(service: Service) {
    let ada = service.user("ada");
    let first = subscribe(&ada, &wants("pro", "monthly")).await;
    for tier in ["pro", "max"] {
        let second = ada.post("/api/subscriptions", &wants(tier, "monthly"));
        second.refused(409, "SUBSCRIPTION_EXISTS").await;
    }
    assert_eq!(ada.read(path(&first)).await, first);
    // One that is about to end still lives.
    let cancel = ada.post(format!("{}/cancel", path(&first)), &Value::Null);
    cancel.gets(200).await;
    let second = ada.post("/api/subscriptions", &wants("max", "monthly"));
    second.refused(409, "SUBSCRIPTION_EXISTS").await;
}

async fn an_organization_is_subscribed_by_its_owners_and_admins(service: Service) {
    for (organization, role) in [("eagle", Role::Owner), ("hawk", Role::Admin)] {
        let mut wanted = wants("team_small", "monthly");
        wanted["organizationId"] = json!(organization);
        let member = service.member("mia", organization, Role::Member);
        let refused = member.post("/api/subscriptions", &wanted);
        refused.refused(403, "FORBIDDEN").await;
        for other in [
            service.user("eve"),
            service.member("eve", "raven", Role::Owner),
            // An id of one's own does not make an organization of that id one's own.
            service.user(organization),
        ] {
            let refused = other.post("/api/subscriptions", &wanted);
            refused.refused(404, "NOT_FOUND").await;
        }
        let ole = service.member("ole", organization, role);
        let subscription = subscribe(&ole, &wanted).await;
        assert_eq!(subscription["organizationId"], organization);
        assert_eq!(subscription["userId"], Value::Null);
        assert_eq!(subscription["seats"], 5);
        let seen = format!("/api/subscriptions/organization/{organization}");
        assert_eq!(member.read(seen).await, subscription);
    }
}

async fn a_user_and_an_organization_of_one_id_share_nothing(service: Service) {
    let user = service.user("eagle");
    subscribe(&user, &wants("premium", "monthly")).await;
    let owner = service.member("ole", "eagle", Role::Owner);
    let seen = owner.read("/api/subscriptions/organization/eagle").await;
    assert_eq!(seen["tier"], "free");
    let refused = owner.get("/api/subscriptions/user/eagle");
    refused.refused(404, "NOT_FOUND").await;
    let refused = user.get("/api/subscriptions/organization/eagle");
    refused.refused(404, "NOT_FOUND").await;
}

async fn what_is_not_for_sale_is_refused_with_its_place(service: Service) {
    let owner = service.member("ole", "eagle", Role::Owner);
    let post = |body: Value| owner.post("/api/subscriptions", &body);
    for (tier, organization, seats, place) in [
        ("gold", false, None, "/tier"),
        ("free", false, None, "/tier"),
        ("enterprise", true, None, "/tier"),
        ("team_small", false, Some(5), "/tier"),
        ("pro", true, None, "/tier"),
        ("team_small", true, Some(4), "/seats"),
        ("pro", false, Some(1), "/seats"),
    ] {
        let mut wanted = wants(tier, "monthly");
        if organization {
            wanted["organizationId"] = json!("eagle");
        }
        if let Some(seats) = seats {
            wanted["seats"] = json!(seats);
        }
        post(wanted).invalid(&[place]).await;
    }
    let all = service.admin().read("/api/admin/subscriptions").await;
    assert_eq!(all, json!([]), "a refusal changes nothing");
}

async fn seats_are_paid_each(service: Service) {
    let owner = service.member("ole", "eagle", Role::Owner);
    let mut wanted = wants("team_growing", "annual");
    wanted["organizationId"] = json!("eagle");
    wanted["seats"] = json!(7);
    let subscription = subscribe_without_trial(&owner, &wanted).await;
    assert_eq!(subscription["currentPeriodEnd"], "2027-01-01T00:00:00Z");
    let invoice = &invoices(&owner, &subscription).await[0];
    assert_eq!(invoice["total"]["amount"], 7 * 6700);
    assert_eq!(invoice["lines"][0]["quantity"], 7);
}
