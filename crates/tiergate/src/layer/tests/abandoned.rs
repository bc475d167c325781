//! Whatever way a request ends, what was reserved for it is settled once: fifty times, for each
//! layer in front of the limit.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use http::{Request, Response, StatusCode};
use tower::{Layer, Service, ServiceExt};

use super::support::{
    Act, App, Body, CALLS, FLOWS, ScriptedUsage, app, by, ok_app, seconds, send, used,
};
use crate::Subject;
use crate::testing::TestGate;

const TIMES: usize = 50;

/// The same service behind a limit, alone and behind each of the other layers.
fn behind_each_layer<F>(
    test: &TestGate,
    limit: &str,
    handle: impl Fn(Request<Body>) -> F + Clone + Send + 'static,
) -> [App; 3]
where
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let gate = test.gate();
    let limited = gate.check_usage_limit(limit).unwrap();
    [
        app(&limited, handle.clone()),
        app(
            &(
                gate.require_feature("crm_enabled").unwrap(),
                limited.clone(),
            ),
            handle.clone(),
        ),
        app(&(gate.require_min_tier("pro").unwrap(), limited), handle),
    ]
}

async fn forever(_: Request<Body>) -> Response<Body> {
    std::future::pending().await
}

#[tokio::test]
async fn dropped_before_it_is_polled() {
    let test = TestGate::platform().user("ada", "pro");
    for app in behind_each_layer(&test, FLOWS, forever) {
        for _ in 0..TIMES {
            let mut app = app.clone();
            drop(app.ready().await.unwrap().call(by("ada")));
        }
        assert_eq!(used(&test, "ada", FLOWS).await, 0);
    }
}

#[tokio::test]
async fn dropped_while_the_handler_runs() {
    let test = TestGate::platform().user("ada", "pro");
    for app in behind_each_layer(&test, FLOWS, forever) {
        for _ in 0..TIMES {
            let mut answer = Box::pin(app.clone().oneshot(by("ada")));
            // The first lookup takes more than one poll.
            while used(&test, "ada", FLOWS).await == 0 {
                assert!(answer.as_mut().now_or_never().is_none());
                tokio::task::yield_now().await;
            }
            drop(answer);
            assert_eq!(used(&test, "ada", FLOWS).await, 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_while_the_lookup_runs() {
    let test = TestGate::platform().user("ada", "pro");
    let reached = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&reached);
    let apps = behind_each_layer(&test, FLOWS, move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Response::default() }
    });
    test.lookup().answer_after(Duration::from_millis(100));
    for app in apps {
        for _ in 0..TIMES {
            test.gate().invalidate(&Subject::user("ada"));
            let answer = app.clone().oneshot(by("ada"));
            let waited = tokio::time::timeout(Duration::from_millis(50), answer).await;
            assert!(waited.is_err(), "the lookup takes longer than that");
        }
        // The lookups go on without whoever asked, and call nobody.
        tokio::time::sleep(seconds(2)).await;
        assert_eq!(used(&test, "ada", FLOWS).await, 0);
    }
    assert_eq!(reached.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn dropped_while_the_store_is_asked() {
    let (test, usage) = ScriptedUsage::gate();
    for app in behind_each_layer(&test, FLOWS, forever) {
        usage.act(Act::Answer);
        assert!(app.clone().oneshot(by("ada")).now_or_never().is_none());
        usage.act(Act::AnswerLate);
        for _ in 0..TIMES {
            let answer = app.clone().oneshot(by("ada"));
            let waited = tokio::time::timeout(Duration::from_millis(500), answer).await;
            assert!(waited.is_err(), "the store takes longer than that");
        }
        tokio::time::sleep(seconds(10)).await;
        assert_eq!(used(&test, "ada", FLOWS).await, 0);
    }
}

#[tokio::test]
async fn a_handler_that_panics() {
    let test = TestGate::platform().user("ada", "pro");
    for app in behind_each_layer(&test, FLOWS, async |_| -> Response<Body> {
        std::panic::resume_unwind(Box::new("the handler panics"))
    }) {
        for _ in 0..TIMES {
            let answer = AssertUnwindSafe(app.clone().oneshot(by("ada")));
            assert!(answer.catch_unwind().await.is_err());
            assert_eq!(used(&test, "ada", FLOWS).await, 0);
        }
    }
}

#[tokio::test]
async fn a_service_that_panics_when_it_is_called() {
    let test = TestGate::platform().user("ada", "pro");
    for app in behind_each_layer(&test, FLOWS, |_| -> std::future::Ready<Response<Body>> {
        std::panic::resume_unwind(Box::new("the service panics"))
    }) {
        for _ in 0..TIMES {
            let answer = AssertUnwindSafe(app.clone().oneshot(by("ada")));
            assert!(answer.catch_unwind().await.is_err());
            assert_eq!(used(&test, "ada", FLOWS).await, 0);
        }
    }
}

#[tokio::test]
async fn a_charge_rule_that_panics() {
    let test = TestGate::platform().user("ada", "pro");
    let layer = test.gate().check_usage_limit(FLOWS).unwrap();
    let app =
        ok_app(&layer.charge_when(|_, _| std::panic::resume_unwind(Box::new("the rule panics"))));
    let answer = AssertUnwindSafe(app.oneshot(by("ada")));
    assert!(answer.catch_unwind().await.is_err());
    assert_eq!(used(&test, "ada", FLOWS).await, 0);
}

#[tokio::test]
async fn a_rate_stays_counted_when_the_client_goes_away() {
    let test = TestGate::platform().user("ada", "pro");
    let app = ok_app(&test.gate().check_usage_limit(CALLS).unwrap());
    send(&app, by("ada")).await;
    let mut gone = app.clone();
    drop(gone.ready().await.unwrap().call(by("ada")));
    assert_eq!(used(&test, "ada", CALLS).await, 2);
}

#[tokio::test]
async fn a_response_that_is_not_read_to_its_end_stays_charged() {
    let test = TestGate::platform().user("ada", "pro");
    let app = ok_app(&test.gate().check_usage_limit(FLOWS).unwrap());
    for _ in 0..TIMES {
        let response = app.clone().oneshot(by("ada")).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        drop(response);
    }
    assert_eq!(used(&test, "ada", FLOWS).await, TIMES as u64);
}

#[tokio::test]
async fn a_future_that_is_polled_after_its_end_stays_quiet() {
    let test = TestGate::platform().user("ada", "pro");
    let layer = test.gate().check_usage_limit(FLOWS).unwrap();
    let mut service = layer.layer(tower::service_fn(async |_: Request<Body>| {
        Ok::<_, std::convert::Infallible>(Response::<Body>::default())
    }));
    for user in ["ada", "bob"] {
        let mut answer = Box::pin(service.call(by(user)));
        assert!((&mut answer).await.is_ok());
        assert!((&mut answer).now_or_never().is_none());
    }
    assert_eq!(used(&test, "ada", FLOWS).await, 1);
}
