//! The form of requests and answers: faults, bodies, routes and methods.

use http::Method;
use serde_json::{Value, json};

use crate::call::{CONTRACT, data};
use crate::service::Service;
use crate::subscribing::{path, subscribe, wants};

crate::scenarios![
    every_fault_of_a_body_is_told_at_once,
    a_body_that_is_no_json_object_is_refused,
    a_body_has_a_bound,
    an_unknown_route_is_a_problem,
    another_method_is_told_which_there_are,
    head_is_answered_like_get_without_the_body,
    who_operates_it_needs_no_token,
    the_document_is_the_one_of_the_code,
    what_is_no_id_is_nobodys,
];

async fn every_fault_of_a_body_is_told_at_once(service: Service) {
    let ada = service.user("ada");
    let odd = json!({
        "tier": 7, "billingCycle": "weekly", "seats": 0, "organizationId": "", "paymentMethodId": [],
        "coupon": "XMAS",
    });
    let refused = ada.post("/api/subscriptions", &odd);
    let refused = refused
        .invalid(&[
            "/tier",
            "/billingCycle",
            "/seats",
            "/organizationId",
            "/paymentMethodId",
            "/coupon",
        ])
        .await;
    for fault in refused.json()["errors"].as_array().unwrap() {
        assert!(fault["detail"].as_str().unwrap().len() > 8, "{fault}");
    }
    let pro = subscribe(&ada, &wants("pro", "monthly")).await;
    let odd = json!({ "tier": null, "seats": 1.5, "effective": "soon", "version": 3 });
    let refused = ada.patch(path(&pro), &odd);
    refused.invalid(&["/seats", "/effective", "/version"]).await;
    let odd = json!({ "immediately": "yes", "reason": "", "when": "now" });
    let refused = ada.post(format!("{}/cancel", path(&pro)), &odd);
    refused.invalid(&["/immediately", "/reason", "/when"]).await;
    let refused = ada.post(
        format!("{}/reactivate", path(&pro)),
        &json!({ "now": true }),
    );
    refused.invalid(&["/now"]).await;
    assert_eq!(ada.read(path(&pro)).await, pro);
}

async fn a_body_that_is_no_json_object_is_refused(service: Service) {
    let ada = service.user("ada");
    for body in [
        "[]",
        "null",
        "7",
        "\"pro\"",
        "{",
        "{\"tier\": \"pro\",}",
        "tier=pro",
        "{} {}",
    ] {
        let post = ada.ask(Method::POST, "/api/subscriptions");
        let post = post.header("content-type", "application/json").body(body);
        let refused = post.refused(400, "VALIDATION_ERROR").await;
        assert_eq!(
            refused.json()["errors"].as_array().unwrap().len(),
            1,
            "{body}"
        );
    }
    // Bytes that are no text, and an object that is nested without end.
    for body in [vec![b'"', 0xff, b'"'], b"{\"tier\":".repeat(100_000)] {
        let post = ada.ask(Method::POST, "/api/subscriptions").body(body);
        post.refused(400, "VALIDATION_ERROR").await;
    }
    let none = ada.ask(Method::POST, "/api/subscriptions");
    none.invalid(&["/tier", "/billingCycle"]).await;
}

async fn a_body_has_a_bound(service: Service) {
    const MOST: usize = 1024 * 1024;
    let meter = service.meter();
    let padded = |bytes: usize| {
        let mut body = json!({ "records": [
            { "idempotencyKey": "a", "userId": "ada", "metric": "storage", "quantity": 1 },
        ] })
        .to_string();
        body.push_str(&" ".repeat(bytes - body.len()));
        meter
            .ask(Method::POST, "/api/usage")
            .header("content-type", "application/json")
            .body(body)
    };
    padded(MOST + 1).refused(413, "BODY_TOO_LARGE").await;
    padded(MOST).gets(200).await;
    // A provider decides how large its webhooks are.
    let webhook = |bytes: usize| {
        let post = service.nobody().ask(Method::POST, "/webhooks/stripe");
        post.header("content-type", "application/json")
            .body(" ".repeat(bytes))
    };
    webhook(2 * MOST + 1).refused(413, "BODY_TOO_LARGE").await;
    webhook(2 * MOST).refused(404, "NOT_CONFIGURED").await;
}

