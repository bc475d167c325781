use http::StatusCode;
use serde_json::{Value, json};
use tiergate_lookup::LookupErrorKind;

use super::support::{App, FLOWS, Reply, SMS, anonymous, app, by, ok_app, seconds, send, status};
use crate::testing::TestGate;
use crate::usage::IdempotencyKey;
use crate::{Denial, DenialKind, Subject, Subscription, SubscriptionStatus};

fn contacts(test: &TestGate) -> App {
    ok_app(&test.gate().require_feature("crm_enabled").unwrap())
}

/// What is promised of every denial, whatever its kind.
fn assert_is_problem(reply: &Reply, kind: DenialKind) {
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.status.as_u16(), kind.status());
    assert_eq!(reply.denial.as_ref().map(Denial::kind), Some(kind));
    assert_eq!(reply.body["status"], kind.status());
    assert_eq!(reply.body["code"], kind.code());
    assert_eq!(reply.body["title"], kind.title());
    let waits = matches!(
        kind,
        DenialKind::LimitExceeded | DenialKind::BillingUnavailable
    );
    assert_eq!(reply.headers.contains_key("retry-after"), waits, "{kind}");
}

fn assert_body(reply: &Reply, expected: &Value) {
    assert_eq!(reply.body, *expected);
}

#[tokio::test]
async fn nobody_is_asked_to_sign_in() {
    let reply = send(&contacts(&TestGate::platform()), anonymous()).await;
    assert_is_problem(&reply, DenialKind::Unauthorized);
    assert_body(
        &reply,
        &json!({
            "type": "urn:tiergate:problem:unauthorized",
            "title": "Authentication required",
            "status": 401,
            "detail": "Sign in to use this.",
            "code": "UNAUTHORIZED",
        }),
    );
}

#[tokio::test]
async fn a_feature_that_the_tier_lacks_names_the_tiers_that_have_it() {
    let reply = send(&contacts(&TestGate::platform()), by("bob")).await;
    assert_is_problem(&reply, DenialKind::FeatureNotAvailable);
    assert_body(
        &reply,
        &json!({
            "type": "urn:tiergate:problem:feature-not-available",
            "title": "Feature not available in the current tier",
            "status": 403,
            "detail": "The Free plan does not include CRM. The Pro plan does.",
            "code": "FEATURE_NOT_AVAILABLE",
            "feature": "crm_enabled",
            "currentTier": "free",
            "requiredTier": "pro",
            "availableIn": [
                "pro", "max", "premium", "team_small", "team_growing", "team_scale", "enterprise",
            ],
        }),
    );
}

#[tokio::test]
async fn a_tier_below_the_minimum_is_told_the_minimum() {
    let test = TestGate::platform().user("ada", "team_scale");
    let app = ok_app(&test.gate().require_min_tier("premium").unwrap());
    let reply = send(&app, by("ada")).await;
    assert_is_problem(&reply, DenialKind::TierRequired);
    assert_body(
        &reply,
        &json!({
            "type": "urn:tiergate:problem:tier-required",
            "title": "A higher tier is required",
            "status": 403,
            "detail": "This needs the Premium plan or one that includes it. \
                       The current plan is Team Scale.",
            "code": "TIER_REQUIRED",
            "currentTier": "team_scale",
            "requiredTier": "enterprise",
            "availableIn": ["premium", "enterprise"],
        }),
    );
}

#[tokio::test]
async fn an_inactive_subscription_is_told_so_and_not_to_upgrade() {
    let test = TestGate::platform();
    test.set(Subscription::new(
        Subject::user("ada"),
        "pro",
        SubscriptionStatus::Suspended,
    ));
    let reply = send(&contacts(&test), by("ada")).await;
    assert_is_problem(&reply, DenialKind::SubscriptionInactive);
    assert_body(
        &reply,
        &json!({
            "type": "urn:tiergate:problem:subscription-inactive",
            "title": "The subscription is inactive",
            "status": 403,
            "detail": "The Pro subscription is suspended. Once the subscription is active, it includes CRM.",
            "code": "SUBSCRIPTION_INACTIVE",
            "feature": "crm_enabled",
            "currentTier": "free",
        }),
    );
}

#[tokio::test]
async fn a_used_up_limit_says_when_there_is_more() {
    let test = TestGate::platform().user("ada", "pro");
    let app = ok_app(&test.gate().check_usage_limit(SMS).unwrap().cost(60));
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
    let reply = send(&app, by("ada")).await;
    assert_is_problem(&reply, DenialKind::LimitExceeded);
    assert_body(
        &reply,
        &json!({
            "type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
            "title": "Limit reached",
            "status": 429,
            "detail": "The limit for SMS messages is 100. With 60 used, there is no room for \
                       60 more. There is room again from 2026-02-01T00:00:00Z. The Max plan has \
                       room.",
            "code": "LIMIT_EXCEEDED",
            "feature": "sms_messages",
            "currentTier": "pro",
            "requiredTier": "max",
            "availableIn": [
                "max", "premium", "team_small", "team_growing", "team_scale", "enterprise",
            ],
            "limit": 100,
            "used": 60,
            "remaining": 40,
            "resetsAt": "2026-02-01T00:00:00Z",
            "violated-policies": ["sms_messages"],
        }),
    );
}

