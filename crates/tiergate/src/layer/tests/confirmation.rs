//! Before a denial that rests on a cached answer, the lookup is asked again.

use http::StatusCode;
use tiergate_lookup::LookupErrorKind;

use super::support::{App, SMS, STORAGE, by, change_at_source, ok_app, seconds, send, used};
use crate::testing::TestGate;

fn contacts(test: &TestGate) -> App {
    ok_app(&test.gate().require_feature("crm_enabled").unwrap())
}

#[tokio::test]
async fn who_has_paid_three_seconds_ago_gets_in_at_once() {
    let test = TestGate::platform();
    change_at_source(&test, "ada", "free");
    let gate = test.gate();
    for app in [
        contacts(&test),
        ok_app(&gate.require_min_tier("pro").unwrap()),
        ok_app(&gate.check_usage_limit(SMS).unwrap()),
    ] {
        change_at_source(&test, "ada", "free");
        gate.clear_caches();
        assert_eq!(send(&app, by("ada")).await.status, StatusCode::FORBIDDEN);
        change_at_source(&test, "ada", "pro");
        test.clock().advance(seconds(3));
        assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn who_had_no_subscription_too() {
    let test = TestGate::platform();
    let app = contacts(&test);
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::FORBIDDEN);
    change_at_source(&test, "ada", "pro");
    test.clock().advance(seconds(3));
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_larger_plan_makes_room_at_once() {
    let test = TestGate::platform().user("ada", "pro");
    let app = ok_app(&test.gate().check_usage_limit(SMS).unwrap().cost(100));
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
    assert_eq!(send(&app, by("ada")).await.status.as_u16(), 429);
    change_at_source(&test, "ada", "max");
    test.clock().advance(seconds(3));
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
    assert_eq!(used(&test, "ada", SMS).await, 200);
}

#[tokio::test]
async fn a_fresh_denial_is_not_asked_about_again() {
    let test = TestGate::platform();
    let app = contacts(&test);
    for _ in 0..10 {
        assert_eq!(send(&app, by("ada")).await.status, StatusCode::FORBIDDEN);
    }
    test.clock().advance(seconds(2));
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::FORBIDDEN);
    assert_eq!(test.lookup().calls(), 1);
}

#[tokio::test]
async fn denials_ask_again_at_most_once_in_five_seconds() {
    let test = TestGate::platform().user("ada", "free");
    let app = contacts(&test);
    send(&app, by("ada")).await;
    let before = test.lookup().calls();
    // A minute of a client that never gives up, ten requests a second.
    for _ in 0..600 {
        test.clock().advance(std::time::Duration::from_millis(100));
        assert_eq!(send(&app, by("ada")).await.status, StatusCode::FORBIDDEN);
    }
    let asked = test.lookup().calls() - before;
    assert!((1..=12).contains(&asked), "{asked} re-reads in a minute");
}

#[tokio::test]
async fn many_denials_at_once_share_one_read() {
    let test = TestGate::platform().user("ada", "free");
    let app = contacts(&test);
    send(&app, by("ada")).await;
    test.clock().advance(seconds(3));
    let before = test.lookup().calls();
    let all = (0..100).map(|_| send(&app, by("ada")));
    for reply in futures_util::future::join_all(all).await {
        assert_eq!(reply.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(test.lookup().calls() - before, 1);
}

#[tokio::test]
async fn a_denial_that_cannot_be_confirmed_is_no_denial() {
    let test = TestGate::platform().user("ada", "free");
    let gate = test.gate();
    let apps = [
        contacts(&test),
        ok_app(&gate.require_min_tier("pro").unwrap()),
        ok_app(&gate.check_usage_limit(SMS).unwrap()),
        // Never fits, as far as is known.
        ok_app(&gate.check_usage_limit(STORAGE).unwrap().cost(6)),
    ];
    for app in &apps {
        assert_eq!(send(app, by("ada")).await.status, StatusCode::FORBIDDEN);
    }
    test.lookup().fail(LookupErrorKind::Unreachable);
    test.clock().advance(seconds(3));
    for app in &apps {
        let reply = send(app, by("ada")).await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(reply.headers.contains_key("retry-after"));
    }
    // What is free stays open, and is not even degraded: ada is known.
    let free = ok_app(&gate.require_feature("timeline_enabled").unwrap());
    assert_eq!(send(&free, by("ada")).await.status, StatusCode::OK);
    assert_eq!(gate.statistics().degraded, 0);
}

#[tokio::test]
async fn a_used_up_limit_stays_used_up_and_sells_nothing() {
    let test = TestGate::platform().user("ada", "pro");
    let app = ok_app(&test.gate().check_usage_limit(SMS).unwrap().cost(100));
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
    test.lookup().fail(LookupErrorKind::Unreachable);
    test.clock().advance(seconds(3));
    let reply = send(&app, by("ada")).await;
    assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(reply.body["limit"], 100);
    for member in ["requiredTier", "availableIn"] {
        assert_eq!(reply.body.get(member), None, "{member}");
    }
    assert!(!reply.body["detail"].as_str().unwrap().contains("plan"));
}
