use http::{Request, StatusCode};
use tower::ServiceExt;

use super::support::{App, Body, FLOWS, app, by, ok_app, send, status, used};
use crate::layer::CheckUsageLimitLayer;
use crate::request::RequestHead;
use crate::testing::TestGate;
use crate::usage::IdempotencyKey;

fn key(head: &RequestHead<'_>) -> Option<IdempotencyKey> {
    let value = head.headers().get("idempotency-key")?.to_str().ok()?;
    IdempotencyKey::new(value).ok()
}

fn layer(test: &TestGate) -> CheckUsageLimitLayer {
    let layer = test.gate().check_usage_limit(FLOWS).unwrap();
    layer.idempotency_key(key)
}

fn keyed(user: &str, key: &str) -> Request<Body> {
    let mut request = by(user);
    let value = key.parse().unwrap();
    request.headers_mut().insert("idempotency-key", value);
    request
}

#[tokio::test]
async fn a_retry_is_counted_once() {
    let test = TestGate::platform().user("ada", "pro");
    let app = ok_app(&layer(&test));
    for _ in 0..5 {
        assert_eq!(send(&app, keyed("ada", "a")).await.status, StatusCode::OK);
    }
    assert_eq!(used(&test, "ada", FLOWS).await, 1);
    send(&app, keyed("ada", "b")).await;
    assert_eq!(used(&test, "ada", FLOWS).await, 2);
    // Without a key, or with what is none, each counts.
    send(&app, by("ada")).await;
    send(&app, keyed("ada", &"x".repeat(300))).await;
    assert_eq!(used(&test, "ada", FLOWS).await, 4);
}

#[tokio::test]
async fn a_retry_is_admitted_when_nothing_is_left() {
    let test = TestGate::platform().user("ada", "pro");
    let app = ok_app(&layer(&test).cost(1_000));
    assert_eq!(send(&app, keyed("ada", "a")).await.status, StatusCode::OK);
    assert_eq!(send(&app, keyed("ada", "b")).await.status.as_u16(), 429);
    assert_eq!(send(&app, keyed("ada", "a")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn one_key_of_two_users_is_two_keys() {
    let test = TestGate::platform().user("ada", "pro").user("eve", "pro");
    let app = ok_app(&layer(&test));
    send(&app, keyed("ada", "a")).await;
    send(&app, keyed("eve", "a")).await;
    assert_eq!(used(&test, "ada", FLOWS).await, 1);
    assert_eq!(used(&test, "eve", FLOWS).await, 1);
}

/// A service that answers when it is told to, with what it is told.
fn waiting(layer: &CheckUsageLimitLayer) -> (App, tokio::sync::broadcast::Sender<u16>) {
    let (tell, _) = tokio::sync::broadcast::channel(8);
    let told = tell.clone();
    let app = app(layer, move |_| {
        let mut told = told.subscribe();
        async move { status(told.recv().await.unwrap()) }
    });
    (app, tell)
}

#[tokio::test]
async fn a_retry_joins_the_request_that_is_under_way() {
    let test = TestGate::platform().user("ada", "pro");
    let (app, tell) = waiting(&layer(&test));
    let both = [
        tokio::spawn(app.clone().oneshot(keyed("ada", "a"))),
        tokio::spawn(app.clone().oneshot(keyed("ada", "a"))),
    ];
    while tell.receiver_count() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(used(&test, "ada", FLOWS).await, 1);
    tell.send(200).unwrap();
    for request in both {
        assert_eq!(request.await.unwrap().unwrap().status(), StatusCode::OK);
    }
    assert_eq!(used(&test, "ada", FLOWS).await, 1);
}

#[tokio::test]
async fn one_that_leaves_takes_nothing_from_the_other() {
    let test = TestGate::platform().user("ada", "pro");
    let (app, tell) = waiting(&layer(&test));
    let stays = tokio::spawn(app.clone().oneshot(keyed("ada", "a")));
    let leaves = tokio::spawn(app.clone().oneshot(keyed("ada", "a")));
    while tell.receiver_count() < 2 {
        tokio::task::yield_now().await;
    }
    leaves.abort();
    assert!(leaves.await.unwrap_err().is_cancelled());
    assert_eq!(used(&test, "ada", FLOWS).await, 1);
    tell.send(200).unwrap();
    assert_eq!(stays.await.unwrap().unwrap().status(), StatusCode::OK);
    assert_eq!(used(&test, "ada", FLOWS).await, 1);
}

#[tokio::test]
async fn a_retry_of_a_request_that_failed_counts_when_it_succeeds() {
    let test = TestGate::platform().user("ada", "pro");
    let layer = layer(&test);
    let failing = app(&layer, |_| async { status(500) });
    send(&failing, keyed("ada", "a")).await;
    assert_eq!(used(&test, "ada", FLOWS).await, 0);
    send(&ok_app(&layer), keyed("ada", "a")).await;
    assert_eq!(used(&test, "ada", FLOWS).await, 1);
}
