use http::{Request, Response, StatusCode};

use super::support::{Act, Body, FLOWS, ScriptedUsage, app, by, ok_app, send, used};
use crate::Access;
use crate::decision::UnavailableAccess;
use crate::usage::StoreErrorKind;

const FAULTS: [StoreErrorKind; 5] = [
    StoreErrorKind::Unavailable,
    StoreErrorKind::TimedOut,
    StoreErrorKind::Full,
    StoreErrorKind::InvalidClaims,
    StoreErrorKind::Internal,
];

#[tokio::test]
async fn without_the_store_a_request_is_put_off() {
    let (test, usage) = ScriptedUsage::gate();
    let app = ok_app(&test.gate().check_usage_limit(FLOWS).unwrap());
    for (failures, fault) in FAULTS.into_iter().enumerate() {
        usage.act(Act::Fail(fault));
        let reply = send(&app, by("ada")).await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{fault:?}");
        assert_eq!(reply.code(), "BILLING_UNAVAILABLE");
        assert!(reply.headers.contains_key("retry-after"));
        let counted = test.gate().statistics().store_failures;
        assert_eq!(counted, failures as u64 + 1);
    }
    usage.act(Act::Answer);
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
    assert_eq!(used(&test, "ada", FLOWS).await, 1);
}

#[tokio::test]
async fn or_passes_uncounted_where_the_service_says_so() {
    let (test, usage) = ScriptedUsage::gate();
    let layer = test
        .gate()
        .check_usage_limit(FLOWS)
        .unwrap()
        .when_unavailable(UnavailableAccess::Allow);
    let app = app(&layer, |request: Request<Body>| async move {
        let access = Access::of(request.extensions()).unwrap();
        assert!(access.metered().is_empty());
        // A handler that sets the quantity need not know.
        access.ticket().unwrap().set_quantity(5).unwrap();
        assert_eq!(access.ticket().unwrap().quantity(), 0);
        assert!(access.is_degraded());
        Response::default()
    });
    usage.act(Act::Fail(StoreErrorKind::Unavailable));
    let reply = send(&app, by("ada")).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert!(!reply.headers.contains_key("ratelimit"));
    assert_eq!(used(&test, "ada", FLOWS).await, 0);
    assert_eq!(test.gate().statistics().degraded, 1);
}

#[tokio::test]
async fn passing_uncounted_gives_no_feature_to_who_lacks_it() {
    let (test, usage) = ScriptedUsage::gate();
    let layer = test.gate().check_usage_limit(FLOWS).unwrap();
    let app = ok_app(&layer.when_unavailable(UnavailableAccess::Allow));
    usage.act(Act::Fail(StoreErrorKind::Unavailable));
    let reply = send(&app, by("bob")).await;
    assert_eq!(reply.code(), "FEATURE_NOT_AVAILABLE");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_takes_its_time_refuses_and_admits_as_one_that_does_not() {
    let (test, usage) = ScriptedUsage::gate();
    usage.act(Act::AnswerLate);
    let app = ok_app(&test.gate().check_usage_limit(FLOWS).unwrap().cost(600));
    let reply = send(&app, by("ada")).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert!(reply.headers.contains_key("ratelimit"));
    let reply = send(&app, by("ada")).await;
    assert_eq!(reply.code(), "LIMIT_EXCEEDED");
    assert_eq!(reply.body["used"], 600);
}