async fn an_unknown_route_is_a_problem(service: Service) {
    let ada = service.user("ada");
    for path in [
        "/",
        "/api",
        "/api/subscription",
        "/api/subscriptions/",
        "/metrics/x",
        "/API/features",
    ] {
        let refused = ada.get(path).undocumented();
        refused.refused(404, "NOT_FOUND").await;
        let refused = service.nobody().post(path, &json!({})).undocumented();
        refused.refused(404, "NOT_FOUND").await;
    }
}

async fn another_method_is_told_which_there_are(service: Service) {
    let id = "00000000-0000-7000-8000-000000000000";
    let admin = service.admin();
    let mut tried = 0;
    for operation in CONTRACT.operations() {
        let path = operation.path.replace("{featureKey}", "sso_enabled");
        let path = path.replace("{id}", id).replace("{userId}", "ada");
        let path = path.replace("{organizationId}", "eagle");
        let of_path = CONTRACT
            .operations()
            .filter(|other| other.path == operation.path);
        let mut methods: Vec<_> = of_path.map(|other| other.method.to_string()).collect();
        if methods.contains(&"GET".to_owned()) {
            methods.push("HEAD".to_owned());
        }
        methods.sort_unstable();
        for method in [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ] {
            if methods.contains(&method.to_string()) {
                continue;
            }
            tried += 1;
            let line = format!("{method} {path}");
            let call = admin.ask(method, &*path).undocumented();
            let refused = call.refused(405, "METHOD_NOT_ALLOWED").await;
            let allowed = refused.header("allow").unwrap_or_default().to_owned();
            let mut allowed: Vec<_> = allowed.split(',').map(str::trim).collect();
            allowed.sort_unstable();
            assert_eq!(allowed, methods, "{line}");
        }
    }
    assert!(tried > 100, "{tried}");
}

async fn head_is_answered_like_get_without_the_body(service: Service) {
    let ada = service.user("ada");
    let pro = subscribe(&ada, &wants("pro", "monthly")).await;
    for path in [&*path(&pro), "/api/features", "/healthz", "/openapi.json"] {
        let get = ada.get(path).gets(200).await;
        let head = ada.ask(Method::HEAD, path).undocumented().gets(200).await;
        assert!(head.body.is_empty());
        for name in ["etag", "content-type", "content-length", "cache-control"] {
            assert_eq!(head.header(name), get.header(name), "{name} of {path}");
        }
    }
    let head = service
        .nobody()
        .ask(Method::HEAD, path(&pro))
        .undocumented();
    head.gets(401).await;
    let head = service
        .user("eve")
        .ask(Method::HEAD, path(&pro))
        .undocumented();
    head.gets(404).await;
}

async fn who_operates_it_needs_no_token(service: Service) {
    let nobody = service.nobody();
    assert_eq!(nobody.read("/healthz").await["status"], "alive");
    let ready = nobody.read("/readyz").await;
    assert_eq!(
        (&ready["tiers"], &ready["features"]),
        (&json!(8), &json!(22))
    );
    nobody.get("/api/features").gets(200).await;
    let metrics = nobody.get("/metrics").send().await;
    assert!([200, 503].contains(&metrics.status.as_u16()));
}

async fn the_document_is_the_one_of_the_code(service: Service) {
    let served = service.nobody().get("/openapi.json").gets(200).await;
    let made = serde_json::to_value(tiergate_billing::api::Api::document()).unwrap();
    assert_eq!(served.json(), made);
}

async fn what_is_no_id_is_nobodys(service: Service) {
    let ada = service.user("ada");
    for id in [
        "7",
        "x",
        "00000000-0000-7000-8000-00000000000g",
        "%00",
        "..%2f..",
        "%ff",
    ] {
        for path in [
            format!("/api/subscriptions/{id}"),
            format!("/api/subscriptions/{id}/usage"),
            format!("/api/invoices/{id}"),
        ] {
            // The document says that it is a UUID, and the answer is that of a UUID of nobody's.
            let refused = ada.get(path).send().await;
            assert_eq!(refused.status, 404, "{id}: {}", refused.text());
        }
    }
    let long = "a".repeat(257);
    let refused = service
        .admin()
        .get(format!("/api/subscriptions/user/{long}"));
    refused.invalid(&["userId"]).await;
    let other = service.admin().get("/api/subscriptions/user/%C3%A4%20b");
    let read = data(&other.gets(200).await);
    assert_eq!(
        (&read["userId"], &read["id"]),
        (&json!("ä b"), &Value::Null)
    );
}