#[tokio::test]
async fn what_never_fits_is_not_told_to_wait() {
    let test = TestGate::platform().user("ada", "pro");
    let app = ok_app(&test.gate().check_usage_limit(SMS).unwrap().cost(101));
    let reply = send(&app, by("ada")).await;
    assert_is_problem(&reply, DenialKind::CostAboveLimit);
    assert_body(
        &reply,
        &json!({
            "type": "urn:tiergate:problem:cost-above-limit",
            "title": "The request is larger than the limit",
            "status": 403,
            "detail": "The limit for SMS messages is 100. There is never room for 101 at \
                       once. The Max plan has room.",
            "code": "COST_ABOVE_LIMIT",
            "feature": "sms_messages",
            "currentTier": "pro",
            "requiredTier": "max",
            "availableIn": [
                "max", "premium", "team_small", "team_growing", "team_scale", "enterprise",
            ],
            "limit": 100,
        }),
    );
    assert_eq!(reply.header("retry-after"), None);
}

#[tokio::test]
async fn without_billing_nobody_is_told_to_upgrade() {
    let test = TestGate::platform().user("ada", "pro");
    test.lookup().fail(LookupErrorKind::Unreachable);
    let reply = send(&contacts(&test), by("ada")).await;
    assert_is_problem(&reply, DenialKind::BillingUnavailable);
    assert_body(
        &reply,
        &json!({
            "type": "urn:tiergate:problem:billing-unavailable",
            "title": "Billing is temporarily unavailable",
            "status": 503,
            "detail": "Whether the current plan allows this cannot be checked at the moment. \
                       Try again shortly.",
            "code": "BILLING_UNAVAILABLE",
        }),
    );
}

#[tokio::test]
async fn an_idempotency_key_of_another_request_is_refused() {
    let test = TestGate::platform().user("ada", "pro");
    let layer = test.gate().check_usage_limit(SMS).unwrap();
    let layer = layer
        .cost_of(|head| head.headers().len() as u64)
        .idempotency_key(|_| IdempotencyKey::new("the-same").ok());
    let app = ok_app(&layer);
    let mut request = by("ada");
    request.headers_mut().insert("x-one", "1".parse().unwrap());
    assert_eq!(send(&app, request.clone()).await.status, StatusCode::OK);
    request.headers_mut().insert("x-two", "2".parse().unwrap());
    let reply = send(&app, request).await;
    assert_is_problem(&reply, DenialKind::IdempotencyKeyReused);
    assert_body(
        &reply,
        &json!({
            "type": "urn:tiergate:problem:idempotency-key-reused",
            "title": "The idempotency key was used before",
            "status": 422,
            "detail": "This idempotency key came with another request before. Use a new key for \
                       a new request.",
            "code": "IDEMPOTENCY_KEY_REUSED",
        }),
    );
}

#[tokio::test]
async fn a_wait_is_rounded_up_to_whole_seconds() {
    let test = TestGate::platform().user("ada", "pro");
    let app = ok_app(&test.gate().check_usage_limit(SMS).unwrap().cost(100));
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
    test.clock().advance(std::time::Duration::from_millis(500));
    let reply = send(&app, by("ada")).await;
    // 31 days less half a second.
    assert_eq!(reply.header("retry-after"), Some("2678400"));
    // Who waits exactly that long has waited long enough.
    test.clock().advance(seconds(2_678_400));
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_wait_that_billing_asks_for_is_passed_on() {
    let test = TestGate::platform();
    let throttled = crate::lookup::LookupError::new(LookupErrorKind::Throttled);
    test.lookup()
        .fail_with(throttled.with_retry_after(std::time::Duration::from_millis(11_200)));
    let reply = send(&contacts(&test), by("ada")).await;
    assert_eq!(reply.header("retry-after"), Some("12"));
}

#[tokio::test]
async fn the_same_cause_has_the_same_code_in_every_layer() {
    let test = TestGate::platform();
    let gate = test.gate();
    let layers = [
        ok_app(&gate.require_feature("crm_enabled").unwrap()),
        ok_app(&gate.require_min_tier("pro").unwrap()),
        ok_app(&gate.check_usage_limit(FLOWS).unwrap()),
    ];
    test.lookup().fail(LookupErrorKind::Unreachable);
    for layer in &layers {
        assert_eq!(send(layer, anonymous()).await.code(), "UNAUTHORIZED");
        assert_eq!(send(layer, by("cold")).await.code(), "BILLING_UNAVAILABLE");
    }
}

#[tokio::test]
async fn an_answer_of_the_service_is_no_denial() {
    let test = TestGate::platform().user("ada", "pro");
    let layer = test.gate().require_feature("crm_enabled").unwrap();
    let reply = send(&app(&layer, |_| async { status(403) }), by("ada")).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
    assert!(reply.denial.is_none());
    assert_eq!(reply.header("cache-control"), None);
}
