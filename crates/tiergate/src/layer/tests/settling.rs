use http::StatusCode;

use super::support::{
    Act, App, CALLS, FLOWS, STORAGE, ScriptedUsage, app, by, ok_app, seconds, send, status, used,
};
use crate::layer::Charge;
use crate::testing::TestGate;

/// A service that answers with the status that the path says, behind a limit.
fn answering(test: &TestGate, limit: &str) -> App {
    answering_behind(&test.gate().check_usage_limit(limit).unwrap())
}

fn answering_behind(layer: &crate::layer::CheckUsageLimitLayer) -> App {
    app(layer, |request: http::Request<super::support::Body>| {
        let code = request.uri().path().trim_start_matches('/').parse();
        async move { status(code.unwrap()) }
    })
}

async fn ask(app: &App, code: u16) -> StatusCode {
    let mut request = by("ada");
    *request.uri_mut() = format!("/{code}").parse().unwrap();
    send(app, request).await.status
}

#[tokio::test]
async fn what_did_its_work_is_charged_and_what_failed_is_not() {
    let test = TestGate::platform().user("ada", "pro");
    let app = answering(&test, FLOWS);
    let mut charged = 0;
    for code in [200, 201, 204, 301, 304, 399] {
        assert_eq!(ask(&app, code).await.as_u16(), code);
        charged += 1;
        assert_eq!(used(&test, "ada", FLOWS).await, charged, "{code}");
    }
    for code in [400, 404, 422, 429, 499, 500, 503, 599] {
        assert_eq!(ask(&app, code).await.as_u16(), code);
        assert_eq!(used(&test, "ada", FLOWS).await, charged, "{code}");
    }
}

#[tokio::test]
async fn a_gauge_is_raised_by_success_alone() {
    let test = TestGate::platform().user("ada", "pro");
    let app = answering(&test, STORAGE);
    ask(&app, 201).await;
    ask(&app, 507).await;
    assert_eq!(used(&test, "ada", STORAGE).await, 1);
}

#[tokio::test]
async fn a_rate_is_not_refunded() {
    let test = TestGate::platform().user("ada", "pro");
    let app = answering(&test, CALLS);
    for code in [200, 404, 500] {
        ask(&app, code).await;
    }
    assert_eq!(used(&test, "ada", CALLS).await, 3);
    test.clock().advance(seconds(60));
    assert_eq!(used(&test, "ada", CALLS).await, 0);
}

#[tokio::test]
async fn the_service_can_have_another_rule() {
    let test = TestGate::platform().user("ada", "pro");
    let layer = test.gate().check_usage_limit(FLOWS).unwrap();
    let app = answering_behind(&layer.charge_when(|status, headers| {
        // The rule sees what the service said, without what the layer adds.
        assert!(!headers.contains_key("ratelimit"));
        if status.is_server_error() {
            Charge::Release
        } else {
            Charge::Commit
        }
    }));
    for (code, expected) in [(200, 1), (404, 2), (500, 2)] {
        assert_eq!(ask(&app, code).await.as_u16(), code);
        assert_eq!(used(&test, "ada", FLOWS).await, expected);
    }
}

#[tokio::test]
async fn a_denied_request_is_never_charged() {
    let test = TestGate::platform().user("ada", "pro");
    let app = ok_app(&test.gate().check_usage_limit(FLOWS).unwrap().cost(600));
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
    for _ in 0..10 {
        let reply = send(&app, by("ada")).await;
        assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!(used(&test, "ada", FLOWS).await, 600);
}

#[tokio::test]
async fn units_are_held_while_the_service_works() {
    let test = TestGate::platform().user("ada", "pro");
    let gate = test.gate().clone();
    let layer = test.gate().check_usage_limit(FLOWS).unwrap().cost(7);
    let app = app(&layer, move |_| {
        let gate = gate.clone();
        async move {
            let ada = crate::Subject::user("ada");
            assert_eq!(gate.usage(&ada, FLOWS).await.unwrap().used, 7);
            status(500)
        }
    });
    assert_eq!(send(&app, by("ada")).await.status.as_u16(), 500);
    assert_eq!(used(&test, "ada", FLOWS).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_takes_its_time_settles_behind_the_response() {
    let (test, usage) = ScriptedUsage::gate();
    let app = answering(&test, FLOWS);
    usage.act(Act::AnswerLate);
    assert_eq!(ask(&app, 200).await, StatusCode::OK);
    assert_eq!(ask(&app, 500).await.as_u16(), 500);
    tokio::time::sleep(seconds(5)).await;
    assert_eq!(used(&test, "ada", FLOWS).await, 1);
}
