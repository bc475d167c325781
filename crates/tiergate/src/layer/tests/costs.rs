use http::{Request, Response, StatusCode};
use tower::Layer;

use super::support::{
    App, Body, CALLS, FLOWS, SMS, STORAGE, app, by, ok_app, send, status, used, with,
};
use crate::request::RequestHead;
use crate::testing::TestGate;
use crate::{Access, CheckError, Principal, Subject};

/// A service that finds out what a request really took.
fn taking(layer: &crate::layer::CheckUsageLimitLayer, units: u64) -> App {
    app(layer, move |request: Request<Body>| async move {
        let access = Access::of(request.extensions()).unwrap();
        let ticket = access.ticket().unwrap();
        ticket.set_quantity(units).unwrap();
        Response::default()
    })
}

fn weight(head: &RequestHead<'_>) -> u64 {
    let text = head.headers().get("x-weight").unwrap().to_str().unwrap();
    text.parse().unwrap()
}

fn weighing(user: &str, units: u64) -> Request<Body> {
    let mut request = by(user);
    request.headers_mut().insert("x-weight", units.into());
    request
}

#[tokio::test]
async fn a_request_costs_one_unit_by_default() {
    let test = TestGate::platform().user("ada", "pro");
    let app = ok_app(&test.gate().check_usage_limit(FLOWS).unwrap());
    send(&app, by("ada")).await;
    assert_eq!(used(&test, "ada", FLOWS).await, 1);
}

#[tokio::test]
async fn a_request_costs_what_a_closure_reads_from_it() {
    let test = TestGate::platform().user("ada", "pro");
    let app = ok_app(&test.gate().check_usage_limit(SMS).unwrap().cost_of(weight));
    for (units, expected, code) in [
        (60, 60, ""),
        (40, 100, ""),
        (1, 100, "LIMIT_EXCEEDED"),
        (101, 100, "COST_ABOVE_LIMIT"),
        (u64::MAX, 100, "COST_ABOVE_LIMIT"),
    ] {
        let reply = send(&app, weighing("ada", units)).await;
        assert_eq!(reply.code(), code, "{units}");
        assert_eq!(used(&test, "ada", SMS).await, expected);
    }
}

#[tokio::test]
async fn what_never_fits_says_nothing_of_waiting() {
    let test = TestGate::platform().user("ada", "pro");
    let app = ok_app(&test.gate().check_usage_limit(SMS).unwrap().cost(101));
    let reply = send(&app, by("ada")).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
    assert_eq!(reply.header("retry-after"), None);
    assert_eq!(reply.body.get("resetsAt"), None);
}

#[tokio::test]
async fn a_request_that_costs_nothing_passes_when_nothing_is_left() {
    let test = TestGate::platform().user("ada", "pro");
    let layer = test.gate().check_usage_limit(SMS).unwrap().cost_of(weight);
    let app = taking(&layer, 7);
    assert_eq!(
        send(&ok_app(&layer), weighing("ada", 100)).await.status,
        200
    );
    let reply = send(&app, weighing("ada", 0)).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert!(!reply.headers.contains_key("ratelimit"));
    // Its ticket takes a quantity, and charges none.
    assert_eq!(used(&test, "ada", SMS).await, 100);
    // The feature itself is asked for all the same.
    let reply = send(&app, weighing("bob", 0)).await;
    assert_eq!(reply.code(), "FEATURE_NOT_AVAILABLE");
}

#[tokio::test]
async fn the_handler_charges_less_or_more_than_was_reserved() {
    for (reserved, really) in [(10, 3), (10, 0), (10, 10), (10, 25), (1, 1_000)] {
        let test = TestGate::platform().user("ada", "pro");
        let layer = test.gate().check_usage_limit(STORAGE).unwrap();
        let reply = send(&taking(&layer.cost(reserved), really), by("ada")).await;
        assert_eq!(reply.status, StatusCode::OK);
        assert_eq!(used(&test, "ada", STORAGE).await, really);
    }
}

#[tokio::test]
async fn beyond_the_limit_the_next_request_is_refused() {
    let test = TestGate::platform().user("ada", "pro");
    let layer = test.gate().check_usage_limit(STORAGE).unwrap();
    send(&taking(&layer, 1_000), by("ada")).await;
    let reply = send(&ok_app(&layer), by("ada")).await;
    assert_eq!(reply.code(), "LIMIT_EXCEEDED");
    assert_eq!(reply.body["used"], 1_000);
    assert_eq!(reply.body["remaining"], 0);
}

