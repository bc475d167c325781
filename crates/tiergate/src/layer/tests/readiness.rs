use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::join_all;
use http::{Request, Response, StatusCode};
use tower::limit::ConcurrencyLimit;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::support::{Act, Body, CALLS, FLOWS, ScriptedUsage, by, status};
use crate::testing::TestGate;

/// A service that must be asked whether it is ready before every call, is not the first time it is
/// asked, and whose clones have been asked nothing.
struct Particular {
    readiness: Readiness,
    calls: Arc<AtomicU64>,
}

enum Readiness {
    Unasked,
    Asked,
    Ready,
}

impl Particular {
    fn new() -> Self {
        Self {
            readiness: Readiness::Unasked,
            calls: Arc::default(),
        }
    }
}

impl Clone for Particular {
    fn clone(&self) -> Self {
        Self {
            readiness: Readiness::Unasked,
            calls: Arc::clone(&self.calls),
        }
    }
}

impl Service<Request<Body>> for Particular {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        match self.readiness {
            Readiness::Unasked => {
                self.readiness = Readiness::Asked;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Readiness::Asked | Readiness::Ready => {
                self.readiness = Readiness::Ready;
                Poll::Ready(Ok(()))
            }
        }
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        assert!(
            matches!(self.readiness, Readiness::Ready),
            "called without being ready"
        );
        self.readiness = Readiness::Unasked;
        self.calls.fetch_add(1, Ordering::SeqCst);
        ready(Ok(status(200)))
    }
}

/// Calls one service over and over, as a connection does.
async fn drive<S>(mut service: S, requests: impl Iterator<Item = Request<Body>>)
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    for request in requests {
        let ready = service.ready().await.unwrap();
        let response = ready.call(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_found_ready_is_what_is_called() {
    let test = TestGate::platform();
    let service = Particular::new();
    let calls = Arc::clone(&service.calls);
    let guarded = test
        .gate()
        .require_feature("timeline_enabled")
        .unwrap()
        .layer(service);
    // Each user is looked up at the first request and cached at the second.
    let users = (0..500).flat_map(|user| [user, user]);
    drive(guarded, users.map(|user| by(&user.to_string()))).await;
    assert_eq!(calls.load(Ordering::SeqCst), 1_000);
    assert_eq!(test.lookup().calls(), 500);
}

#[tokio::test(start_paused = true)]
async fn also_when_the_store_takes_its_time() {
    let (test, usage) = ScriptedUsage::gate();
    let service = Particular::new();
    let calls = Arc::clone(&service.calls);
    let guarded = test.gate().check_usage_limit(FLOWS).unwrap().layer(service);
    usage.act(Act::AnswerLate);
    drive(guarded, (0..20).map(|_| by("ada"))).await;
    assert_eq!(calls.load(Ordering::SeqCst), 20);
}

#[tokio::test(start_paused = true)]
async fn a_service_for_one_at_a_time_serves_a_thousand() {
    let test = TestGate::platform();
    test.lookup().answer_after(Duration::from_millis(1));
    let calls = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&calls);
    let inner = ConcurrencyLimit::new(
        service_fn(move |_: Request<Body>| {
            counted.fetch_add(1, Ordering::SeqCst);
            ready(Ok::<_, Infallible>(status(200)))
        }),
        1,
    );
    let guarded = test.gate().check_usage_limit(CALLS).unwrap().layer(inner);
    let all = join_all((0..1_000).map(|user| {
        let guarded = guarded.clone();
        async move { guarded.oneshot(by(&user.to_string())).await }
    }));
    for response in all.await {
        assert_eq!(response.unwrap().status(), StatusCode::OK);
    }
    assert_eq!(calls.load(Ordering::SeqCst), 1_000);
    assert_eq!(test.lookup().calls(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn one_handle_on_a_service_for_one_at_a_time_is_enough() {
    let test = TestGate::platform();
    test.lookup().answer_after(Duration::from_millis(1));
    let inner = ConcurrencyLimit::new(
        service_fn(|_: Request<Body>| ready(Ok::<_, Infallible>(status(200)))),
        1,
    );
    let guarded = test.gate().require_min_tier("free").unwrap().layer(inner);
    drive(guarded, (0..1_000).map(|user| by(&user.to_string()))).await;
}

#[tokio::test]
async fn a_service_that_was_found_ready_and_never_called_holds_nothing() {
    let test = TestGate::platform().user("ada", "pro");
    let layer = test.gate().check_usage_limit(FLOWS).unwrap();
    let mut guarded = layer.layer(Particular::new());
    guarded.ready().await.unwrap();
    drop(guarded);
    assert_eq!(super::support::used(&test, "ada", FLOWS).await, 0);
}
