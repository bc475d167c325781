//! An answer waits until its units are counted.

use std::time::Duration;

use http::{Request, StatusCode};
use tokio::time::Instant;

use super::support::{Act, App, Body, FLOWS, ScriptedUsage, app, by, seconds, send, status, used};
use crate::testing::{TestGate, platform_catalog};
use crate::usage::StoreErrorKind;

/// A service whose store acts so once the handler is done.
fn answering(wait: Duration, act: Act, answer: u16) -> (TestGate, App) {
    let (test, usage) = ScriptedUsage::gate_with(|builder| builder.answer_wait(wait));
    let layer = test.gate().check_usage_limit(FLOWS).unwrap();
    let app = app(&layer, move |_: Request<Body>| {
        usage.act(act);
        async move { status(answer) }
    });
    (test, app)
}

#[tokio::test(start_paused = true)]
async fn an_answer_goes_out_when_its_units_are_counted() {
    let (test, app) = answering(seconds(5), Act::AnswerLate, 200);
    let begin = Instant::now();
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
    assert_eq!(begin.elapsed(), seconds(1));
    assert_eq!(used(&test, "ada", FLOWS).await, 1);
    assert_eq!(test.gate().statistics().answered_uncounted, 0);
}

#[tokio::test(start_paused = true)]
async fn it_waits_no_longer_than_it_was_told_to() {
    let wait = Duration::from_millis(100);
    let (test, app) = answering(wait, Act::AnswerLate, 200);
    let begin = Instant::now();
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
    assert_eq!(begin.elapsed(), wait);
    assert_eq!(test.gate().statistics().answered_uncounted, 1);
}

#[tokio::test(start_paused = true)]
async fn or_not_at_all() {
    let (_test, app) = answering(Duration::ZERO, Act::AnswerLate, 200);
    let begin = Instant::now();
    send(&app, by("ada")).await;
    assert_eq!(begin.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn what_is_given_back_is_not_waited_for() {
    let (_test, app) = answering(seconds(5), Act::AnswerLate, 500);
    let begin = Instant::now();
    let reply = send(&app, by("ada")).await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(begin.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_then_does_not_keep_the_answer_for_ever() {
    let fault = Act::Fail(StoreErrorKind::Unavailable);
    let (_test, app) = answering(seconds(5), fault, 200);
    let begin = Instant::now();
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
    assert!(begin.elapsed() <= seconds(5));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_while_the_answer_waits_is_charged() {
    let (test, app) = answering(seconds(5), Act::AnswerLate, 200);
    let left = tokio::time::timeout(Duration::from_millis(10), send(&app, by("ada"))).await;
    assert!(left.is_err(), "the answer should still wait");
    tokio::time::sleep(seconds(2)).await;
    test.clock().advance(seconds(3_600));
    assert_eq!(used(&test, "ada", FLOWS).await, 1);
}

/// A service that answers after so long, with reservations that live for ten seconds.
fn working_for(length: Duration) -> (TestGate, App) {
    let test = TestGate::configured(platform_catalog(), |builder| {
        builder.reservation_ttl(seconds(10))
    });
    let test = test.user("ada", "pro");
    let layer = test.gate().check_usage_limit(FLOWS).unwrap();
    let clock = test.clock().clone();
    let app = app(&layer, move |_: Request<Body>| {
        clock.advance(length);
        async move { status(200) }
    });
    (test, app)
}

#[tokio::test]
async fn an_answer_whose_reservation_had_expired_is_told_to_be_uncounted() {
    let (test, app) = working_for(seconds(11));
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
    assert_eq!(used(&test, "ada", FLOWS).await, 0);
    assert_eq!(test.gate().statistics().answered_uncounted, 1);

    let (test, app) = working_for(seconds(9));
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
    assert_eq!(used(&test, "ada", FLOWS).await, 1);
    assert_eq!(test.gate().statistics().answered_uncounted, 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_the_store_never_counts_is_told_once() {
    for (fault, wait) in [
        // No retry helps, which is known at once.
        (StoreErrorKind::Internal, seconds(5)),
        (StoreErrorKind::Unavailable, Duration::from_millis(100)),
        // It fails until nobody tries any more, and the answer waited for that.
        (StoreErrorKind::Unavailable, seconds(600)),
    ] {
        let (test, app) = answering(wait, Act::Fail(fault), 200);
        assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
        assert_eq!(
            test.gate().statistics().answered_uncounted,
            1,
            "{fault:?} {wait:?}"
        );
    }
}
