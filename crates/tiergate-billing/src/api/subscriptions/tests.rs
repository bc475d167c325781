use http::StatusCode;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::testing::{Answered, As, ask, send};
use crate::testing::Office;

const PIA: As<'_> = As::User("pia");
const ROOT: As<'_> = As::Admin("root");

async fn subscribe(office: &Office, headers: &[(&str, &str)]) -> Answered {
    let body = json!({ "tier": "pro", "billingCycle": "monthly" });
    send(
        &office.billing,
        PIA,
        "POST /api/subscriptions",
        headers,
        Some(body),
    )
    .await
}

fn id_of(answered: &Answered) -> String {
    answered.body["data"]["id"].as_str().unwrap().to_owned()
}

fn pointers(answered: &Answered) -> Vec<&str> {
    let errors = answered.body["errors"].as_array().unwrap();
    errors
        .iter()
        .map(|fault| fault["pointer"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_subscription_goes_through_its_life() {
    let office = Office::open().await;
    let billing = &office.billing;
    let made = subscribe(&office, &[]).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    assert_eq!(made.headers["etag"], "\"1\"");
    assert_eq!(made.headers["cache-control"], "private, no-store");
    let id = id_of(&made);
    let at = format!("/api/subscriptions/{id}");
    assert_eq!(made.headers["location"], at.as_str());

    let shown = ask(
        billing,
        PIA,
        &format!("GET {at}/preview?tier=max&billingCycle=annual"),
    )
    .await;
    assert_eq!(shown.status, StatusCode::OK, "{shown:?}");
    assert_eq!(
        shown.body["data"]["recurring"],
        json!({ "amount": 27800, "currency": "USD" })
    );

    let line = format!("PATCH {at}");
    let changed = send(
        billing,
        PIA,
        &line,
        &[("if-match", "\"1\"")],
        Some(json!({ "tier": "max" })),
    )
    .await;
    assert_eq!(
        (changed.status, &changed.body["data"]["tier"]),
        (StatusCode::OK, &json!("max"))
    );
    assert_eq!(changed.headers["etag"], "\"2\"");

    let canceled = send(billing, PIA, &format!("POST {at}/cancel"), &[], None).await;
    assert_eq!(canceled.body["data"]["cancelAtPeriodEnd"], true);
    let back = send(billing, PIA, &format!("POST {at}/reactivate"), &[], None).await;
    assert_eq!(back.body["data"]["cancelAtPeriodEnd"], false);
    let again = send(billing, PIA, &format!("POST {at}/reactivate"), &[], None).await;
    assert_eq!(
        (again.status, &again.body["code"]),
        (StatusCode::CONFLICT, &json!("INVALID_STATE"))
    );

    let at_once = json!({ "immediately": true, "reason": "moved" });
    let over = send(
        billing,
        PIA,
        &format!("POST {at}/cancel"),
        &[],
        Some(at_once),
    )
    .await;
    assert_eq!(over.body["data"]["status"], "canceled");
}

#[tokio::test]
async fn a_second_subscription_is_a_conflict_and_stays_one_for_its_key() {
    let office = Office::open().await;
    let first = subscribe(&office, &[]).await;
    let key = [("idempotency-key", "k")];
    let refused = subscribe(&office, &key).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(refused.body["code"], "SUBSCRIPTION_EXISTS");
    let line = format!("POST /api/subscriptions/{}/cancel", id_of(&first));
    let over = send(
        &office.billing,
        PIA,
        &line,
        &[],
        Some(json!({ "immediately": true })),
    )
    .await;
    assert_eq!(over.status, StatusCode::OK);
    let retried = subscribe(&office, &key).await;
    assert_eq!(
        (retried.status, &retried.body),
        (StatusCode::CONFLICT, &refused.body)
    );
}

#[tokio::test]
async fn one_key_is_one_request() {
    let office = Office::open().await;
    let key = [("idempotency-key", "k")];
    let first = subscribe(&office, &key).await;
    let again = subscribe(&office, &key).await;
    assert_eq!(
        (again.status, &again.body),
        (StatusCode::CREATED, &first.body)
    );
    assert_eq!(again.headers["etag"], "\"1\"");
    let other = json!({ "tier": "max", "billingCycle": "monthly" });
    let reused = send(
        &office.billing,
        PIA,
        "POST /api/subscriptions",
        &key,
        Some(other),
    )
    .await;
    assert_eq!(reused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(reused.body["code"], "IDEMPOTENCY_KEY_REUSED");
}

#[tokio::test]
async fn another_version_than_the_one_that_was_seen_is_refused() {
    let office = Office::open().await;
    let id = id_of(&subscribe(&office, &[]).await);
    let stale = [("if-match", "\"7\"")];
    for (line, body) in [
        (
            format!("PATCH /api/subscriptions/{id}"),
            json!({ "tier": "max" }),
        ),
        (format!("POST /api/subscriptions/{id}/cancel"), json!({})),
        (
            format!("POST /api/subscriptions/{id}/reactivate"),
            json!({}),
        ),
    ] {
        let refused = send(&office.billing, PIA, &line, &stale, Some(body)).await;
        assert_eq!(refused.status, StatusCode::PRECONDITION_FAILED, "{line}");
        assert_eq!(refused.body["currentVersion"], 1);
    }
    let line = format!("PUT /api/subscriptions/{id}/overrides/crm_enabled");
    let body = json!({ "value": true, "reason": "x" });
    let refused = send(&office.billing, ROOT, &line, &stale, Some(body)).await;
    assert_eq!(refused.status, StatusCode::PRECONDITION_FAILED);
}

#[tokio::test]
async fn every_fault_of_a_body_is_told_and_nothing_is_done() {
    let office = Office::open().await;
    let billing = &office.billing;
    let wrong = json!({
        "tier": 7, "billingCycle": "weekly", "seats": 0, "organizationId": "", "userId": "tom",
    });
    let refused = send(billing, PIA, "POST /api/subscriptions", &[], Some(wrong)).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(refused.body["code"], "VALIDATION_ERROR");
    assert_eq!(
        pointers(&refused),
        [
            "/tier",
            "/billingCycle",
            "/organizationId",
            "/seats",
            "/userId"
        ]
    );
    let id = id_of(&subscribe(&office, &[]).await);
    let line = format!("GET /api/subscriptions/{id}/preview?tier=mx");
    assert_eq!(pointers(&ask(billing, PIA, &line).await), ["tier"]);
    let line = format!("GET /api/subscriptions/{id}/preview?seats=0&plan=max");
    assert_eq!(pointers(&ask(billing, PIA, &line).await), ["seats", "plan"]);
    let line = format!("GET /api/subscriptions/{id}/preview");
    assert_eq!(pointers(&ask(billing, PIA, &line).await), ["query"]);
    let line = format!("PATCH /api/subscriptions/{id}");
    let refused = send(
        billing,
        PIA,
        &line,
        &[],
        Some(json!({ "effective": "soon" })),
    )
    .await;
    assert_eq!(pointers(&refused), ["/effective"]);
}

#[tokio::test]
async fn overrides_are_put_and_deleted_by_admins_alone() {
    let office = Office::open().await;
    let billing = &office.billing;
    let id = id_of(&subscribe(&office, &[]).await);
    let at = format!("/api/subscriptions/{id}/overrides/storage_limit_gb");
    let body = json!({ "value": 700, "expiresAt": "2026-02-01T00:00:00Z", "reason": "as agreed" });
    let put = async |who: As<'static>| {
        send(billing, who, &format!("PUT {at}"), &[], Some(body.clone())).await
    };
    assert_eq!(put(PIA).await.status, StatusCode::FORBIDDEN);
    assert_eq!(put(As::User("eve")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(put(As::Nobody).await.status, StatusCode::UNAUTHORIZED);
    let given = put(ROOT).await;
    assert_eq!(given.status, StatusCode::OK, "{given:?}");
    assert_eq!(given.body["data"]["overrides"][0]["value"], 700);
    let gone = send(
        billing,
        ROOT,
        &format!("DELETE {at}?reason=over"),
        &[],
        None,
    )
    .await;
    assert_eq!(
        (gone.status, &gone.body["data"]["overrides"]),
        (StatusCode::OK, &json!([]))
    );
    let none = send(billing, ROOT, &format!("DELETE {at}"), &[], None).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn another_s_subscription_is_not_there() {
    let office = Office::open().await;
    let id = id_of(&subscribe(&office, &[]).await);
    let eve = As::User("eve");
    let nobodys = "0197f5e0-0000-7000-8000-000000000000";
    for id in [id.as_str(), nobodys, "7"] {
        for line in [
            format!("GET /api/subscriptions/{id}"),
            format!("PATCH /api/subscriptions/{id}"),
            format!("POST /api/subscriptions/{id}/cancel"),
            format!("POST /api/subscriptions/{id}/reactivate"),
            format!("GET /api/subscriptions/{id}/preview?tier=max"),
        ] {
            let answered = ask(&office.billing, eve, &line).await;
            assert_eq!(answered.status, StatusCode::NOT_FOUND, "{line}");
        }
    }
}

#[test]
fn the_document_says_that_bodies_take_no_unknown_fields() {
    let document = serde_json::to_value(Api::document()).unwrap();
    let schemas = &document["components"]["schemas"];
    for name in [
        "NewSubscription",
        "PlanChange",
        "Cancellation",
        "NewOverride",
    ] {
        assert_eq!(
            schemas[name]["additionalProperties"],
            Value::Bool(false),
            "{name}"
        );
    }
    assert_eq!(
        schemas["NewSubscription"]["required"],
        json!(["tier", "billingCycle"])
    );
    let one = &document["paths"]["/api/subscriptions/{id}"];
    assert!(one["get"].is_object() && one["patch"].is_object());
}
