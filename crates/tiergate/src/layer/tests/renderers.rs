use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::json;

use super::support::{Reply, SMS, by, ok_app, send};
use crate::denial::{PlatformJson, ProblemJson};
use crate::testing::{TestGate, platform_catalog};
use crate::{Denial, DenialKind};

const PRICING: &str = "https://example.com/pricing";

fn teapot(denial: &Denial) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(denial.kind().code()));
    *response.status_mut() = StatusCode::IM_A_TEAPOT;
    response
}

#[tokio::test]
async fn the_older_shape_of_the_platform_is_ready() {
    let render = PlatformJson::new().upgrade_url(PRICING);
    let test = TestGate::configured(platform_catalog(), |gate| gate.denials(render));
    let app = ok_app(&test.gate().require_feature("white_label").unwrap());
    let reply = send(&app, by("bob")).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(
        reply.body,
        json!({
            "error": "FEATURE_NOT_AVAILABLE",
            "message": "The Free plan does not include White label / custom branding. \
                        The Premium plan does.",
            "details": {
                "feature": "white_label",
                "currentTier": "free",
                "requiredTier": "premium",
                "availableIn": ["premium", "enterprise"],
                "upgradeUrl": PRICING,
            },
        })
    );
}

#[tokio::test]
async fn what_only_paying_helps_can_be_402() {
    let render = ProblemJson::new().upgrade_url(PRICING).status(
        DenialKind::FeatureNotAvailable,
        StatusCode::PAYMENT_REQUIRED,
    );
    let test = TestGate::configured(platform_catalog(), |gate| gate.denials(render));
    let reply = send(
        &ok_app(&test.gate().require_feature("crm_enabled").unwrap()),
        by("bob"),
    )
    .await;
    assert_eq!(reply.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(reply.body["status"], 402);
    assert_eq!(reply.code(), "FEATURE_NOT_AVAILABLE");
    assert_eq!(reply.body["upgradeUrl"], PRICING);

    // The other kinds keep theirs.
    let reply = send(
        &ok_app(&test.gate().require_min_tier("pro").unwrap()),
        by("bob"),
    )
    .await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn no_link_to_an_upgrade_where_none_would_help() {
    let test = TestGate::configured(platform_catalog(), |gate| {
        gate.denials(ProblemJson::new().upgrade_url(PRICING))
    });
    test.lookup()
        .fail(crate::lookup::LookupErrorKind::Unreachable);
    let app = ok_app(&test.gate().require_feature("crm_enabled").unwrap());
    assert_eq!(send(&app, by("bob")).await.body.get("upgradeUrl"), None);
}

async fn exceed(test: &TestGate, render: fn(&Denial) -> Response<Bytes>) -> Reply {
    let layer = test.gate().check_usage_limit(SMS).unwrap().cost(100);
    let app = ok_app(&layer.denials(render));
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
    send(&app, by("ada")).await
}

#[tokio::test]
async fn a_closure_renders_and_the_headers_are_added_all_the_same() {
    let test = TestGate::platform().user("ada", "pro");
    let reply = exceed(&test, teapot).await;
    assert_eq!(reply.status, StatusCode::IM_A_TEAPOT);
    assert_eq!(reply.body, json!("LIMIT_EXCEEDED"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("retry-after"), Some("2678400"));
    assert!(reply.headers.contains_key("ratelimit"));
    assert!(reply.headers.contains_key("ratelimit-policy"));
    let denial = reply.denial.unwrap();
    assert_eq!(denial.kind(), DenialKind::LimitExceeded);
    assert_eq!(denial.used(), Some(100));
}

#[tokio::test]
async fn headers_that_a_renderer_sets_are_left_alone() {
    let test = TestGate::platform().user("ada", "pro");
    let reply = exceed(&test, |denial| {
        let mut response = teapot(denial);
        let headers = response.headers_mut();
        headers.insert("cache-control", "private".parse().unwrap());
        headers.insert("retry-after", "7".parse().unwrap());
        response
    })
    .await;
    assert_eq!(reply.headers.get_all("cache-control").iter().count(), 1);
    assert_eq!(reply.header("cache-control"), Some("private"));
    assert_eq!(reply.headers.get_all("retry-after").iter().count(), 1);
    assert_eq!(reply.header("retry-after"), Some("7"));
}

#[tokio::test]
async fn a_layer_renders_its_own_way_before_the_gates() {
    let test = TestGate::configured(platform_catalog(), |gate| gate.denials(PlatformJson::new()));
    let layer = test.gate().require_feature("crm_enabled").unwrap();
    let reply = send(&ok_app(&layer.clone().denials(teapot)), by("bob")).await;
    assert_eq!(reply.status, StatusCode::IM_A_TEAPOT);
    let reply = send(&ok_app(&layer), by("bob")).await;
    assert_eq!(reply.body["error"], "FEATURE_NOT_AVAILABLE");
}