#[tokio::test]
async fn a_quantity_of_a_request_that_failed_is_not_charged() {
    let test = TestGate::platform().user("ada", "pro");
    let layer = test.gate().check_usage_limit(STORAGE).unwrap();
    let app = app(&layer, |request: Request<Body>| async move {
        let access = Access::of(request.extensions()).unwrap();
        access.ticket().unwrap().set_quantity(9).unwrap();
        status(500)
    });
    send(&app, by("ada")).await;
    assert_eq!(used(&test, "ada", STORAGE).await, 0);
}

#[tokio::test]
async fn a_quantity_comes_too_late_after_the_answer() {
    let test = TestGate::platform().user("ada", "pro");
    let layer = test.gate().check_usage_limit(STORAGE).unwrap();
    let (keep, kept) = std::sync::mpsc::channel();
    let app = app(&layer, move |request: Request<Body>| {
        let access = Access::of(request.extensions()).unwrap();
        keep.send(access.ticket().unwrap().clone()).unwrap();
        async { Response::default() }
    });
    send(&app, by("ada")).await;
    let ticket = kept.recv().unwrap();
    assert!(ticket.set_quantity(40).is_err());
    assert_eq!(used(&test, "ada", STORAGE).await, 1);
    // Nor does it reach into the next request.
    send(&app, by("ada")).await;
    assert!(ticket.set_quantity(40).is_err());
    assert_eq!(used(&test, "ada", STORAGE).await, 2);
}

#[tokio::test]
async fn several_limits_are_taken_all_or_none() {
    let test = TestGate::platform().user("ada", "pro");
    let gate = test.gate();
    send(
        &ok_app(&gate.check_usage_limit(SMS).unwrap().cost(100)),
        by("ada"),
    )
    .await;
    // Every order in which the one that is used up can stand.
    for limits in [
        [SMS, FLOWS, STORAGE],
        [FLOWS, SMS, STORAGE],
        [FLOWS, STORAGE, SMS],
    ] {
        let app = ok_app(&gate.check_usage_limits(limits).unwrap());
        let reply = send(&app, by("ada")).await;
        assert_eq!(reply.code(), "LIMIT_EXCEEDED");
        assert_eq!(reply.body["feature"], SMS);
        assert_eq!(used(&test, "ada", FLOWS).await, 0);
        assert_eq!(used(&test, "ada", STORAGE).await, 0);
    }
    let app = ok_app(&gate.check_usage_limits([FLOWS, STORAGE]).unwrap());
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
    assert_eq!(used(&test, "ada", FLOWS).await, 1);
    assert_eq!(used(&test, "ada", STORAGE).await, 1);
}

#[tokio::test]
async fn each_of_several_limits_has_a_ticket() {
    let test = TestGate::platform().user("ada", "pro");
    let layer = test.gate().check_usage_limits([FLOWS, STORAGE]).unwrap();
    let app = app(&layer, |request: Request<Body>| async move {
        let access = Access::of(request.extensions()).unwrap();
        access
            .limit(STORAGE)
            .unwrap()
            .ticket
            .set_quantity(12)
            .unwrap();
        Response::default()
    });
    send(&app, by("ada")).await;
    assert_eq!(used(&test, "ada", FLOWS).await, 1);
    assert_eq!(used(&test, "ada", STORAGE).await, 12);
}

#[tokio::test]
async fn a_layer_that_is_mounted_twice_charges_once() {
    let test = TestGate::platform().user("ada", "pro");
    let layer = test.gate().check_usage_limit(FLOWS).unwrap();
    for _ in 0..2 {
        send(&ok_app(&(layer.clone(), layer.clone())), by("ada")).await;
    }
    assert_eq!(used(&test, "ada", FLOWS).await, 2);
}

#[tokio::test]
async fn the_last_unit_is_enough_for_a_layer_that_is_mounted_twice() {
    let test = TestGate::platform().user("ada", "pro");
    let layer = test.gate().check_usage_limit(SMS).unwrap().cost(100);
    let app = ok_app(&(layer.clone(), layer));
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
    assert_eq!(used(&test, "ada", SMS).await, 100);
}

