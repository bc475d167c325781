use std::time::Duration;

use http::{Request, Response, StatusCode};
use tiergate_lookup::{LookupError, LookupErrorKind};

use super::support::{App, Body, CALLS, SMS, app, by, ok_app, seconds, send};
use crate::Access;
use crate::decision::UnavailableAccess;
use crate::testing::{TestGate, platform_catalog};

const DOWN: LookupErrorKind = LookupErrorKind::Unreachable;

fn guarded(test: &TestGate, feature: &str) -> App {
    ok_app(&test.gate().require_feature(feature).unwrap())
}

#[tokio::test]
async fn what_is_free_stays_open_and_is_marked() {
    let test = TestGate::platform().user("ada", "pro");
    test.lookup().fail(DOWN);
    let layer = test.gate().require_feature("timeline_enabled").unwrap();
    let app = app(&layer, |request: Request<Body>| async move {
        let access = Access::of(request.extensions()).unwrap();
        assert!(access.is_degraded());
        assert_eq!(access.tier(), "free");
        assert!(access.subscription().is_none());
        Response::default()
    });
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
    assert_eq!(test.gate().statistics().degraded, 1);
}

#[tokio::test]
async fn what_is_not_free_is_put_off_in_every_layer() {
    let test = TestGate::platform();
    let gate = test.gate();
    test.lookup().fail(DOWN);
    for app in [
        guarded(&test, "crm_enabled"),
        ok_app(&gate.require_min_tier("pro").unwrap()),
        ok_app(&gate.check_usage_limit(SMS).unwrap()),
    ] {
        let reply = send(&app, by("ada")).await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(reply.headers.contains_key("retry-after"));
        for member in ["requiredTier", "availableIn", "upgradeUrl", "currentTier"] {
            assert_eq!(reply.body.get(member), None, "{member}");
        }
    }
}

#[tokio::test]
async fn the_free_part_of_a_limit_is_counted_and_its_end_is_no_denial() {
    let test = TestGate::platform();
    test.lookup().fail(DOWN);
    let app = ok_app(&test.gate().check_usage_limit(CALLS).unwrap().cost(60));
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
    let reply = send(&app, by("ada")).await;
    // What the default tier does not allow is put off: the subject's own limit is not known.
    assert_eq!(reply.code(), "BILLING_UNAVAILABLE");
    assert_eq!(reply.headers.get("ratelimit"), None);
}

#[tokio::test]
async fn policy_decides_otherwise_for_the_gate_or_one_layer() {
    for (unavailable, free, paid) in [
        (UnavailableAccess::DefaultTier, 200, 503),
        (UnavailableAccess::Deny, 503, 503),
        (UnavailableAccess::Allow, 200, 200),
    ] {
        let mut policy = crate::decision::Policy::default();
        policy.unavailable = unavailable;
        let by_gate = TestGate::configured(platform_catalog(), |gate| gate.policy(policy));
        let by_layer = TestGate::platform();
        for (test, feature, expected) in [
            (&by_gate, "timeline_enabled", free),
            (&by_gate, "crm_enabled", paid),
        ] {
            test.lookup().fail(DOWN);
            let reply = send(&guarded(test, feature), by("ada")).await;
            assert_eq!(reply.status.as_u16(), expected, "{unavailable:?} {feature}");
        }
        for (feature, expected) in [("timeline_enabled", free), ("crm_enabled", paid)] {
            by_layer.lookup().fail(DOWN);
            let layer = by_layer.gate().require_feature(feature).unwrap();
            let app = ok_app(&layer.when_unavailable(unavailable));
            let reply = send(&app, by("ada")).await;
            assert_eq!(reply.status.as_u16(), expected, "{unavailable:?} {feature}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_known_is_served_on_until_the_ceiling() {
    let test = TestGate::platform().user("ada", "pro");
    let app = guarded(&test, "crm_enabled");
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
    test.lookup().fail(DOWN);
    test.clock().advance(seconds(23 * 3_600));
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
    test.clock().advance(seconds(2 * 3_600));
    assert_eq!(send(&app, by("ada")).await.status.as_u16(), 503);
    test.lookup().answer();
    test.clock().advance(seconds(60));
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_lookup_that_hangs_is_given_up() {
    let test = TestGate::platform().user("ada", "pro");
    test.lookup().hang();
    let started = tokio::time::Instant::now();
    let reply = send(&guarded(&test, "crm_enabled"), by("ada")).await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    // On the paused clock of the test, this is how long was waited for and not how long it took.
    assert!(started.elapsed() <= seconds(1));
}

#[tokio::test(start_paused = true)]
async fn a_lookup_that_panics_is_a_fault_and_no_end() {
    let test = TestGate::platform().user("ada", "pro");
    test.lookup().panic();
    let app = guarded(&test, "crm_enabled");
    assert_eq!(send(&app, by("ada")).await.status.as_u16(), 503);
    test.lookup().answer();
    test.clock().advance(seconds(30));
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn billings_own_wait_is_passed_on_also_where_a_denial_is_not_confirmed() {
    let test = TestGate::platform();
    let app = guarded(&test, "crm_enabled");
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::FORBIDDEN);
    test.clock().advance(seconds(3));
    let error = LookupError::new(LookupErrorKind::Throttled);
    test.lookup()
        .fail_with(error.with_retry_after(Duration::from_secs(9)));
    let reply = send(&app, by("ada")).await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(reply.header("retry-after"), Some("9"));
}
