use std::time::Duration;

use serde_json::Value;
use tiergate_core::Limit;

use super::support::{Running, admin, user};
use crate::api::{Api, RateLimits};
use crate::auth::Verifier;
use crate::auth::testing::{KeyServer, Publishing, SigningKey};
use crate::testing::Office;

/// Checks that an answer is a problem of that kind.
async fn problem(response: reqwest::Response, status: u16, code: &str) -> Value {
    let told = format!("{response:?}");
    assert_eq!(response.status(), status, "{told}");
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    assert!(response.headers().contains_key("x-request-id"));
    let problem: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(
        (&problem["code"], &problem["status"]),
        (&code.into(), &status.into())
    );
    assert_eq!(
        (&problem["error"], &problem["message"]),
        (&problem["code"], &problem["detail"])
    );
    problem
}

#[tokio::test]
async fn what_is_not_there_and_what_fails_is_a_problem() {
    let running = Running::start().await;
    problem(running.get("/nowhere").await, 404, "NOT_FOUND").await;
    let wrong = running.request("POST", "/api/subscriptions/user/ada");
    let wrong = wrong.send().await.unwrap();
    let allow = wrong.headers()["allow"].to_str().unwrap().to_owned();
    assert!(allow.contains("GET") && allow.contains("HEAD"), "{allow}");
    problem(wrong, 405, "METHOD_NOT_ALLOWED").await;
    problem(running.get("/test/panics").await, 500, "INTERNAL").await;
    problem(
        running.get("/api/subscriptions/user/ada").await,
        401,
        "UNAUTHORIZED",
    )
    .await;
    let long = running
        .get(&format!("/healthz?{}", "a".repeat(9_000)))
        .await;
    problem(long, 414, "URI_TOO_LONG").await;
    let large = running
        .request("GET", "/healthz")
        .header("x-large", "a".repeat(40_000));
    problem(large.send().await.unwrap(), 431, "HEADERS_TOO_LARGE").await;
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_given_up() {
    let office = Office::open().await;
    let short = Duration::from_millis(50);
    let running = Running::with(office, |options| options.request_timeout = short, |api| api).await;
    let given_up = running.get("/test/never").await;
    assert!(given_up.headers().contains_key("retry-after"));
    problem(given_up, 503, "TIMEOUT").await;
}

#[tokio::test]
async fn a_request_keeps_a_sane_id_and_gets_one_otherwise() {
    let running = Running::start().await;
    let id_of = async |given: &[&str]| {
        let mut request = running.request("GET", "/healthz");
        for id in given {
            request = request.header("x-request-id", *id);
        }
        let response = request.send().await.unwrap();
        let mut ids = response.headers().get_all("x-request-id").iter();
        let id = ids.next().unwrap().to_str().unwrap().to_owned();
        assert!(ids.next().is_none());
        id
    };
    assert_eq!(id_of(&["order-7:a.b_c"]).await, "order-7:a.b_c");
    let long = "a".repeat(129);
    for given in [
        &[][..],
        &[""],
        &["a b"],
        &["a", "b"],
        &["a\"b"],
        &[long.as_str()],
    ] {
        let id = id_of(given).await;
        assert!(id.parse::<uuid::Uuid>().is_ok(), "{given:?}: {id}");
    }
}

#[tokio::test]
async fn head_is_answered_like_get_without_a_body() {
    let running = Running::start().await;
    let head = running.request("HEAD", "/healthz").send().await.unwrap();
    assert_eq!(head.status(), 200);
    let length = head.headers()["content-length"]
        .to_str()
        .unwrap()
        .to_owned();
    let get = running.get("/healthz").await.text().await.unwrap();
    assert_eq!(length, get.len().to_string());
}

#[tokio::test]
async fn operators_are_told_how_it_is() {
    let running = Running::start().await;
    let text = async |path: &str| {
        let response = running.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        response.text().await.unwrap()
    };
    let ready: Value = serde_json::from_str(&text("/readyz").await).unwrap();
    assert_eq!(ready["data"]["status"], "ready");
    assert_eq!(ready["data"]["tiers"], 8);
    let document: Value = serde_json::from_str(&text("/openapi.json").await).unwrap();
    for path in [
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/events",
        "/openapi.json",
    ] {
        assert!(document["paths"][path]["get"].is_object(), "{path}");
    }
    running
        .get_as("/api/subscriptions/user/ada", &user("ada"))
        .await;
    running.get("/nowhere/ada").await;
    running.request("BREW", "/healthz").send().await.unwrap();
    let metrics = text("/metrics").await;
    for line in [
        r#"tiergate_billing_requests_total{method="GET",route="/api/subscriptions/user/{userId}",status="200"}"#,
        r#"tiergate_billing_requests_total{method="GET",route="none",status="404"}"#,
        r#"tiergate_billing_requests_total{method="other",route="/healthz",status="405"}"#,
        r#"tiergate_billing_request_seconds_bucket{method="GET",route="/readyz",le="0.001"}"#,
        "tiergate_billing_connections",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    for secret in ["ada", "BREW", "nowhere"] {
        assert!(!metrics.contains(secret), "{secret} is in\n{metrics}");
    }
}

#[tokio::test]
async fn without_a_database_it_is_alive_and_not_ready() {
    let running = Running::start().await;
    assert_eq!(running.get("/readyz").await.status(), 200);
    running.office.billing.database().close().await;
    problem(running.get("/readyz").await, 503, "NOT_READY").await;
    assert_eq!(running.get("/healthz").await.status(), 200);
    let away = running
        .get_as("/api/subscriptions/user/ada", &user("ada"))
        .await;
    problem(away, 503, "DATABASE_UNAVAILABLE").await;
}

#[tokio::test]
async fn users_have_so_many_requests_a_minute() {
    let limits = RateLimits {
        users: Limit::AtMost(3),
        ..RateLimits::default()
    };
    let office = Office::open().await;
    let running = Running::with(office, |_| {}, |api| api.with_rate_limits(limits).unwrap()).await;
    let ask = async |token: &str| {
        let path = "/api/subscriptions/user/ada";
        running.get_as(path, token).await
    };
    for left in [2, 1, 0] {
        let response = ask(&user("ada")).await;
        assert_eq!(response.status(), 200);
        let told = response.headers()["ratelimit"].to_str().unwrap();
        assert!(
            told.starts_with(&format!("\"billing_requests\";r={left}")),
            "{told}"
        );
        let policy = &response.headers()["ratelimit-policy"];
        assert_eq!(policy, "\"billing_requests\";q=3;w=60");
    }
    let refused = ask(&user("ada")).await;
    assert!(refused.headers().contains_key("retry-after"));
    assert!(refused.headers().contains_key("ratelimit"));
    problem(refused, 429, "LIMIT_EXCEEDED").await;
    // Others are not concerned: another user, the operator's, a service of the same name, nobody.
    assert_eq!(ask(&user("bob")).await.status(), 404);
    let service = super::support::token(&serde_json::json!({ "roles": ["service"] }));
    for _ in 0..10 {
        assert_eq!(ask(&admin()).await.status(), 200);
        assert_eq!(ask(&service).await.status(), 200);
        assert_eq!(running.get("/healthz").await.status(), 200);
        problem(
            running.get("/api/subscriptions/user/ada").await,
            401,
            "UNAUTHORIZED",
        )
        .await;
    }
    running.office.clock.advance(Duration::from_secs(60));
    assert_eq!(ask(&user("ada")).await.status(), 200);
}

#[tokio::test]
async fn a_limit_of_zero_is_refused() {
    let office = Office::open().await;
    let secret = crate::auth::testing::SECRET.to_owned().into();
    let verifier = Verifier::shared_secret(&secret, office.clock.clone()).unwrap();
    let limits = RateLimits {
        users: Limit::ZERO,
        ..RateLimits::default()
    };
    let error = Api::new(office.billing.clone(), verifier).with_rate_limits(limits);
    assert!(error.unwrap_err().to_string().contains("at least 1"));
}

#[tokio::test]
async fn a_token_that_cannot_be_checked_is_no_bad_token() {
    let key = SigningKey::generate("2026", jsonwebtoken::Algorithm::ES256);
    let down = Publishing::Status(http::StatusCode::INTERNAL_SERVER_ERROR);
    let server = KeyServer::start(down).await;
    let office = Office::open().await;
    let verifier = Verifier::jwks(&server.url, office.clock.clone()).unwrap();
    let billing = office.billing.clone();
    let running = Running::with(office, |_| {}, |_| Api::new(billing, verifier)).await;
    let token = key.sign(&serde_json::json!({ "sub": "ada", "exp": 1_767_225_600 + 60 }));
    let path = "/api/subscriptions/user/ada";
    let refused = running.get_as(path, &token).await;
    assert!(refused.headers().contains_key("retry-after"));
    problem(refused, 503, "AUTHENTICATION_UNAVAILABLE").await;
    // Where no caller is needed, none is missed.
    assert_eq!(running.get_as("/healthz", &token).await.status(), 200);
    server.publish(Publishing::Keys(vec![key.jwk()]));
    running.office.clock.advance(Duration::from_secs(10));
    assert_eq!(running.get_as(path, &token).await.status(), 200);
}