#[tokio::test]
async fn the_same_limit_of_two_subjects_is_charged_to_both() {
    let test = TestGate::platform()
        .user("ada", "pro")
        .organization("acme", "team_small");
    let gate = test.gate();
    let layers = (
        gate.check_usage_limit(CALLS)
            .unwrap()
            .subject(|_: &RequestHead<'_>| Some(Subject::organization("acme"))),
        gate.check_usage_limit(CALLS).unwrap(),
    );
    send(&ok_app(&layers), with(Principal::user("ada"))).await;
    assert_eq!(used(&test, "ada", CALLS).await, 1);
    let acme = Subject::organization("acme");
    assert_eq!(gate.usage(&acme, CALLS).await.unwrap().used, 1);
}

#[tokio::test]
async fn of_a_thousand_at_once_as_many_pass_as_the_limit_has_room_for() {
    let test = TestGate::platform().user("ada", "pro");
    let app = ok_app(&test.gate().check_usage_limit(SMS).unwrap());
    let all = (0..1_000).map(|_| send(&app, by("ada")));
    let replies = futures_util::future::join_all(all).await;
    let passed = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(passed, 100);
    assert_eq!(used(&test, "ada", SMS).await, 100);
}

#[test]
fn what_cannot_be_counted_is_an_error_where_the_layer_is_made() {
    let test = TestGate::platform();
    let gate = test.gate();
    let fault = |keys: &[&str]| {
        let error = gate.check_usage_limits(keys.iter().copied()).unwrap_err();
        error.to_string()
    };
    assert!(fault(&["sms_message"]).contains("`sms_messages`"));
    assert!(matches!(
        gate.check_usage_limit("crm_enabled"),
        Err(CheckError::NotMetered(_))
    ));
    assert!(fault(&[]).contains("not 0"));
    assert_eq!(
        fault(&[SMS, CALLS, SMS]),
        "limit `sms_messages` is named twice in one layer, for more units of it use `cost`"
    );
    let bandwidth = "bandwidth_limit_gb";
    assert!(
        gate.check_usage_limits([SMS, CALLS, STORAGE, bandwidth])
            .is_ok()
    );
    assert!(fault(&[SMS, CALLS, STORAGE, bandwidth, FLOWS]).contains("not 5"));
}

#[test]
fn a_layer_says_what_it_asks() {
    let test = TestGate::platform();
    let gate = test.gate();
    assert_eq!(
        gate.check_usage_limits([SMS, FLOWS])
            .unwrap()
            .cost(3)
            .describe(),
        "3 of limit `sms_messages`, 3 of limit `workflow_executions_monthly`"
    );
    assert_eq!(
        gate.check_usage_limit(SMS)
            .unwrap()
            .cost_of(weight)
            .describe(),
        "units of limit `sms_messages`"
    );
    assert_eq!(
        gate.require_min_tier("pro").unwrap().describe(),
        "tier `pro` or one that includes it"
    );
    let support = gate.require_feature("support_level").unwrap();
    assert_eq!(
        support.at_least("email").unwrap().describe(),
        "feature `support_level` at `email` or above"
    );
    // What is said of a layer is said of clones and services too, without a word of the closures.
    let layer = gate.check_usage_limit(SMS).unwrap().cost_of(weight);
    assert!(format!("{:?}", layer.layer(())).contains("sms_messages"));
}

#[tokio::test]
async fn joined_limits_are_taken_together_each_at_its_own_cost() {
    let test = TestGate::platform().user("ada", "pro");
    let gate = test.gate();
    let layer = gate
        .check_usage_limit(FLOWS)
        .unwrap()
        .cost(10)
        .and(gate.check_usage_limit(SMS).unwrap().cost(60))
        .unwrap();
    let app = ok_app(&layer);
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
    assert_eq!(send(&app, by("ada")).await.code(), "LIMIT_EXCEEDED");
    assert_eq!(used(&test, "ada", FLOWS).await, 10);
    assert_eq!(used(&test, "ada", SMS).await, 60);
}

#[test]
fn what_cannot_be_taken_together_is_not_joined() {
    let test = TestGate::platform();
    let limit = |key| test.gate().check_usage_limit(key).unwrap();
    let twice = limit(SMS).and(limit(SMS)).unwrap_err();
    assert_eq!(
        twice.to_string(),
        "limit `sms_messages` is named twice in one layer, for more units of it use `cost`"
    );
    let other = TestGate::platform();
    let foreign = other.gate().check_usage_limit(FLOWS).unwrap();
    assert_eq!(
        limit(SMS).and(foreign).unwrap_err().to_string(),
        "the id was given out by another catalog"
    );
}
